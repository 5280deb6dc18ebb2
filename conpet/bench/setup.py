"""What all contenders share: model, texts, batch and steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from conpet.bench.texts import TASKS, make_stream
from conpet.config.settings import Settings
from conpet.config.strict import merge
from conpet.data.stream import Stream
from conpet.errors import UserError
from conpet.files import read_json
from conpet.learners import find
from conpet.learners.base import Context, Learner, Seeds
from conpet.learners.experts import Experts
from conpet.models.backbone import Backbone
from conpet.progress import Progress
from conpet.replay.plan import cut

SEED = 100
TARGETS = {"bert": ["query", "value"], "roberta": ["query", "value"]}
LLAMA_TARGETS = ["q_proj", "k_proj"]


@dataclass(frozen=True)
class Setup:
    """One thing to measure: a model and texts, ``steps`` steps an epoch of ``batch`` samples."""

    snapshot: Path
    kind: str
    precision: str
    batch: int = 8
    steps: int = 20
    epochs: int = 3
    threads: int = 1
    texts: int = 256  # that inference is given
    stream: Stream = field(init=False)

    def __post_init__(self) -> None:
        if self.batch < 2 or self.steps < 2:
            raise UserError("--batch and --steps: 2 or more")
        object.__setattr__(self, "stream", make_stream(self.kind, self.snapshot))

    @property
    def targets(self) -> list[str]:
        """The layers that have LoRA, as the paper has them."""
        return TARGETS.get(self.config["model_type"], LLAMA_TARGETS)

    @property
    def config(self) -> dict[str, Any]:
        """The model's config.json."""
        return read_json(self.snapshot / "config.json")

    @property
    def tested(self) -> np.ndarray:
        """Indices of the texts that inference is given, in random order."""
        found = self.stream.of("test", range(1, TASKS + 1))
        return np.random.default_rng(SEED).permutation(found)[: self.texts]

    def settings(self) -> Settings:
        """Return the settings: no validation worth measuring, every batch half new, half old."""
        over = {
            "training": {"epochs": self.epochs, "batch_size": self.batch},
            "replay": {"batches": self.steps, "train_share": 1.0, "valid_batch_size": 2},
            "compute": {"precision": self.precision, "threads": self.threads, "device": "cpu"},
        }
        return Settings.model_validate(merge(Settings().model_dump(), over))

    def backbone(self) -> Backbone:
        """Return a backbone as a training job has it."""
        s = self.settings()
        return Backbone(
            self.snapshot, "bench", "mask", self.targets, s.tuning, s.compute, SEED
        )  # fmt: skip

    def learner(self, name: str, backbone: Backbone | None = None) -> Learner:
        """Return a learner at the last task, its earlier experts and selector made up."""
        kind = find(name)
        progress = Progress("bench")
        progress.quiet = True
        learner = kind(
            Context(
                backbone=backbone or self.backbone(), stream=self.stream, settings=self.settings(),
                strategy="dynamic", options=kind.Options(), seed=Seeds(SEED, "bench"),
                progress=progress,
            )
        )  # fmt: skip
        if isinstance(learner, Experts):
            _make_up(learner)
        return learner

    def batches(self) -> list[np.ndarray]:
        """Return one epoch's batches, half new, half old."""
        return self.learner("linear").plan().epochs[0]

    def eval_batches(self, order: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
        """Return inference's batches of the evaluation size, in the given order."""
        return cut(order(self.tested), self.settings().compute.eval_batch_size)


def _make_up(learner: Experts) -> None:
    learner.adapters = {t: learner.backbone.state() for t in range(1, TASKS + 1)}
    learner.heads = {t: learner._expert_head(t) for t in range(1, TASKS + 1)}
    learner.selector_adapter = learner.backbone.state()
    learner.selector_head = learner._head(TASKS, "selector")
