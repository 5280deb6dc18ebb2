"""How fast this machine learns: timed on a few steps."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conpet.commands.estimation_subject import Cost, Subject
from conpet.models.backbone import Backbone

TIMED_SECONDS = 4.0
_TIMED_BATCHES = 4


@dataclass(frozen=True)
class Speed:
    """Tokens per second, trained (infinite: none) and forward; seconds a job takes to begin."""

    trained: float
    forward: float
    start: float

    def seconds(self, cost: Cost) -> float:
        """Return how long that takes."""
        passed = cost.passed
        passes = passed.trained_tokens / self.trained + passed.forward_tokens / self.forward
        return passes + cost.jobs * self.start


def measure(subject: Subject) -> Speed:
    """Time a job's beginning, and a few batches of its first plan: with gradient, without.

    Jobs are forked from a process that has imported torch: one begins by reading the model.
    """
    begun = time.perf_counter()
    learner = subject.learner(1, Backbone)
    start = time.perf_counter() - begun
    backbone, stream = learner.backbone, learner.stream
    batches = [batch for epoch in learner.plan().epochs for batch in epoch]

    def rate(work: Any, batches: Sequence[np.ndarray]) -> float:
        work(batches[0])  # the first is slower
        tokens, begun = 0, time.perf_counter()
        for number, batch in enumerate(batches[1:] or batches):
            work(batch)
            tokens += backbone.tokens(stream.lengths[batch])
            if number >= _TIMED_BATCHES and time.perf_counter() - begun > TIMED_SECONDS:
                break
        return tokens / (time.perf_counter() - begun)

    def train(batch: np.ndarray) -> None:
        backbone.hidden(stream, batch).sum().backward()

    tunes = any(True for _ in backbone.parameters())

    everything = np.concatenate(batches)
    size = backbone.eval_batch_size
    large = [everything[i : i + size] for i in range(0, len(everything), size)]
    return Speed(
        rate(train, batches) if tunes else math.inf,
        rate(lambda batch: backbone.features(stream, batch), large),
        start,
    )
