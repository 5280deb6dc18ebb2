"""Dynamic sampling: a fixed number of batches, half new, half drawn from the whole history.

Song et al. 2023, section 3.2: what a task costs does not grow with the tasks, and over time every
old sample can return. docs/methods.md, Replay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from conpet.config.settings import Settings
from conpet.config.strict import Strict
from conpet.errors import UserError
from conpet.replay.base import (
    Arrived,
    Batches,
    Plan,
    Rehearsal,
    Replay,
    draw_history,
    part_of,
    without_replacement,
)
from conpet.replay.exemplars import rounded


class Options(Strict):
    """``draw``: a place for an old sample first draws a ``task`` (ConPET), or a ``class``.

    By class, classes come back equally often whatever the size of their task.
    """

    draw: Literal["task", "class"] = "task"


def some_of_every_class(
    pool: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw ``count`` samples of every class of a pool; all of a class that has fewer.

    Args:
        pool: sample indices, (n,); labels: of all samples, by index.
    """
    own = labels[pool]
    return np.concatenate([rng.permutation(pool[own == c])[:count] for c in np.unique(own)])


def _check_size(size: int) -> None:
    if size < 2:
        raise UserError("training.batch_size: dynamic replay needs 2 or more, half new, half old")


def new_places(size: int, share: float) -> int:
    """Return how many places of a batch are for new data: at least one, and one less than all."""
    return size if share == 1 else min(max(1, rounded(size * share)), size - 1)


def mixed_batches(
    new: np.ndarray,
    old: Sequence[np.ndarray],
    batches: int,
    size: int,
    share: float,
    rng: np.random.Generator,
) -> Batches:
    """Return ``batches`` batches, the share ``share`` of each from new data, the rest from old.

    One without a sample where there is nothing new: in a stream without validation samples.
    """
    if not len(new):
        return [new]
    fresh = new_places(size, share)
    drawn_new = without_replacement(new, batches * fresh, rng).reshape(batches, fresh)
    drawn_old = draw_history(old, batches * (size - fresh), rng).reshape(batches, size - fresh)
    return list(np.concatenate([drawn_new, drawn_old], axis=1))


class Dynamic(Replay):
    """The replay of Static and Dynamic ConPET."""

    Options = Options
    shares_batches = True

    @classmethod
    def check(cls, settings: Settings) -> None:
        """Refuse batches that have no place for both new and old."""
        _check_size(settings.training.batch_size)

    def mixed(self, arrived: Arrived, rng: np.random.Generator, redraw: bool) -> Plan:
        """Return ``batches`` batches an epoch, training and validation together."""
        size, epochs, budget = self._size(arrived), arrived.training.epochs, self.budget
        stream, task = arrived.stream, arrived.task
        new, new_valid = stream.of("train", [task]), stream.of("valid", [task])
        old, old_valid = (self.old_pools(arrived, split) for split in ("train", "valid"))
        n_train = max(1, part_of(budget.batches, budget.train_share))
        n_valid = max(1, budget.batches - n_train)
        share = self.new_share(arrived)
        trains, valids = [], []
        for _ in range(epochs if redraw else 1):
            trains.append(mixed_batches(new, old, n_train, size, share, rng))
        for _ in range(epochs + 1 if redraw else 1):
            drawn = mixed_batches(new_valid, old_valid, n_valid, budget.valid_batch_size, 0.5, rng)
            valids.append(np.concatenate(drawn))
        if not redraw:
            trains, valids = trains * epochs, valids * (epochs + 1)
        return Plan(trains, valids)

    def new_share(self, arrived: Arrived) -> float:
        """Return the share of a batch that is drawn from the new task, 0..1.

        By ``classes`` the new task's classes get the share that they have of all tasks'; a batch
        holds one new sample at least, and one old one (:func:`mixed_batches`).
        """
        if self.budget.new_share != "classes":
            return self.budget.new_share
        counts = [len(names) for names in arrived.stream.classes]
        return counts[-1] / sum(counts)

    def old_pools(self, arrived: Arrived, split: str) -> list[np.ndarray]:
        """Return what old samples are drawn from: one of the pools uniformly, then one of its own.

        Here a pool a former task, or a former class; a replay that draws otherwise returns others.
        """
        by_task = arrived.pools(split, range(1, arrived.task))
        # a replay of one's own may have options without this one
        if getattr(self.options, "draw", "task") == "task":
            return by_task
        everything = np.concatenate(by_task)
        labels = arrived.stream.label[everything]
        return [everything[labels == label] for label in np.unique(labels)]

    def rehearsal(self, arrived: Arrived, minimum: int, rng: np.random.Generator) -> Rehearsal:
        """Return one pass of epochs times ``batches`` batches, each half new, half old.

        No part of the budget is for validation (as in the authors' code): the stage chooses no
        epoch. It is longer only where ``minimum`` samples of every class do not fit.
        """
        nothing = Rehearsal(np.empty(0, np.int64), lambda _: [])
        if arrived.task == 1:
            return nothing
        size, stream = self._size(arrived), arrived.stream
        fresh = new_places(size, self.new_share(arrived))
        if fresh == size:
            return nothing
        new, pools = stream.of("train", [arrived.task]), self.old_pools(arrived, "train")
        some_new = some_of_every_class(new, stream.label, minimum, rng)
        some_old = some_of_every_class(np.concatenate(pools), stream.label, minimum, rng)
        needed = max(math.ceil(len(some_new) / fresh), math.ceil(len(some_old) / (size - fresh)))
        batches = max(arrived.training.epochs * self.budget.batches, needed)
        rest_new = without_replacement(new, batches * fresh - len(some_new), rng)
        rest_old = draw_history(pools, batches * (size - fresh) - len(some_old), rng)
        halves = [
            rng.permutation(np.concatenate(drawn)).reshape(batches, -1)
            for drawn in ((some_new, rest_new), (some_old, rest_old))
        ]
        batch_list = list(np.concatenate(halves, axis=1))
        return Rehearsal(np.unique(halves[1]), lambda _: [batch_list])

    def _size(self, arrived: Arrived) -> int:
        """Return the batch size.

        Raises:
            UserError: a batch has no place for both new and old.
        """
        _check_size(arrived.training.batch_size)
        return arrived.training.batch_size


REPLAY = Dynamic
