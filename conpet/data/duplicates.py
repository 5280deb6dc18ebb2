"""Texts that stand more than once: counted for a description, or left out of the samples."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import Any

from conpet.data.report import Report
from conpet.data.schema import Sample

Identity = Callable[[Sample], Hashable]
_KEPT_FIRST = ("test", "valid", "train", "")
_NAMED = 5
#: the note of a report that lists the texts which went because they had several labels
SEVERAL_LABELS = "texts with several labels"


def digest(text: Hashable) -> str:
    """Return a short name of what copies of one text share."""
    return hashlib.sha256(repr(text).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def identity(sample: Sample) -> Hashable:
    """Return what makes two samples one to a learner: the text and what is marked in it."""
    return sample.text, sample.mentions


def near_identity(sample: Sample) -> Hashable:
    """Return what two samples share that differ in white space, case or Unicode form alone."""
    marked = [(m.role, _plain(sample.text[m.start : m.end])) for m in sample.mentions]
    places = [len(_plain(sample.text[: m.start])) for m in sample.mentions]
    return _plain(sample.text), tuple(zip(marked, places, strict=True))


def _plain(text: str) -> str:
    """Return a text without what a reader takes for a matter of typing.

    NFKC makes one of letters that look alike (full width, ligatures, accents typed apart);
    case-folding may undo it, hence twice.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def drop_duplicates(
    samples: Sequence[Sample],
    report: Report,
    alike: Identity = identity,
    earlier: Collection[str] = (),
) -> list[Sample]:
    """Return the samples without those whose text has several labels, or stands there already.

    What stands in earlier tasks' files goes too, whatever its label: those tasks are as they were.
    Of copies with one label that of the test split stays, else of valid, else the first: so a test
    stays as long as it was, and none of its texts is trained on. All are counted in ``report``.

    Args:
        earlier: the texts (:func:`digest`) of the tasks before, which have files of their own.
        alike: what copies of one text share: :func:`identity` or :func:`near_identity`.
    """
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for row, sample in enumerate(samples):
        groups[alike(sample)].append(row)
    dropped: dict[int, str] = {}
    several: list[str] = []
    for text, rows in groups.items():
        if digest(text) in earlier:
            dropped |= dict.fromkeys(rows, "text that stands in an earlier task's files")
        elif len({samples[row].label for row in rows}) > 1:
            dropped |= dict.fromkeys(rows, "text with several labels")
            several.append(digest(text))
        else:
            kept = min(rows, key=lambda row: (_KEPT_FIRST.index(samples[row].split), row))
            dropped |= {row: "text that stands elsewhere" for row in rows if row != kept}
    if several:  # a later task's files may hold them too
        report.note(SEVERAL_LABELS, several)
    for row in sorted(dropped):
        report.drop(dropped[row], samples[row].id)
    return [sample for row, sample in enumerate(samples) if row not in dropped]


def known_texts(samples: Sequence[Sample], before: Sequence[Sample]) -> tuple[int, int]:
    """Return how many samples stand in earlier ones with their label, and with another alone."""
    labels: dict[Hashable, set[str]] = defaultdict(set)
    for sample in before:
        labels[identity(sample)].add(sample.label)
    again = [(labels[identity(s)], s.label) for s in samples if identity(s) in labels]
    same = sum(label in known for known, label in again)
    return same, len(again) - same


def seen_before(put: Iterable[tuple[Sample, str]]) -> tuple[int, int]:
    """Return how many of how many tests stand in training or validation too.

    Args:
        put: samples, each with the split that it was put into.
    """
    known = list(put)
    found = _repeated(known, _grouped(known, identity))["tests_seen_before"]
    return len(found), sum(split == "test" for _, split in known)


def count_duplicates(samples: Iterable[tuple[Sample, str]]) -> dict[str, dict[str, Any]]:
    """Return what stands more than once: ``{kind: {"count", "of", "first"}}``, kinds that occur.

    Kinds that begin with ``near_`` are of texts that differ in white space, case or Unicode form;
    what is exactly the same is not counted there again.

    Args:
        samples: each with the split that it was put into, or an empty one.
    """
    known = list(samples)
    found: dict[str, dict[str, Any]] = {}
    tests = sum(split == "test" for _, split in known)
    counted: dict[str, set[int]] = defaultdict(set)
    for prefix, alike in (("", identity), ("near_", near_identity)):
        groups = _grouped(known, alike)
        of = {"copies": len(known), "tests_seen_before": tests, "several_labels": len(groups)}
        for kind, cases in _repeated(known, groups).items():
            new = [rows for rows in cases if counted[kind].isdisjoint(rows)]
            counted[kind].update(row for rows in cases for row in rows)
            if new:
                first = [known[rows[0]][0].id for rows in new[:_NAMED]]
                found[prefix + kind] = {"count": len(new), "of": of[kind], "first": first}
    return found


def _grouped(known: Sequence[tuple[Sample, str]], alike: Identity) -> list[list[int]]:
    """Return the rows of each text."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for row, (sample, _) in enumerate(known):
        groups[alike(sample)].append(row)
    return list(groups.values())


def _repeated(
    known: Sequence[tuple[Sample, str]], groups: Sequence[list[int]]
) -> dict[str, list[list[int]]]:
    """Return the rows of each case of each kind, in the order of their first rows.

    Args:
        groups: the rows of each text.
    """
    copies, tests, several = [], [], []
    for rows in groups:
        labels: set[str] = set()
        for row in rows:
            if known[row][0].label in labels:
                copies.append([row])
            labels.add(known[row][0].label)
        if {known[row][1] for row in rows} & {"train", "valid"}:
            tests += [[row] for row in rows if known[row][1] == "test"]
        if len(labels) > 1:
            several.append(rows)
    return {
        "copies": sorted(copies),
        "tests_seen_before": sorted(tests),
        "several_labels": several,
    }
