"""A sample as a person reads it: mentions marked, and cut where they are not."""

from __future__ import annotations

import re

import pytest

from conpet.data.marks import as_text, excerpt
from conpet.data.schema import Mention, Sample

FAR = "x " * 300
CUT = "… ?(x ){19,20}"


def relation(text: str) -> Sample:
    """Return a sample whose head is ANN and whose tail is BOB."""
    places = [(role, text.index(name)) for role, name in (("head", "ANN"), ("tail", "BOB"))]
    return Sample("1", text, "knows", mentions=tuple(Mention(r, a, a + 3) for r, a in places))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ANN knows BOB.", r"<e1>ANN</e1> knows <e2>BOB</e2>\."),
        (f"ANN knows BOB {FAR}", r"<e1>ANN</e1> knows <e2>BOB</e2> (x )+x?…"),
        (f"{FAR}ANN knows BOB.", r"… ?(x )+<e1>ANN</e1> knows <e2>BOB</e2>\."),
        (f"{FAR}BOB, whom ANN knows {FAR}", CUT + "<e2>BOB</e2>, whom <e1>ANN</e1> knows (x )+x?…"),
        (f"{FAR}ANN {FAR}BOB", CUT + "<e1>ANN</e1> (x )+x?…"),  # too far apart for both
    ],
)  # fmt: skip
def test_a_part_is_that_round_the_mentions(text: str, expected: str) -> None:
    shown = excerpt(relation(text), 120)
    assert re.fullmatch(expected, shown)
    plain = re.sub(r"</?e[12]>", "", shown)
    assert len(plain) <= 120
    assert plain.strip("…") in text


def test_what_is_short_enough_is_whole() -> None:
    for length in (119, 120, 121):
        text = "y" * length
        shown = excerpt(Sample("1", text, "a"), 120)
        assert shown == (text if length <= 120 else text[:119] + "…")
    whole = relation(f"{'x' * 50} ANN BOB")
    assert excerpt(whole, 240) == as_text(whole)


def test_fields_are_shown_as_lines() -> None:
    sample = Sample("1", "one\ntwo", "a", mentions=(Mention("p", 0, 3), Mention("q", 4, 7)))
    assert excerpt(sample, 240) == "one\ntwo"
    assert as_text(sample) == '{"p": "one", "q": "two"}'
