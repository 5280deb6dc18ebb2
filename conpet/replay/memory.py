"""Replay of a memory: exemplars of every class, repeated until the budget is used (EMR).

Wang et al. 2019 (arXiv 1903.02588); docs/methods.md, Replay.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from conpet.errors import UserError
from conpet.replay.base import Arrived, Plan, Replay, part_of, shuffled
from conpet.replay.exemplars import Memory, choose_memory


def frequency(budget: int, new: int, memory: int, base: int) -> int:
    """Return how often the memory is repeated: to fill the budget, else ``base`` times."""
    room = budget - new
    return math.ceil(room / memory) if room > 0 else base


class MemoryReplay(Replay):
    """The new samples, and the exemplars so often that it costs as much as dynamic replay."""

    keeps = True
    by_features = True

    def mixed(self, arrived: Arrived, rng: np.random.Generator, redraw: bool) -> Plan:
        """Return epochs over the new samples and the repeated exemplars."""
        stream, training, memory = arrived.stream, arrived.training, arrived.memory
        absent = set(range(1, arrived.task)) - set(stream.task[memory.train].tolist())
        if absent:
            raise UserError(f"task {arrived.task}: the memory holds nothing of task {min(absent)}")
        new = stream.of("train", [arrived.task])
        budget = part_of(self.budget.batches, self.budget.train_share) * training.batch_size
        times = frequency(budget, len(new), len(memory.train), self.exemplars.base_frequency)
        everything = np.concatenate([new, np.tile(memory.train, times)])
        valid = np.concatenate([stream.of("valid", [arrived.task]), memory.valid])
        batches = shuffled(everything, training.epochs, training.batch_size, rng)
        return Plan(batches, [valid] * (training.epochs + 1))

    def old(self, arrived: Arrived) -> np.ndarray:
        """Return the exemplars that serve training, sorted."""
        return np.unique(arrived.memory.train)

    def keep(
        self, arrived: Arrived, features: Callable[[np.ndarray], np.ndarray], seed: int
    ) -> Memory:
        """Return the memory with the newest task's exemplars, chosen by K-means, behind it."""
        indices = arrived.stream.of("train", [arrived.task])
        # where nothing is chosen by validation, all exemplars serve training
        share = self.exemplars.train_share if arrived.stream.validation else 1.0
        chosen = choose_memory(
            features(indices), arrived.stream.label[indices], indices, self.exemplars.per_class,
            share, seed,
        )  # fmt: skip
        return arrived.memory.joined(chosen)


REPLAY = MemoryReplay
