"""An engine for tests: it records by keeping the function, and replays by calling it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from conpet.training.engine import Engine, Work


class Kept(Engine):
    """Steps are kept as functions of their buffers.

    Attributes:
        replayed: how often one was taken.
        warm: how often work is done before it is recorded.
    """

    def __init__(self, warm: int = 2) -> None:
        self.warm = warm
        self.replayed = 0

    def warm_up(self, work: Work) -> None:
        for _ in range(self.warm):
            work()

    def capture(self, work: Work) -> Work:
        def replay() -> None:
            self.replayed += 1
            work()

        return replay


class Refusing(Kept):
    """Records nothing, as where a library makes the host wait; it has done work by then."""

    def warm_up(self, work: Work) -> None:
        super().warm_up(work)
        raise RuntimeError("called a synchronizing\nCUDA operation")


def flat(parameters: Sequence[nn.Parameter]) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in parameters])


def trained(learner: Any, engine: Engine | None) -> Any:
    """Return a learner that has trained its task, its steps recorded where there is an engine."""
    learner.context.engine = engine
    learner.train()
    return learner
