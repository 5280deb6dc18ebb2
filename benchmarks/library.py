"""All that the benchmarks know of the library's inside: what is made, trained and asked there."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from conpet.config.settings import Settings, Training
from conpet.config.strict import merge
from conpet.data.stream import Stream
from conpet.files import read_json
from conpet.heads.softmax import Softmax
from conpet.learners import learner_class
from conpet.learners.base import LEARNER_FILE, Context, Learner, Seeds
from conpet.learners.classifier import Classifier
from conpet.learners.experts import Experts
from conpet.models.allocation import keep_freed_memory
from conpet.models.backbone import Backbone, Loads
from conpet.models.batches import collate
from conpet.models.device import choose_device, has_bfloat16
from conpet.models.encoder import Encoder
from conpet.models.loading import load_model
from conpet.models.process import prepare_process
from conpet.progress import Progress
from conpet.replay import replay_class
from conpet.replay.base import cut
from conpet.replay.exemplars import Memory, read_memory, write_memory
from conpet.run import MEMORY_FILE
from conpet.temporary import scratch
from conpet.training import choose_engine, make_optimizer

__all__ = [
    "choose_device", "collate", "cut", "has_bfloat16", "make_optimizer", "prepare_process",
]  # fmt: skip
SEED = 100
TARGETS = {"bert": ["query", "value"], "roberta": ["query", "value"]}
LLAMA_TARGETS = ["q_proj", "k_proj"]
_GLIBC_DEFAULT = 128 * 1024  # bytes


@dataclass(frozen=True)
class Setup:
    """What contenders share: a model's folder, texts, and the settings of a training job.

    ``load``: makes the model of the folder, (folder, number type, device).
    """

    snapshot: Path
    stream: Stream
    settings: Settings = field(default_factory=Settings)
    pooling: str = "mask"
    load: Loads = load_model

    def but(self, **sections: dict[str, Any]) -> Setup:
        """Return the same with other settings, as ``compute={"fast": False}``."""
        values = merge(self.settings.model_dump(), sections)
        return dataclasses.replace(self, settings=Settings.model_validate(values))

    @property
    def config(self) -> dict[str, Any]:
        """The model's config.json."""
        return read_json(self.snapshot / "config.json")

    @property
    def targets(self) -> list[str]:
        """The layers that have LoRA, as the paper has them."""
        return TARGETS.get(self.config["model_type"], LLAMA_TARGETS)

    @property
    def samples(self) -> int:
        """Samples of a training job by dynamic replay, validation left out."""
        training = self.settings.training
        return training.epochs * training.batch_size * self.settings.replay.batches

    def backbone(self) -> Backbone:
        """Return a backbone as a training job has it."""
        s = self.settings
        return Backbone(
            self.snapshot, "random", self.pooling, self.targets, s.tuning, s.compute, SEED,
            self.load,
        )  # fmt: skip

    def learner(
        self,
        name: str,
        replay: str = "dynamic",
        memory: Memory | None = None,
        backbone: Backbone | None = None,
        progress: Progress | None = None,
    ) -> Learner:
        """Return a learner at the stream's last task, nothing loaded, that prints nothing."""
        kind, chosen = learner_class(name), replay_class(replay)
        backbone = backbone or self.backbone()
        if progress is None:
            progress = Progress("benchmark")
            progress.quiet = True
        return kind(
            Context(
                backbone=backbone, stream=self.stream, settings=self.settings,
                replay=chosen(chosen.Options(), self.settings), options=kind.Options(),
                seed=Seeds(SEED, "benchmark"), memory=memory or Memory.empty(), progress=progress,
                engine=choose_engine(self.settings.compute, backbone.device),
            )
        )  # fmt: skip

    def experts(self, count: int, backbone: Backbone | None = None) -> Experts:
        """Return Dynamic ConPET with so many experts and a selector, all of them untrained."""
        learner = self.learner("experts", backbone=backbone)
        assert isinstance(learner, Experts)
        rows = {"expert": len(self.stream.classes[0]), "selector": self.stream.tasks}
        with scratch() as place:
            for kind, number in rows.items():
                folder = place / kind
                folder.mkdir()
                learner.backbone.save(folder)
                head = Softmax(learner.backbone.width, number, SEED)
                save_file(head.tensors(), folder / LEARNER_FILE)
            learner.load([place / "expert"] * count, place / "selector")
        return learner

    def batches(self) -> list[np.ndarray]:
        """Return one epoch's batches of dynamic replay: half new, half old."""
        return self.learner("linear").plan().epochs[0]


