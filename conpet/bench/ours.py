"""This suite's own way: whole training jobs and whole predictions."""

from __future__ import annotations

from conpet.bench.measure import Contender, timed
from conpet.bench.setup import Setup
from conpet.learners.experts import Experts

NAME = "ours"


def static(setup: Setup) -> Contender:
    """Static ConPET: a training job with its plan, validation and best epoch."""
    learner = setup.learner("linear")
    return Contender(NAME, timed(setup.batch * setup.steps * setup.epochs, learner.train))


def dynamic(setup: Setup) -> Contender:
    """Dynamic ConPET: the selector's job, then the expert's with the frozen experts' scores."""
    learner = setup.learner("experts")
    assert isinstance(learner, Experts)

    def work() -> None:
        learner.train_selector()
        learner.train()

    return Contender(NAME, timed(setup.batch * setup.steps * setup.epochs, work))


def inference(setup: Setup, name: str) -> Contender:
    """Predictions of a learner, with ten experts where it has experts."""
    learner, tested = setup.learner(name), setup.tested
    return Contender(NAME, timed(len(tested), lambda: learner.predict(tested)))
