"""Steps and answers as a card has them, and without what makes them fast there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from benchmarks.library import Setup, training_of
from conpet.learners.classifier import Classifier
from conpet.models import backbone as backbone_module
from conpet.training import Pieces, make_optimizer, run_epoch
from conpet.training.recorded import Recorded


class Recording:
    """Static ConPET's steps as the loop takes them, recorded where the settings say so."""

    def __init__(self, setup: Setup) -> None:
        learner = setup.learner("linear")
        assert isinstance(learner, Classifier)
        self.said: list[str] = []
        self.learner, progress = learner, learner.context.progress
        progress.say = self.said.append  # type: ignore[method-assign, assignment]
        self.batches = learner.plan().epochs[0]
        self.engine = learner.context.engine
        training, parameters = training_of(setup), learner.parameters()
        self._steps: Any = None
        if self.engine is not None:
            self._steps = Recorded(
                self.engine, learner._split, parameters, training, progress, learner.history
            )
        else:
            self._optimizer = make_optimizer(parameters, training)

    @property
    def why(self) -> str:
        """Why steps are not recorded."""
        return "; ".join(line for line in self.said if "slower" in line)

    @property
    def recorded(self) -> int:
        """How many shapes of step were recorded."""
        return 0 if self.engine is None else self.engine.recorded

    def epoch(self) -> None:
        """Take the plan's steps once."""
        if self._steps is not None:
            self._steps.epoch(self.batches, "benchmark")
            return
        history, progress = self.learner.history, self.learner.context.progress
        parameters = self.learner.parameters()
        pieces = Pieces(self.learner.loss, parameters, progress)
        run_epoch(
            self.batches, pieces, parameters, self._optimizer, None, history, progress, "benchmark"
        )


@contextlib.contextmanager
def experts_swapped() -> Iterator[None]:
    """Let each expert answer by itself, its weights copied into the slot, for a while."""
    mixes = backbone_module.can_mix
    backbone_module.can_mix = lambda *_: False
    try:
        yield
    finally:
        backbone_module.can_mix = mixes
