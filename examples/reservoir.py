"""Reservoir replay: a memory of a fixed size, in which every sample seen has the same chance to be.

A replay of one's own, as a file: copy it to conpet/replay/ and name it in a method's YAML, with
`replay_options: {size: 100}`. Vitter 1985 (ACM TOMS 11), algorithm R.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conpet.config.settings import Count
from conpet.config.strict import Strict
from conpet.replay.base import Arrived, Plan, Replay, shuffled
from conpet.replay.exemplars import Memory


class Options(Strict):
    """``size``: samples that are kept, of all classes together."""

    size: Count = 50


class Reservoir(Replay):
    """Each epoch holds the new samples and the whole reservoir."""

    Options = Options
    keeps = True

    def mixed(self, arrived: Arrived, rng: np.random.Generator, redraw: bool) -> Plan:
        """Return epochs over the new samples and those kept."""
        new = arrived.stream.of("train", [arrived.task])
        valid = arrived.stream.of("valid", [arrived.task])
        epochs, size = arrived.training.epochs, arrived.training.batch_size
        everything = np.concatenate([new, arrived.memory.train])
        return Plan(shuffled(everything, epochs, size, rng), [valid] * (epochs + 1))

    def old(self, arrived: Arrived) -> np.ndarray:
        """Return what is kept, sorted."""
        return np.sort(arrived.memory.train)

    def keep(
        self, arrived: Arrived, features: Callable[[np.ndarray], np.ndarray], seed: int
    ) -> Memory:
        """Return the reservoir after the task's samples have run through it."""
        rng = np.random.default_rng(seed)
        kept = arrived.memory.train.tolist()
        seen = len(arrived.stream.of("train", range(1, arrived.task)))
        for number, sample in enumerate(arrived.stream.of("train", [arrived.task]), seen):
            if len(kept) < self.options.size:
                kept.append(int(sample))
            elif (place := int(rng.integers(number + 1))) < self.options.size:
                kept[place] = int(sample)
        return Memory(np.array(kept, np.int64), np.empty(0, np.int64))


REPLAY = Reservoir
