"""The stream of tasks as a learner sees it: every sample of tasks 1..t by one index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from conpet.data.classes import arrival, columns, first_task, scenario
from conpet.data.encoding import SPLITS, read_part
from conpet.errors import UserError

Indices = np.ndarray


@dataclass(frozen=True)
class Stream:
    """Samples of tasks 1..t, in the order of the encoded parts.

    Attributes:
        ids: flat token ids; sample i is ``ids[offsets[i]:offsets[i + 1]]``.
        pool: position in the text where its representation is read.
        label: class number in order of arrival (task 1's classes come first). A class that comes
            again keeps its number.
        task: task number, from 1.
        split: 0 train, 1 valid, 2 test; -1 for what is left out (:meth:`drawn`).
        classes: class names of each task.
        later: class names of tasks that the encoded files hold but that have not arrived yet.
        validation: whether there are validation samples to choose by.
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
    validation: bool = True

    @property
    def tasks(self) -> int:
        """Number of tasks that have arrived."""
        return len(self.classes)

    @property
    def seen(self) -> int:
        """Number of classes that have arrived."""
        return len(self.names)

    @cached_property
    def names(self) -> list[str]:
        """Class names by class number."""
        return arrival(self.classes)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each sample."""
        return np.diff(self.offsets)

    @cached_property
    def class_task(self) -> np.ndarray:
        """Number of the task that brought each class, shape (seen,)."""
        return first_task(self.classes)

    @cached_property
    def _columns(self) -> list[np.ndarray]:
        return columns(self.classes)

    @property
    def shared(self) -> bool:
        """Whether some class belongs to several tasks."""
        return sum(map(len, self.classes)) > self.seen

    @property
    def scenario(self) -> str:
        """What kind of stream it is (:func:`conpet.data.classes.scenario`), tasks to come and all.

        Those to come are known as far as the encoded files hold them.
        """
        return scenario([*self.classes, *self.later])

    def columns(self, task: int) -> np.ndarray:
        """Return the class numbers of a task, in the order of its names, shape (classes,)."""
        return self._columns[task - 1]

    def class_range(self, task: int) -> tuple[int, int]:
        """Return the first class number of a task and the one after its last.

        Raises:
            UserError: the task has classes of an earlier one, so they are no range.
        """
        if self.shared:
            raise UserError(
                "classes: several tasks have the same, and this method needs others in each: take "
                "another method"
            )
        own = self.columns(task)
        return int(own[0]), int(own[-1]) + 1

    def known(self, task: int) -> int:
        """Return how many classes have arrived with tasks 1 to ``task``: numbers 0 to that."""
        return int((self.class_task <= task).sum())

    @property
    def coming(self) -> int:
        """Number of classes of later tasks that have not arrived yet."""
        return len(arrival([*self.classes, *self.later])) - self.seen

    def drawn(self, shots: int, seed_of: Callable[..., int]) -> Stream:
        """Return the stream with so many training samples of each class and task, drawn by seed.

        The others keep their indices, and are in no split.

        Args:
            seed_of: purpose, task and class name -> seed.
        """
        split = self.split.copy()
        for task in range(1, self.tasks + 1):
            indices = self.of("train", [task])
            for label in np.unique(self.label[indices]):
                mine = indices[self.label[indices] == label]
                rng = np.random.default_rng(seed_of("shots", task, self.names[label]))
                split[rng.permutation(mine)[shots:]] = -1
        return replace(self, split=split)

    def best_in_task(self, scores: np.ndarray, indices: Indices) -> np.ndarray:
        """Return the class of the highest score among those of each sample's own task, (n,).

        Args:
            scores: of the samples ``indices`` over all classes, shape (n, seen).
        """
        best = np.zeros(len(indices), np.int64)
        tasks = self.task[indices]
        for task in np.unique(tasks):
            rows, own = np.flatnonzero(tasks == task), self.columns(int(task))
            best[rows] = own[scores[rows][:, own].argmax(1)]
        return best

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
    arrived: dict[str, int] = {}
    for number, part in enumerate(parts):
        a = part.arrays
        keep = a["task"] <= tasks
        ids.append(a["ids"][np.repeat(keep, np.diff(a["offsets"]))] if not keep.all() else a["ids"])
        lengths.append(np.diff(a["offsets"])[keep])
        for key in ("pool", "task", "split", "row"):
            rest[key].append(a[key][keep])
        brought = arrival([task["classes"] for task in part.about["tasks"]])
        own = np.array([arrived.setdefault(name, len(arrived)) for name in brought], np.int32)
        rest["label"].append(own[a["label"][keep]])
        rest["part"].append(np.full(int(keep.sum()), number, np.int32))
        for task in part.about["tasks"]:
            (classes if task["task"] <= tasks else later).append(task["classes"])
    return Stream(
        ids=np.concatenate(ids),
        offsets=np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64),
        classes=classes,
        later=later,
        pad=parts[0].about["pad"],
        **{key: np.concatenate(values) for key, values in rest.items()},  # type: ignore[arg-type]
    )