def training_of(setup: Setup) -> Training:
    """Return the optimiser's settings at a rate that all contenders share."""
    return setup.settings.training.model_copy(update={"lr": 1e-3})


class Steps:
    """Training steps of Static ConPET alone: no validation, no best epoch."""

    def __init__(self, setup: Setup) -> None:
        learner = setup.learner("linear")
        assert isinstance(learner, Classifier)
        self.learner = learner
        self.batches = learner.plan().epochs[0]
        self.optimizer = make_optimizer(learner.parameters(), training_of(setup))

    def step(self, batch: np.ndarray) -> None:
        """Take one optimiser step."""
        self.optimizer.zero_grad(set_to_none=False)
        self.learner.loss(batch).backward()
        self.optimizer.step()

    def epoch(self) -> None:
        """Take the plan's steps once."""
        for batch in self.batches:
            self.step(batch)

    def gradients(self) -> Tensor:
        """Return the first batch's representations and gradients, one row."""
        learner, batch = self.learner, self.batches[0]
        hidden = learner.backbone.hidden(learner.stream, batch)
        learner.loss(batch).backward()
        found = [p.grad.flatten() for p in learner.parameters() if p.grad is not None]
        self.optimizer.zero_grad()
        return torch.cat([hidden.detach().flatten(), *found])


@contextlib.contextmanager
def freed_memory_given_back() -> Iterator[None]:
    """Let glibc do as it does by default, for a while."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(-3, _GLIBC_DEFAULT)
        mallopt(-1, _GLIBC_DEFAULT)
    try:
        yield
    finally:
        keep_freed_memory()


@contextlib.contextmanager
def layers_left_to_transformers() -> Iterator[None]:
    """Let no layer be computed by hand, for a while."""
    ready = Encoder.ready
    Encoder.ready = lambda _: False  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        Encoder.ready = ready  # type: ignore[method-assign]


# -- whole jobs ---------------------------------------------------------------------------------


def static_job(setup: Setup) -> Callable[[], Any]:
    """Return Static ConPET's training with its plan, validation and best epoch."""
    return setup.learner("linear").train


def dynamic_job(setup: Setup) -> Callable[[], Any]:
    """Return Dynamic ConPET's: the selector, then the expert with the frozen experts' scores."""
    old = setup.stream.tasks - 1
    selecting = setup.experts(old)
    training = setup.experts(old, selecting.backbone)

    def work() -> None:
        selecting.train_selector()
        training.train()

    return work


def inference(setup: Setup, experts: bool, indices: np.ndarray) -> Callable[[], Any]:
    """Return predictions of texts by one adapter, or by as many experts as there are tasks."""
    learner = setup.experts(setup.stream.tasks) if experts else setup.learner("linear")
    return lambda: learner.predict(indices)


@dataclass(frozen=True)
class Earlier:
    """What a task finds there: states, oldest first, and the selector if any."""

    states: Sequence[Path] = ()
    selector: Path | None = None


def learn(
    setup: Setup,
    learner: str,
    replay: str,
    earlier: Earlier,
    out: Path,
    what: str,
    progress: Progress | None = None,
) -> Learner:
    """Learn the stream's last task, by ``what`` (train or train_selector), and keep it in ``out``.

    Returns: the learner.
    """
    kept = earlier.states[-1] / MEMORY_FILE if earlier.states else None
    memory = read_memory(kept, len(setup.stream.label)) if kept and kept.is_file() else None
    made = setup.learner(learner, replay, memory, progress=progress)
    made.load(earlier.states, earlier.selector)
    getattr(made, what)()
    out.mkdir(parents=True)
    made.save(out)
    if made.context.replay.keeps:
        write_memory(out / MEMORY_FILE, made.keep())
    return made


def ask(setup: Setup, learner: str, earlier: Earlier) -> dict[str, float]:
    """Return the processor's seconds of opening a learner, and milliseconds a test text."""
    start = time.process_time()
    made = setup.learner(learner)
    made.load(earlier.states, earlier.selector)
    loaded = time.process_time()
    tasks = setup.stream.tasks
    indices = setup.stream.of("test", range(1, tasks + 1))
    # a text of every task: whatever is made at its first use is made, as in a served learner
    made.predict(indices[:: max(1, len(indices) // tasks)])
    before = time.process_time()
    made.predict(indices)
    return {
        "load_seconds": loaded - start,
        "text_milliseconds": 1000 * (time.process_time() - before) / len(indices),
    }
