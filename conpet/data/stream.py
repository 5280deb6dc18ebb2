"""The stream of tasks as a learner sees it: every sample of tasks 1..t by one index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from conpet.data.encoding import SPLITS, read_part
from conpet.errors import UserError

Indices = np.ndarray


@dataclass(frozen=True)
class Stream:
    """Samples of tasks 1..t, in the order of the encoded parts.

    Attributes:
        ids: flat token ids; sample i is ``ids[offsets[i]:offsets[i + 1]]``.
        pool: position in the text where its representation is read.
        label: class number in order of arrival (task 1's classes come first).
        task: task number, from 1.
        split: 0 train, 1 valid, 2 test.
        classes: class names of each task.
        later: class names of tasks that the encoded files hold but that have not arrived yet.
    """

    ids: np.ndarray
    offsets: np.ndarray
    pool: np.ndarray
    label: np.ndarray
    task: np.ndarray
    split: np.ndarray
    row: np.ndarray
    part: np.ndarray
    classes: list[list[str]]
    later: list[list[str]]
    pad: int

    @property
    def tasks(self) -> int:
        """Number of tasks that have arrived."""
        return len(self.classes)

    @property
    def seen(self) -> int:
        """Number of classes that have arrived."""
        return sum(len(names) for names in self.classes)

    @cached_property
    def names(self) -> list[str]:
        """Class names by class number."""
        return [name for names in self.classes for name in names]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each sample."""
        return np.diff(self.offsets)

    @cached_property
    def class_task(self) -> np.ndarray:
        """Task number of each class, shape (seen,)."""
        return np.repeat(np.arange(1, self.tasks + 1), [len(names) for names in self.classes])

    def class_range(self, task: int) -> tuple[int, int]:
        """Return the first class number of a task and the one after its last."""
        start = sum(len(names) for names in self.classes[: task - 1])
        return start, start + len(self.classes[task - 1])

    def of(self, split: str, tasks: Sequence[int]) -> Indices:
        """Return the indices of a split's samples of the given tasks, in stream order."""
        wanted = np.isin(self.task, np.asarray(tasks))
        return np.flatnonzero(wanted & (self.split == SPLITS.index(split)))


def open_stream(paths: Sequence[Path], tasks: int) -> Stream:
    """Open encoded parts as one stream that ends after task ``tasks``.

    What the files hold of later tasks is left out, apart from the names of their classes.

    Raises:
        UserError: a file is not an encoded part, or the parts' tasks do not run 1, 2, 3, ...
    """
    parts = [read_part(path) for path in paths]
    numbers = [task["task"] for part in parts for task in part.about["tasks"]]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        names = ", ".join(str(path) for path in paths)
        raise UserError(f"encoded files ({names}): their tasks are {numbers}: give all, in order")
    ids, lengths, rest = [], [], {k: [] for k in ("pool", "label", "task", "split", "row", "part")}  # type: ignore[var-annotated]
    classes: list[list[str]] = []
    later: list[list[str]] = []
    offset = 0
    for number, part in enumerate(parts):
        a = part.arrays
        keep = a["task"] <= tasks
        ids.append(a["ids"][np.repeat(keep, np.diff(a["offsets"]))] if not keep.all() else a["ids"])
        lengths.append(np.diff(a["offsets"])[keep])
        for key in ("pool", "task", "split", "row"):
            rest[key].append(a[key][keep])
        rest["label"].append(a["label"][keep] + offset)
        rest["part"].append(np.full(int(keep.sum()), number, np.int32))
        for task in part.about["tasks"]:
            (classes if task["task"] <= tasks else later).append(task["classes"])
            offset += len(task["classes"])
    return Stream(
        ids=np.concatenate(ids),
        offsets=np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64),
        classes=classes,
        later=later,
        pad=parts[0].about["pad"],
        **{key: np.concatenate(values) for key, values in rest.items()},
    )
