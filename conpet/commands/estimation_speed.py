"""How fast this machine learns: timed on a few steps."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from conpet.commands.estimation_subject import Cost, Subject
from conpet.learners.base import Learner
from conpet.models.backbone import Backbone
from conpet.training import History, Prepared, Split
from conpet.training.loop import stepper

TIMED_SECONDS = 4.0
_TIMED_BATCHES = 4
_AT_ONCE = 16  # batches whose steps are recorded, in a call


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

    def now() -> float:
        if backbone.device.type == "cuda":
            torch.cuda.synchronize(backbone.device)
        return time.perf_counter()

    def rate(work: Any, batches: Sequence[np.ndarray]) -> float:
        work(batches[0])  # the first is slower
        tokens, begun = 0, now()
        for number, batch in enumerate(batches[1:] or batches):
            work(batch)
            tokens += backbone.tokens(stream.lengths[batch])
            if number >= _TIMED_BATCHES and now() - begun > TIMED_SECONDS:
                break
        return tokens / (now() - begun)

    def recorded(some: Sequence[np.ndarray]) -> float:
        epoch = _steps(learner)
        epoch(some, "")  # in which each shape is recorded
        tokens, begun = 0, now()
        while not tokens or now() - begun < TIMED_SECONDS:
            epoch(some, "")
            tokens += sum(backbone.tokens(stream.lengths[batch]) for batch in some)
        return tokens / (now() - begun)

    def trained() -> float:
        if not any(True for _ in backbone.parameters()):
            return math.inf
        if learner.context.engine is not None:
            return recorded(batches[:_AT_ONCE])
        return rate(lambda batch: backbone.hidden(stream, batch).sum().backward(), batches)

    everything = np.concatenate(batches)
    size = backbone.eval_batch_size
    large = [everything[i : i + size] for i in range(0, len(everything), size)]
    return Speed(
        trained(),
        rate(lambda batch: backbone.features(stream, batch), large),
        start,
    )


def _steps(learner: Learner) -> Any:
    """Return what takes steps as a training does where they are recorded; the loss is zero."""
    backbone = learner.backbone
    split = Split(
        backbone,
        learner.stream,
        learner.hidden,
        lambda batch: Prepared(batch, len(batch), {}),
        lambda hidden, _: 0.0 * hidden.sum(),
    )
    context = learner.context
    return stepper(
        split, backbone.parameters(), context.training, context.progress, History(), context.engine
    )
