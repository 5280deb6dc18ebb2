"""Training steps of Static ConPET alone: no validation, no best epoch."""

from __future__ import annotations

import numpy as np

from conpet.bench.setup import Setup
from conpet.learners.base import Classifier
from conpet.training import make_optimizer


class Steps:
    """A learner, one epoch of its plan's batches, and an optimiser."""

    def __init__(self, setup: Setup) -> None:
        learner = setup.learner("linear")
        assert isinstance(learner, Classifier)
        self.learner = learner
        self.batches = learner.plan().epochs[0]
        self.optimizer = make_optimizer(learner.parameters(), setup.settings().training, 1e-3)

    def step(self, batch: np.ndarray) -> None:
        """Take one optimiser step."""
        self.optimizer.zero_grad(set_to_none=False)
        self.learner.loss(batch).backward()
        self.optimizer.step()

    def epoch(self) -> None:
        """Take the plan's steps once."""
        for batch in self.batches:
            self.step(batch)
