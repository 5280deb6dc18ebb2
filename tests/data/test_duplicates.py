"""Texts that stand more than once: counted, and left out where the config says so."""

from __future__ import annotations

import unicodedata

import pytest

from conpet.data.duplicates import (
    count_duplicates,
    drop_duplicates,
    known_texts,
    near_identity,
    seen_before,
)  # fmt: skip
from conpet.data.report import Report
from conpet.data.schema import Mention, Sample

SAMPLES = [
    Sample("1", "a", "x", "train"),
    Sample("2", "a", "x", "test"),
    Sample("3", "a", "x", "train"),
    Sample("4", "b", "x", "train"),
    Sample("5", "b", "y", "test"),
    Sample("6", "c", "x", "train"),
    Sample("7", "c", "x", "valid"),
    Sample("8", "dd", "x", "test", (Mention("entity", 0, 1),)),
    Sample("9", "dd", "y", "test", (Mention("entity", 0, 2),)),  # another mention: another question
]


def test_what_is_dropped() -> None:
    report = Report()
    kept = drop_duplicates(SAMPLES, report)
    assert [s.id for s in kept] == ["2", "7", "8", "9"]
    assert report.as_dict()["dropped"] == {
        "text that stands elsewhere": {"count": 3, "first": ["1", "3", "6"]},
        "text with several labels": {"count": 2, "first": ["4", "5"]},
    }


def test_without_splits_the_first_stays() -> None:
    samples = [Sample(str(i), "a", "x") for i in range(50)]
    assert [s.id for s in drop_duplicates(samples, Report())] == ["0"]


def test_what_is_counted() -> None:
    assert count_duplicates((s, s.split) for s in SAMPLES) == {
        "copies": {"count": 3, "of": 9, "first": ["2", "3", "7"]},
        "tests_seen_before": {"count": 2, "of": 4, "first": ["2", "5"]},
        "several_labels": {"count": 1, "of": 5, "first": ["4"]},
    }
    dropped = drop_duplicates(SAMPLES, Report())
    assert count_duplicates((s, s.split) for s in dropped) == {}


@pytest.mark.parametrize(
    "other",
    [
        "  Caf\u00e9  AU\tlait 5\n",
        unicodedata.normalize("NFD", "Caf\u00e9 au lait 5"),
        "caf\u00e9\u00a0au\u3000lait \uff15",
    ],
)
def test_what_differs_in_typing_alone_is_counted_apart(other: str) -> None:
    text = "Caf\u00e9 au lait 5"
    samples = [Sample("1", text, "x", "train"), Sample("2", other, "x", "test")]
    assert count_duplicates((s, s.split) for s in samples) == {
        "near_copies": {"count": 1, "of": 2, "first": ["2"]},
        "near_tests_seen_before": {"count": 1, "of": 1, "first": ["2"]},
    }
    assert len(drop_duplicates(samples, Report())) == 2
    assert [s.id for s in drop_duplicates(samples, Report(), near_identity)] == ["2"]


def test_what_is_the_same_is_not_counted_as_near_too() -> None:
    samples = [*SAMPLES, Sample("10", "A ", "x", "train"), Sample("11", "B", "x", "test")]
    found = count_duplicates((s, s.split) for s in samples)
    assert found["copies"] == {"count": 3, "of": 11, "first": ["2", "3", "7"]}
    assert found["near_copies"] == {"count": 2, "of": 11, "first": ["10", "11"]}
    assert found["near_tests_seen_before"] == {"count": 1, "of": 5, "first": ["11"]}
    assert "near_several_labels" not in found  # those of "b" and "B" are those of "b"
    more = [Sample("1", "c", "x"), Sample("2", "C", "y")]
    assert count_duplicates((s, "") for s in more) == {
        "near_several_labels": {"count": 1, "of": 1, "first": ["1"]}
    }


def test_other_words_or_other_mentions_are_no_near_copies() -> None:
    samples = [
        Sample("1", "A b a", "x", mentions=(Mention("entity", 0, 1),)),
        Sample("2", "a B A", "x", mentions=(Mention("entity", 4, 5),)),
        Sample("3", "a b", "x"),
        Sample("4", "a-b", "x"),
    ]
    assert count_duplicates((s, "") for s in samples) == {}
    same = [samples[0], Sample("5", "a  b a", "x", mentions=(Mention("entity", 0, 1),))]
    assert list(count_duplicates((s, "") for s in same)) == ["near_copies"]


def test_a_later_files_texts_are_told_by_their_labels() -> None:
    later = [
        Sample("1", "a", "x"),  # as it stands there
        Sample("2", "b", "z"),  # another label
        Sample("3", "dd", "x"),  # nothing is marked in it: another question
        Sample("4", "new", "x"),
    ]
    assert known_texts(later, SAMPLES) == (1, 1)
    assert known_texts(later, []) == (0, 0)


def test_tests_that_are_trained_on_are_counted() -> None:
    assert seen_before((sample, sample.split) for sample in SAMPLES) == (2, 4)
