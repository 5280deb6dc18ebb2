"""Texts that stand more than once: counted, and left out where the config says so."""

from __future__ import annotations

from conpet.data.duplicates import count_duplicates, drop_duplicates
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
    Sample("8", "d", "x", "test", (Mention("entity", 0, 1),)),
    Sample("9", "d", "y", "test", (Mention("entity", 0, 2),)),  # another mention: another question
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
