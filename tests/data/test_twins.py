"""Class names that look alike are told, never taken for one or for two without a word."""

from __future__ import annotations

import pytest

from conpet.data.twins import missing_values, twins


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Food", "food"),
        ("food", "food\u200b"),
        ("caf\u00e9", "cafe\u0301"),
        ("a  b", "a\u00a0b"),
        ("1", "1.0"),
        ("01", "1"),
        ("book flight", "book_flight"),
        ("R&D", "R&amp;D"),
        ("\u2764", "\u2764\ufe0f"),
        ("don't", "don\u2019t"),
        ('"timer"', "timer"),
        ("translate-x", "translate\u2013x"),
        ("timer.", "timer"),
        ("translate", "tr\u0430nslate"),  # a Cyrillic letter
    ],
)
def test_two_that_look_alike(one: str, other: str) -> None:
    assert twins(["sport", one, other]) == (
        f"classes look alike: {one!a} and {other!a}: where they are one class, write them alike"
    )


def test_what_differs_is_no_twin() -> None:
    assert (
        twins(
            [
                "1",
                "-1",
                "10",
                "1.5",
                "a_b",
                "ab",
                "sport",
                "sports",
                "R&D",
                "RD",
                "C",
                "C#",
                "C++",
                "?",
                "!",
            ]
        )
        == ""
    )


def test_names_that_tools_read_as_missing_are_told() -> None:
    assert missing_values(["sport", "none", "Nancy"]) == ""
    said = missing_values(["sport", "nan", "None", "nan"])
    assert said.startswith("'nan', 'None': a class here, a missing value to other tools")
