"""One method on one dataset, as an estimate looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conpet.commands.job_run import as_told, open_encoded
from conpet.config import Experiment
from conpet.config.settings import Compute
from conpet.learners.assembly import assemble
from conpet.learners.base import Learner, Seeds
from conpet.models.backbone import Backbone
from conpet.models.passed import Passed
from conpet.progress import Progress
from conpet.replay.exemplars import Memory


@dataclass(frozen=True)
class Cost:
    """What runs cost, all tasks: jobs, what passes the backbone, bytes of states kept."""

    jobs: int
    passed: Passed
    stored: int


@dataclass(frozen=True)
class Subject:
    """One method on one dataset, with what it is learnt from.

    ``taken_from`` is the method whose training is taken over, if any: it is not done again.
    """

    experiment: Experiment
    keys: tuple[str, str, str]
    snapshot: Path
    encoded: Sequence[Path]
    folder: Path
    taken_from: str | None

    @property
    def compute(self) -> Compute:
        """What it is computed with."""
        return self.experiment.settings(*self.keys).compute

    def learner(
        self, task: int, kind: type[Backbone], seed: int | None = None, memory: Memory | None = None
    ) -> Learner:
        """Return the subject's learner at a task, nothing loaded; of the first seed, or another."""
        dataset, model, method = self.keys
        about = self.experiment.learn(dataset, model, method, task)
        seeds = Seeds(self.experiment.seeds[0] if seed is None else seed, dataset)
        stream = as_told(about, open_encoded(self.encoded, task), seeds)
        progress = Progress("estimate")
        progress.quiet = True
        return assemble(about, (model, self.snapshot), stream, seeds, memory, progress, kind)
