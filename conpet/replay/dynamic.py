"""Dynamic sampling: a fixed number of batches, half new, half drawn from the whole history.

Song et al. 2023, section 3.2: what a task costs does not grow with the tasks, and over time every
old sample can return. docs/methods.md, Replay.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conpet.errors import UserError
from conpet.replay.base import (
    Arrived,
    Batches,
    Plan,
    Rehearsal,
    Replay,
    cut,
    draw_history,
    without_replacement,
)


def class_balanced_draw(
    pools: Sequence[np.ndarray],
    labels: np.ndarray,
    count: int,
    minimum: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw ``count`` from the tasks' pools with at least ``minimum`` samples of every class.

    Returns a shuffled array; where a class has fewer samples all of them are in it.
    """
    everything = np.concatenate(pools)
    ensured = []
    for label in np.unique(labels[everything]):
        members = everything[labels[everything] == label]
        ensured.append(rng.permutation(members)[:minimum])
    first = np.concatenate(ensured)
    rest = draw_history(pools, max(0, count - len(first)), rng)
    return rng.permutation(np.concatenate([first, rest]))


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
    fresh = size if share == 1 else min(max(1, round(size * share)), size - 1)
    drawn_new = without_replacement(new, batches * fresh, rng).reshape(batches, fresh)
    drawn_old = draw_history(old, batches * (size - fresh), rng).reshape(batches, size - fresh)
    return list(np.concatenate([drawn_new, drawn_old], axis=1))


class Dynamic(Replay):
    """The replay of Static and Dynamic ConPET."""

    def mixed(self, arrived: Arrived, rng: np.random.Generator, redraw: bool) -> Plan:
        """Return ``batches`` batches an epoch, training and validation together."""
        size, epochs, budget = arrived.training.batch_size, arrived.training.epochs, self.budget
        if size < 2:
            raise UserError(
                "training.batch_size: dynamic replay needs 2 or more, half new, half old"
            )
        stream, task = arrived.stream, arrived.task
        new, new_valid = stream.of("train", [task]), stream.of("valid", [task])
        old, old_valid = (self.old_pools(arrived, split) for split in ("train", "valid"))
        n_train = max(1, int(budget.batches * budget.train_share))
        n_valid = max(1, budget.batches - n_train)
        trains, valids = [], []
        for _ in range(epochs if redraw else 1):
            trains.append(mixed_batches(new, old, n_train, size, budget.new_share, rng))
        for _ in range(epochs + 1 if redraw else 1):
            drawn = mixed_batches(new_valid, old_valid, n_valid, budget.valid_batch_size, 0.5, rng)
            valids.append(np.concatenate(drawn))
        if not redraw:
            trains, valids = trains * epochs, valids * (epochs + 1)
        return Plan(trains, valids)

    def old_pools(self, arrived: Arrived, split: str) -> list[np.ndarray]:
        """Return what old samples are drawn from: one of the pools uniformly, then one of its own.

        Here a pool a former task; a replay that draws otherwise returns others.
        """
        return arrived.pools(split, range(1, arrived.task))

    def rehearsal(self, arrived: Arrived, minimum: int, rng: np.random.Generator) -> Rehearsal:
        """Return one pass, as long as all epochs' budgets together, with some of every class."""
        if arrived.task == 1:
            return Rehearsal(np.empty(0, np.int64), lambda _: [])
        size, epochs = arrived.training.batch_size, arrived.training.epochs
        pools = arrived.pools("train", range(1, arrived.task + 1))
        count = epochs * int(self.budget.batches * self.budget.train_share) * size
        drawn = class_balanced_draw(pools, arrived.stream.label, count, minimum, rng)
        unique = np.unique(drawn)
        old = unique[arrived.stream.task[unique] < arrived.task]
        return Rehearsal(old, lambda _: [cut(drawn, size)])


REPLAY = Dynamic
