"""Replay of a memory whose exemplars keep their logits: what the model said of them when stored.

The dark knowledge of DER (Buzzega et al. 2020, arXiv 2004.07211): the learner ``der`` holds later
scores to them. Samples and batches are those of ``memory``, so that the two cost the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conpet.replay.base import Arrived
from conpet.replay.exemplars import Memory
from conpet.replay.memory import MemoryReplay


class LogitsReplay(MemoryReplay):
    """The exemplars of ``memory``, and of those that serve training the scores at their time."""

    keeps_scores = True

    def keep(
        self, arrived: Arrived, features: Callable[[np.ndarray], np.ndarray], seed: int
    ) -> Memory:
        """Return the memory with the newest exemplars and their scores behind it.

        ``features`` gives the head's outputs, (n, rows); the first are of the classes seen.
        """
        noted: dict[int, np.ndarray] = {}

        def once(indices: np.ndarray) -> np.ndarray:
            found = features(indices)
            noted.update(zip(indices.tolist(), found[:, : arrived.stream.seen], strict=True))
            return found

        memory = super().keep(arrived, once, seed)
        newest = memory.train[len(arrived.memory.train) :]
        scores = (*arrived.memory.scores, *(noted[int(i)] for i in newest))
        return Memory(memory.train, memory.valid, scores)


REPLAY = LogitsReplay
