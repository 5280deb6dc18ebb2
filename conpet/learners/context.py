"""What a learner works with in one job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from conpet.config.settings import Settings, Training
from conpet.data.stream import Stream
from conpet.models.backbone import Backbone
from conpet.progress import Progress
from conpet.replay.base import Arrived, Replay
from conpet.replay.exemplars import Memory
from conpet.training.engine import Engine


@dataclass
class Context:
    """All that a learner works with in one job: the tasks 1..t that have arrived, and how to learn.

    ``seed`` is the run's own; every use derives its own from it. Seeds do not depend on the
    method, so that methods that plan alike are compared on the same draws. ``engine`` records
    training steps, where there is one.
    """

    backbone: Backbone
    stream: Stream
    settings: Settings
    replay: Replay
    options: Any
    seed: Seeds
    memory: Memory = field(default_factory=Memory.empty)
    progress: Progress = field(default_factory=lambda: Progress("conpet"))
    engine: Engine | None = None

    @property
    def task(self) -> int:
        """The task that is learnt: the newest that has arrived."""
        return self.stream.tasks

    @property
    def training(self) -> Training:
        """The optimiser's settings, with the learning rate of this task."""
        training = self.settings.training
        return training.model_copy(update={"lr": training.rate(self.task)})

    @property
    def arrived(self) -> Arrived:
        """What a batch plan is made of."""
        return Arrived(self.stream, self.training, self.memory)


@dataclass(frozen=True)
class Seeds:
    """Seeds for each purpose and task of a run, by a stable hash."""

    seed: int
    dataset: str

    def of(self, *purpose: str | int) -> int:
        """Return the seed for a purpose."""
        from conpet.seeds import derive

        return derive(self.seed, self.dataset, *purpose)
