"""Texts that stand more than once: counted for a description, or left out of the samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from conpet.data.report import Report
from conpet.data.schema import Mention, Sample

Identity = tuple[str, tuple[Mention, ...]]
_KEPT_FIRST = ("test", "valid", "train", "")


def identity(sample: Sample) -> Identity:
    """Return what makes two samples one to a learner: the text and what is marked in it."""
    return sample.text, sample.mentions


def drop_duplicates(samples: Sequence[Sample], report: Report) -> list[Sample]:
    """Return the samples without those whose text has several labels, or stands there already.

    Of copies with one label that of the test split stays, else of valid, else the first: so a test
    stays as long as it was, and none of its texts is trained on. All are counted in ``report``.
    """
    groups: dict[Identity, list[int]] = defaultdict(list)
    for row, sample in enumerate(samples):
        groups[identity(sample)].append(row)
    dropped: dict[int, str] = {}
    for rows in groups.values():
        if len({samples[row].label for row in rows}) > 1:
            dropped |= dict.fromkeys(rows, "text with several labels")
        else:
            kept = min(rows, key=lambda row: (_KEPT_FIRST.index(samples[row].split), row))
            dropped |= {row: "text that stands elsewhere" for row in rows if row != kept}
    for row in sorted(dropped):
        report.drop(dropped[row], samples[row].id)
    return [sample for row, sample in enumerate(samples) if row not in dropped]


def count_duplicates(samples: Iterable[tuple[Sample, str]]) -> dict[str, dict[str, Any]]:
    """Return what stands more than once: ``{kind: {"count", "of", "first"}}``, kinds that occur.

    Args:
        samples: each with the split that it was put into, or an empty one.
    """
    labels: dict[Identity, set[str]] = defaultdict(set)
    splits: dict[Identity, set[str]] = defaultdict(set)
    report, total, tests = Report(), 0, 0
    known = list(samples)
    for sample, split in known:
        key = identity(sample)
        if sample.label in labels[key]:
            report.drop("copies", sample.id)
        labels[key].add(sample.label)
        splits[key].add(split)
    several = set()
    for sample, split in known:
        key = identity(sample)
        total, tests = total + 1, tests + (split == "test")
        if split == "test" and splits[key] & {"train", "valid"}:
            report.drop("tests_seen_before", sample.id)
        if len(labels[key]) > 1 and key not in several:
            several.add(key)
            report.drop("several_labels", sample.id)
    of = {"copies": total, "tests_seen_before": tests, "several_labels": len(labels)}
    return {
        kind: {"count": found["count"], "of": of[kind], "first": found["first"]}
        for kind, found in report.as_dict()["dropped"].items()
    }
