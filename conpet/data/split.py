"""Samples -> a stream of tasks: the class order, and each task's train, valid and test rows."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from conpet.config.partition import Partition
from conpet.data.schema import Sample
from conpet.data.shortage import cut, remedy
from conpet.errors import UserError
from conpet.wording import some

Rows = dict[str, list[int]]
ByLabel = dict[str, list[int]]
SPLITS = ("train", "valid", "test")
_ANEW = (0.8, 0.1, 0.1)  # shares where the test samples are left out


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
    _check_order(found, set(labels))
    return found


def _check_order(tasks: Sequence[Sequence[str]], labels: set[str]) -> None:
    named = Counter(name for names in tasks for name in names)
    twice = [name for name, count in named.items() if count > 1]
    if twice:
        in_one = any(names.count(twice[0]) > 1 for names in map(list, tasks))
        where = "twice in the classes of one task" if in_one else "in two tasks"
        raise UserError(f"class order: {twice[0]!r} stands {where}: each class arrives once")
    if missing := sorted(set(named) - labels):
        more = f" (nor have {len(missing) - 1} more)" if len(missing) > 1 else ""
        known = sorted(labels - set(named)) or sorted(labels)
        raise UserError(
            f"class order: {missing[0]!r} has no sample in the data{more}: samples are of "
            f"{some(known)}"
        )


def _shares(rows: list[int], shares: Sequence[float]) -> Rows:
    a, valid, _ = cut(len(rows), shares)
    return {"train": rows[:a], "valid": rows[a : a + valid], "test": rows[a + valid :]}


def _pooled(samples: Sequence[Sample], partition: Partition, rng: random.Random) -> dict[int, str]:
    rows = list(range(len(samples)))
    rng.shuffle(rows)
    return {row: name for name, part in _shares(rows, partition.shares).items() for row in part}


def _official(
    rows: list[int], samples: Sequence[Sample], partition: Partition, rng: random.Random
) -> Rows:
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
    if not by_split["valid"] and partition.validation:
        # without an official validation set, a share of the training rows serves
        mixed = list(by_split["train"])
        rng.shuffle(mixed)
        # the tiny term as in cut(): 0.29 of 100 are 29, though the product is a little less
        share = int(partition.shares[1] * len(mixed) + 1e-9)
        n = max(1, share) if len(mixed) > 1 else 0
        by_split["valid"], by_split["train"] = sorted(mixed[:n]), sorted(mixed[n:])
    return by_split


class _Cutter:
    """Cuts the rows of one class after the other; one generator serves them all."""

    def __init__(self, samples: Sequence[Sample], partition: Partition) -> None:
        self.samples, self.partition = samples, partition
        self.rng = random.Random(partition.seed)
        # of its own, so that the samples left out are those of the test that is reported
        self._own_rng = random.Random(f"without test {partition.seed}")
        self.beyond_most = self.left_out = 0
        pooled = partition.scheme == "pooled"
        self._pooled = _pooled(samples, partition, self.rng) if pooled else None

    def cut(self, rows: list[int]) -> Rows:
        """Return the rows of one class of a task by split."""
        partition, most = self.partition, self.partition.most
        if partition.scheme == "per_class":
            mixed = list(rows)
            self.rng.shuffle(mixed)
            self.beyond_most += len(mixed[most:]) if most else 0
            found = _shares(mixed[:most], partition.shares)
        elif self._pooled is not None:
            found = {k: [r for r in rows if self._pooled[r] == k] for k in SPLITS}
        else:
            found = _official(rows, self.samples, partition, self.rng)
        if partition.without_test:
            rest = [*found["train"], *found["valid"]]
            self._own_rng.shuffle(rest)
            self.left_out += len(found["test"])
            found = _shares(rest, _ANEW)
        if not partition.validation:
            found |= {"train": found["train"] + found["valid"], "valid": []}
        if most is not None and len(found["train"]) > most:
            self.beyond_most += len(found["train"]) - most
            found["train"] = sorted(self.rng.sample(found["train"], most))
        return found

    def size(self, rows: list[int]) -> int:
        """Return what counts against ``least``: samples that may be trained on."""
        if self.partition.scheme != "official":
            return len(rows)
        return sum(self.samples[row].split in ("train", "") for row in rows)


def too_rare(samples: Sequence[Sample], partition: Partition) -> dict[str, int]:
    """Return the classes that ``least`` drops, and how many samples each has."""
    cutter, least = _Cutter(samples, partition), partition.least or 0
    rows = _by_label(samples, range(len(samples)))
    return {name: len(found) for name, found in rows.items() if cutter.size(found) < least}


def _chosen(
    samples: Sequence[Sample],
    order: dict[str, Any] | list[str] | None,
    cutter: _Cutter,
    groups: dict[str, list[str]] | None,
    rare: Counter[str],
) -> list[ByLabel]:
    """Return the rows of each task by label; ``rare`` is told of those that are dropped."""
    least = cutter.partition.least or 0

    def common(rows: ByLabel) -> ByLabel:
        few = {name: found for name, found in rows.items() if cutter.size(found) < least}
        rare.update({name: len(found) for name, found in few.items()})
        return {name: found for name, found in rows.items() if name not in few}

    if isinstance(order, dict) and "names" in order:
        by_task = _by_task(samples, order["names"])
        return [dict(sorted(common(_by_label(samples, rows)).items())) for rows in by_task]
    everything = _by_label(samples, range(len(samples)))
    if order is None:
        return [dict(sorted(common(everything).items()))]
    if isinstance(order, list):
        _check_order([order], set(everything))
        tasks = [sorted(order)]
    else:
        drawn = groups is None and not isinstance(order["tasks"], list)
        labels = common(everything) if drawn else everything
        if drawn and len(labels) < order["tasks"] <= len(everything):
            raise UserError(
                f"split.least: {len(rare)} of {len(everything)} classes have fewer than {least} "
                f"samples, which leaves {len(labels)} for {order['tasks']} tasks: lower it"
            )
        tasks = class_order(sorted(labels), order, cutter.rng, groups, cutter.partition.seed)
        if drawn:
            return [{name: labels[name] for name in names} for names in tasks]
    return [common({name: everything[name] for name in names}) for names in tasks]


def _by_label(samples: Sequence[Sample], rows: Iterable[int]) -> ByLabel:
    found: ByLabel = defaultdict(list)
    for row in rows:
        found[samples[row].label].append(row)
    return found


def _by_task(samples: Sequence[Sample], names: Sequence[str]) -> list[list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row, sample in enumerate(samples):
        found[sample.task].append(row)
    if absent := [name for name in names if name not in found]:
        known = ", ".join(sorted(found))
        raise UserError(f"order.names: {absent[0]!r}: no sample is of it: the tasks are {known}")
    return [found[name] for name in names]


def _check_again(tasks: Sequence[ByLabel], seen: Sequence[str], first: int) -> None:
    """Refuse classes of earlier tasks."""
    known = set(seen)
    for number, rows in enumerate(tasks, first):
        if again := sorted(known & set(rows)):
            raise UserError(
                f"class order: {again[0]!r} of task {number} is a class of an earlier task "
                "already: say shared: true if it means the same there, else give it a prefix"
            )
        known |= set(rows)


def split_samples(
    samples: Sequence[Sample],
    order: dict[str, Any] | list[str] | None,
    partition: Partition,
    *,
    first_task: int = 1,
    groups: dict[str, list[str]] | None = None,
    seen: Sequence[str] = (),
    shared: bool = False,
) -> dict[str, Any]:
    """Return the ``tasks`` of one part of a stream and how many samples belong to none.

    Args:
        samples: the part's samples; rows in the result index them.
        order: see :func:`class_order`; ``names`` of the tasks that samples name; a plain list of
            classes is one task (an addition), and so is None, of all classes.
        partition: how rows are cut; ``official`` needs each sample's own split.
        first_task: number of the first task of this part.
        groups: group name -> labels, when the order goes by groups.
        seen: classes of earlier parts, which must not come again.
        shared: whether several tasks may have a class.

    Raises:
        UserError: unknown, repeated or empty classes; a missing official split.
    """
    cutter, rare = _Cutter(samples, partition), Counter[str]()
    tasks = _chosen(samples, order, cutter, groups, rare)
    if not shared:
        _check_again(tasks, seen, first_task)
    result = []
    for number, by_label in enumerate(tasks, first_task):
        if not by_label:
            raise UserError(
                f"task {number}: none of its classes has {partition.least} samples: "
                "lower split.least"
            )
        rows: Rows = {name: [] for name in SPLITS}
        for found in by_label.values():
            for key, values in cutter.cut(found).items():
                rows[key] += values
        names = list(by_label)
        if not rows["train"]:
            raise UserError(
                f"task {number} ({some(names)}): no training sample: {remedy(partition)}; or leave "
                "small classes out by split.least (`conpet init FILE` writes a YAML that does)"
            )
        result.append({"task": number, "classes": names, **rows})
    used = sum(len(found) for by_label in tasks for found in by_label.values())
    about: dict[str, Any] = {
        "samples_without_task": len(samples) - used - rare.total(),
    }
    if partition.most is not None:
        about["samples_beyond_most"] = cutter.beyond_most
    if partition.without_test:
        about["test_samples_left_out"] = cutter.left_out
    if partition.least is not None:
        about["rare_classes"] = dict(sorted(rare.items()))
    return {"tasks": result, **about}
