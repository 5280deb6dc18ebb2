"""What every learner is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from conpet.config.settings import Settings, Training
from conpet.config.strict import Strict
from conpet.errors import UserError
from conpet.learners.context import Context, Seeds
from conpet.learners.kept import LEARNER_FILE, kept_tensors
from conpet.learners.prediction import Prediction, mean_by_task
from conpet.replay.base import Plan
from conpet.replay.exemplars import Memory
from conpet.training import Engine, History, fit
from conpet.training.spent import Spent

__all__ = [
    "LEARNER_FILE", "Context", "Learner", "Prediction", "Seeds", "kept_tensors",
    "mean_by_task",
]  # fmt: skip


class Learner(ABC):
    """One way to learn a stream. A learner lives for one job: load, then train or predict."""

    Options: ClassVar[type[Strict]] = Strict
    #: whether it learns only where samples of former tasks come back
    needs_old: ClassVar[bool] = False
    #: whether it learns from the scores that exemplars keep
    needs_scores: ClassVar[bool] = False
    #: whether exemplars can be chosen on :meth:`memory_features`
    has_memory_features: ClassVar[bool] = True
    #: whether each task keeps its own module and selector, so that all states answer
    experts: ClassVar[bool] = False
    #: whether it answers by the head that ``settings.head`` says, whichever that is
    takes_heads: ClassVar[bool] = False
    #: whether it trains a softmax over classes, which can have a prior
    has_prior: ClassVar[bool] = False
    #: whether dynamic plans differ from epoch to epoch
    redraw: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        self.context = context
        #: its own ``Options``, as the method's ``options`` give them
        self.options: Any = context.options
        self.backbone = context.backbone
        self.stream = context.stream
        self.history = History()
        #: the memory after this task, once :meth:`keep` has made it
        self.kept: Memory | None = None

    @classmethod  # noqa: B027
    def check(cls, options: Any, settings: Settings, shared: bool) -> None:
        """Raise a UserError where it could not learn so: asked before anything is run.

        Args:
            options: its own ``Options``.
            shared: whether classes of earlier tasks may come again.
        """

    @classmethod
    def layers(cls, options: Any) -> int:
        """Return how many of the backbone's last layers are read, by its own ``Options``."""
        return 1

    @abstractmethod
    def load(self, states: Sequence[Path], selector: Path | None) -> None:
        """Take up earlier states, oldest first."""

    @abstractmethod
    def train(self) -> Plan:
        """Learn the newest task; return the plan that was followed."""

    @classmethod
    def takes_over(cls) -> bool:
        """Say whether :meth:`take_over` can stand for :meth:`train`."""
        return False

    def take_over(self, trained: Path) -> Plan:
        """Do as :meth:`train` does, with what another method of the same training has learnt.

        Args:
            trained: that method's state of this task.
        """
        raise UserError(f"{type(self).__name__.lower()}: trains by itself: leave --trained out")

    def fitting(self) -> Spent | None:
        """Return what was spent on what is fitted after the training, None where nothing is."""
        return None

    @abstractmethod
    def predict(self, indices: np.ndarray) -> Prediction:
        """Score samples over all seen classes."""

    def predict_in_task(self, indices: np.ndarray, found: Prediction) -> np.ndarray:
        """Return class numbers (n,) where each sample's task is given; ``found`` is the answer."""
        return self.stream.best_in_task(found.scores.numpy(), indices)

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Return what the state keeps beside the adapter."""

    @abstractmethod
    def parameters(self) -> list[nn.Parameter]:
        """Return everything that this job trains: what a state counts as tunable."""

    def stored(self) -> dict[str, Tensor]:
        """Return all that a state keeps beside the adapter, whatever the learner."""
        return self.tensors()

    @classmethod
    def maps_hidden(cls) -> bool:
        """Say whether a map stands between the last layer and what a head reads."""
        return False

    def memory_features(self, indices: np.ndarray) -> np.ndarray:
        """Return what exemplars are chosen on, shape (n, d); of a classifier its head's scores."""
        raise UserError(f"{type(self).__name__.lower()}: keeps no memory: use another replay")

    def save(self, folder: Path) -> None:
        """Write adapter and tensors into a state's folder."""
        from safetensors.torch import save_file

        self.backbone.save(folder)
        tensors = {name: t.detach().cpu().contiguous() for name, t in self.stored().items()}
        save_file(tensors, folder / LEARNER_FILE)

    def keep(self) -> Memory:
        """Return the memory after this task: it is made once, in training or after it."""
        if self.kept is None:
            c = self.context
            self.kept = c.replay.keep(c.arrived, self.memory_features, c.seed.of("memory", c.task))
        return self.kept

    def kept_now(self) -> np.ndarray:
        """Return the newest task's exemplars that serve training."""
        return self.keep().of(self.context.task, self.stream.task).train

    def plan(self) -> Plan:
        """Return the newest task's batch plan."""
        c = self.context
        return c.replay.plan(c.arrived, c.seed.of("plan", c.task), self.redraw)

    def fit(
        self,
        plan: Plan,
        loss: Any,
        accuracy: Any,
        parameters: Sequence[nn.Parameter],
        training: Training | None = None,
        untrained: bool = True,
    ) -> None:
        """Run the training loop, with this job's settings where no others are given."""
        c = self.context
        fit(
            plan, loss, accuracy, parameters, training or c.training, c.progress, self.history,
            untrained, self.engine(),
        )  # fmt: skip

    def engine(self) -> Engine | None:
        """Return what records this learner's steps, or None where Python takes each."""
        if self.context.engine is not None and type(self).hidden is not Learner.hidden:
            self.context.progress.say(
                "steps are not recorded, which is slower: `hidden` is this learner's own"
            )
            return None  # a recorded step asks the backbone itself
        return self.context.engine

    def hidden(self, batch: np.ndarray) -> Tensor:
        """Return a training batch's representations, shape (n, width)."""
        return self.backbone.hidden(self.stream, batch)

    def targets(self, batch: np.ndarray) -> Tensor:
        """Return class numbers as a tensor on the model's device."""
        return torch.from_numpy(self.stream.label[batch].astype(np.int64)).to(self.backbone.device)

    def accuracy(self, drawn: np.ndarray) -> float:
        """Return the mean over tasks of the accuracy on drawn samples; each is scored once."""
        unique, inverse = np.unique(drawn, return_inverse=True)
        right = self.predict(unique).labels() == self.stream.label[unique]
        return mean_by_task(right[inverse], self.stream.task[drawn])
