"""Classes and tasks that a split leaves without samples to learn from, choose by or test on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from conpet.config.partition import Partition
from conpet.wording import some

_NEEDED_FOR = {
    "train": "training: it cannot be learnt, and its test samples all count as wrong",
    "valid": "validation: nothing is chosen by it",
    "test": "test: it is never scored",
}
_FEW = [0.6, 0.2, 0.2]
_LOST = 0.2  # of the rows: more is hardly meant
_CUT = 0.2  # of the texts: the same


def untrainable(tasks: Sequence[dict[str, Any]], partition: Partition) -> str:
    """Say which tasks no method can learn, and the remedy; nothing where all can be."""
    without = [str(task["task"]) for task in tasks if not task["valid"]]
    if not without or not partition.validation:
        return ""
    named = f"task {without[0]}" if len(without) == 1 else f"tasks {', '.join(without)}"
    return (
        f"{named}: no validation sample, by which the best epoch is chosen: {remedy(partition)}; "
        "or say split: {validation: false}, and the last epoch is kept"
    )


def untestable(tasks: Sequence[dict[str, Any]], partition: Partition) -> str:
    """Say that nothing can be measured after task 1, and the remedy; nothing where it can."""
    if not tasks or tasks[0]["task"] > 1 or tasks[0]["test"]:
        return ""
    return f"task 1: no test sample, so nothing to measure after it: {remedy(partition)}"


def shortages(
    tasks: Sequence[dict[str, Any]], labels: Sequence[str], partition: Partition
) -> Iterator[str]:
    """Yield one line for what is missing in each split, with its remedy.

    Args:
        tasks: those of tasks.json.
        labels: the class of each row.
    """
    yield from filter(None, (untrainable(tasks, partition), untestable(tasks, partition)))
    classes = [(task["task"], name) for task in tasks for name in task["classes"]]
    times = Counter(name for _, name in classes)
    for split, why in _NEEDED_FOR.items():
        if split == "valid" and not partition.validation:
            continue
        found = Counter((task["task"], labels[row]) for task in tasks for row in task[split])
        without = [
            name if times[name] == 1 else f"{name} in task {task}"
            for task, name in classes
            if not found[task, name]
        ]
        if without:
            yield (
                f"{len(without)} of {len(classes)} classes ({some(without)}) "
                f"have no sample for {why}: {remedy(partition)}"
            )


def barely_tested(tasks: Sequence[dict[str, Any]], labels: Sequence[str]) -> str:
    """Say which classes one test sample decides on; nothing where none does."""
    found = Counter(labels[row] for task in tasks for row in task["test"])
    alone = sorted(name for name, count in found.items() if count == 1)
    if not alone:
        return ""
    return (
        f"{len(alone)} of {len(found)} classes ({some(alone)}) have one test "
        "sample: one answer is its whole accuracy: have more samples, or more of them for the test"
    )


def mostly_dropped(unread: int, rare: int, read: int) -> str:
    """Say that a good part of the rows is not learnt from; nothing where it is small.

    Args:
        unread: rows dropped in reading; rare: samples of classes below split.least; read: samples.
    """
    lost, rows = unread + rare, unread + read
    if not lost or lost < _LOST * rows:
        return ""
    return f"{lost:,} of {rows:,} rows ({lost / rows:.0%}) are dropped: Dropped says why"


def mostly_cut(lengths: Sequence[int], room: int) -> str:
    """Say that a good part of the texts is cut, of so many tokens; nothing where it is small."""
    cut_short = sum(length > room for length in lengths)
    if cut_short <= _CUT * len(lengths):
        return ""
    return (
        f"{cut_short:,} of {len(lengths):,} texts are cut at {room} tokens (half of all have "
        f"{median(lengths):,.0f} or more): a larger encoding.max_length reads more of them"
    )


def cut(rows: int, shares: Sequence[float]) -> tuple[int, int, int]:
    """Return how many of so many rows go to train, valid and test."""
    # cumulative int(): 135 rows at 80/10/10 give 108, 13, 14, as the published split does;
    # the tiny term because 0.7 + 0.2 is a little less than 0.9
    a = int(shares[0] * rows + 1e-9)
    b = int((shares[0] + shares[1]) * rows + 1e-9)
    return a, b - a, rows - b


def remedy(partition: Partition, cut_already: bool = False) -> str:
    """Say what a user can do about a class that lacks samples in a split.

    Args:
        cut_already: other tasks are cut by the same shares, which another share would cut anew.
    """
    if partition.scheme == "official":
        return "see the split that its files say, or say split: {scheme: per_class}"
    if partition.scheme == "pooled":
        return "say split: {scheme: per_class}, which cuts each class"
    shares, needed = partition.shares, [0, 1, 2]
    if not partition.validation:
        shares, needed = [shares[0] + shares[1], 0.0, shares[2]], [0, 2]
    need = least_rows(shares, needed)
    if need is None:
        return f"none of split.shares {partition.shares} may be 0"
    if partition.most is not None and partition.most < need:
        return f"say split.most: {need} or more"
    few = (least_rows(_FEW) if partition.validation else None) or need
    said = f"give each class {need} samples or more"
    if need <= few or cut_already:
        return said
    return f"{said}, or say split.shares {_FEW}: then {few} are enough"


def least_rows(shares: Sequence[float], splits: Sequence[int] = (0, 1, 2)) -> int | None:
    """Return from how many samples on a class has one in each split; None where a share is 0.

    Args:
        splits: which of train, valid and test must have one.
    """
    smallest = min(shares[split] for split in splits)
    if smallest == 0:
        return None
    n = math.ceil(1 / smallest)  # enough in any case
    while n > 1 and all(cut(n - 1, shares)[split] for split in splits):
        n -= 1
    return n
