"""Samples -> a stream of tasks: the class order, and each task's train, valid and test rows."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from conpet.config.dataset import Partition
from conpet.data.schema import Sample
from conpet.data.shortage import cut, remedy
from conpet.errors import UserError

Rows = dict[str, list[int]]


def cut_labels(labels: Sequence[str], tasks: int) -> list[list[str]]:
    """Cut labels into ``tasks`` groups whose sizes differ by one at most, larger ones first."""
    if tasks > len(labels):
        raise UserError(f"order: {tasks} tasks need as many classes, there are {len(labels)}")
    size, extra = divmod(len(labels), tasks)
    groups, start = [], 0
    for t in range(tasks):
        end = start + size + (t < extra)
        groups.append(list(labels[start:end]))
        start = end
    return groups


def class_order(
    labels: Sequence[str],
    order: dict[str, Any],
    rng: random.Random,
    groups: dict[str, list[str]] | None,
    seed: int,
) -> list[list[str]]:
    """Return the classes of each task, sorted within a task.

    ``order`` holds ``seed`` and ``tasks`` (labels sorted, shuffled, cut), or a published list of
    ``tasks``, or names ``groups``. In the published derivation one generator shuffles labels and
    samples: ``rng`` serves where ``order`` names its seed, ``seed``. It is advanced by the shuffle
    in every case, so that the samples' split that follows is the same.

    Raises:
        UserError: the order names a class that has no sample, or a class twice.
    """
    shuffled = sorted(labels)
    rng.shuffle(shuffled)
    if order.get("seed", seed) != seed:
        shuffled = sorted(labels)
        random.Random(order["seed"]).shuffle(shuffled)
    if groups is not None:
        found = [sorted(names) for names in groups.values()][: order["tasks"]]
    elif isinstance(order["tasks"], list):
        found = [sorted(names) for names in order["tasks"]]
    else:
        found = [sorted(names) for names in cut_labels(shuffled, order["tasks"])]
    named = Counter(name for names in found for name in names)
    _check_order(named, set(labels))
    return found


def _check_order(named: Counter[str], labels: set[str]) -> None:
    twice = [name for name, count in named.items() if count > 1]
    if twice:
        raise UserError(f"class order: {twice[0]!r} stands in two tasks: each class arrives once")
    missing = sorted(set(named) - labels)
    if missing:
        raise UserError(
            f"class order: {missing[0]!r} has no sample in the data"
            + (f" (nor have {len(missing) - 1} more)" if len(missing) > 1 else "")
        )


def _shares(rows: list[int], shares: Sequence[float]) -> Rows:
    a, valid, _ = cut(len(rows), shares)
    return {"train": rows[:a], "valid": rows[a : a + valid], "test": rows[a + valid :]}


def _pooled(samples: Sequence[Sample], partition: Partition, rng: random.Random) -> dict[int, str]:
    rows = list(range(len(samples)))
    rng.shuffle(rows)
    return {row: name for name, part in _shares(rows, partition.shares).items() for row in part}


def _class_rows(
    rows: list[int], samples: Sequence[Sample], partition: Partition, rng: random.Random
) -> Rows:
    if partition.scheme == "per_class":
        mixed = list(rows)
        rng.shuffle(mixed)
        return _shares(mixed[: partition.most], partition.shares)
    by_split: Rows = {"train": [], "valid": [], "test": []}
    for row in rows:
        name = samples[row].split
        if name not in by_split:
            if any(sample.split for sample in samples):
                raise UserError(
                    f"sample {samples[row].id}: no split, where others have one: add it"
                )
            raise UserError(
                f"sample {samples[row].id}: no official split: set split.scheme to per_class"
            )
        by_split[name].append(row)
    if not by_split["valid"]:
        # without an official validation set, a share of the training rows serves
        mixed = list(by_split["train"])
        rng.shuffle(mixed)
        n = max(1, int(partition.shares[1] * len(mixed))) if len(mixed) > 1 else 0
        by_split["valid"], by_split["train"] = sorted(mixed[:n]), sorted(mixed[n:])
    return by_split


def _left_out(
    tasks: list[list[str]], by_label: dict[str, list[int]], partition: Partition
) -> dict[str, int]:
    """Return how many samples no task holds, and how many a class has beyond the most."""
    used = {name for names in tasks for name in names}
    about = {"samples_without_task": sum(len(by_label[n]) for n in set(by_label) - used)}
    if partition.most is not None:
        sizes = [len(by_label[name]) for name in used]
        about["samples_beyond_most"] = sum(max(0, n - partition.most) for n in sizes)
    return about


def split_samples(
    samples: Sequence[Sample],
    order: dict[str, Any] | list[str],
    partition: Partition,
    *,
    first_task: int = 1,
    groups: dict[str, list[str]] | None = None,
    seen: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the ``tasks`` of one part of a stream and how many samples belong to none.

    Args:
        samples: the part's samples; rows in the result index them.
        order: see :func:`class_order`; a plain list of classes is one task (an addition).
        partition: how rows are cut; ``official`` needs each sample's own split.
        first_task: number of the first task of this part.
        groups: group name -> labels, when the order goes by groups.
        seen: classes of earlier parts, which must not come again.

    Raises:
        UserError: unknown, repeated or empty classes; a missing official split.
    """
    rng = random.Random(partition.seed)
    pooled: dict[int, str] | None = None
    if partition.scheme == "pooled":
        pooled = _pooled(samples, partition, rng)
    labels = {s.label for s in samples}
    if isinstance(order, list):
        _check_order(Counter(order), labels)
        tasks = [sorted(order)]
    else:
        tasks = class_order(sorted(labels), order, rng, groups, partition.seed)
    again = sorted(set(seen) & {name for names in tasks for name in names})
    if again:
        raise UserError(f"class order: {again[0]!r} is a class of an earlier task already")
    by_label: dict[str, list[int]] = defaultdict(list)
    for row, sample in enumerate(samples):
        by_label[sample.label].append(row)
    result = []
    for number, names in enumerate(tasks, first_task):
        rows: Rows = {"train": [], "valid": [], "test": []}
        for name in names:
            if pooled is not None:
                found: Rows = {k: [r for r in by_label[name] if pooled[r] == k] for k in rows}
            else:
                found = _class_rows(by_label[name], samples, partition, rng)
            for key, values in found.items():
                rows[key] += values
        if not rows["train"]:
            raise UserError(
                f"task {number} ({', '.join(names)}): no training sample: {remedy(partition)}"
            )
        result.append({"task": number, "classes": names, **rows})
    return {"tasks": result, **_left_out(tasks, by_label, partition)}
