"""What every learner is, and the steps that several share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conpet.config.settings import Settings, Training
from conpet.config.strict import Strict
from conpet.errors import UserError
from conpet.heads import trained_head
from conpet.learners.context import Context, Seeds
from conpet.learners.kept import LEARNER_FILE, kept_tensors
from conpet.learners.prior import Prior
from conpet.learners.refit import Refit
from conpet.replay.base import Plan
from conpet.replay.exemplars import Memory
from conpet.training import History, fit

__all__ = [
    "LEARNER_FILE", "Classifier", "Context", "Learner", "Prediction", "Seeds", "kept_tensors",
    "mean_by_task",
]  # fmt: skip


@dataclass(frozen=True)
class Prediction:
    """What a learner says of n samples.

    ``scores``: log-probabilities over seen classes (n, seen). Where there is a selector,
    ``selected`` are the tasks it ranks first (n, k), and ``task_scores`` its log-probabilities of
    all tasks (n, t).
    """

    scores: Tensor
    selected: np.ndarray | None = None
    task_scores: Tensor | None = None

    def labels(self) -> np.ndarray:
        """Return the class number of each sample's highest score."""
        return self.scores.argmax(1).numpy()


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

    @abstractmethod
    def load(self, states: Sequence[Path], selector: Path | None) -> None:
        """Take up earlier states, oldest first."""

    @abstractmethod
    def train(self) -> Plan:
        """Learn the newest task; return the plan that was followed."""

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
        fit(
            plan, loss, accuracy, parameters, training or self.context.training,
            self.context.progress, self.history, untrained,
        )  # fmt: skip

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


def mean_by_task(right: np.ndarray, tasks: np.ndarray) -> float:
    """Return the mean over the tasks present of the share that is right."""
    return float(np.mean([right[tasks == t].mean() for t in np.unique(tasks)]))


class Classifier(Learner):
    """One adapter and one head over the seen classes, tuned on and on.

    The common ground of all learners that are not experts: cross-entropy on the plan's batches,
    with hooks before and after for what a method adds. A head that is fitted answers in place of
    the trained one, once it is fitted (:class:`Refit`).
    """

    takes_heads = True
    has_prior = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        head = context.settings.head
        rows = context.stream.seen + (context.stream.coming if head.rows == "fixed" else 0)
        self.head = trained_head(head, self.backbone.width, rows, context.seed.of("init"))
        self.head.to(self.backbone.device)
        self.prior = Prior(context.settings)
        self.refit = Refit(context)

    def load(self, states: Sequence[Path], selector: Path | None) -> None:
        """Take up the newest of the earlier states."""
        if states:
            self.backbone.load(states[-1])
            with kept_tensors(states[-1]) as tensors:
                self.refit.take(tensors)
                self.prior.take(tensors)
                if not self.refit.alone:
                    self.take(tensors)

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Take up an earlier state's tensors."""
        self.head.take(tensors)

    def tensors(self) -> dict[str, Tensor]:
        """Return the trained head."""
        return self.head.tensors()

    def stored(self) -> dict[str, Tensor]:
        """Return :meth:`tensors`, where anything is trained, and what stands beside the head."""
        trained = {} if self.refit.alone else self.tensors()
        return trained | self.refit.tensors() | self.prior.tensors()

    def parameters(self) -> list[nn.Parameter]:
        """Return everything that is trained."""
        if not self.refit.trains:
            return []
        return [*self.backbone.parameters(), *self.head.parameters()]

    def represent(self, hidden: Tensor) -> Tensor:
        """Return what the head reads, (n, d) -> (n, d)."""
        return hidden

    def loss(self, batch: np.ndarray) -> Tensor:
        """Return the cross-entropy of a batch."""
        return self.cross_entropy(self.head(self.represent(self.hidden(batch))), batch)

    def cross_entropy(self, scores: Tensor, batch: np.ndarray) -> Tensor:
        """Return the cross-entropy of scores (n, rows), the plan's prior taken out where asked."""
        return F.cross_entropy(self.prior.in_training(scores), self.targets(batch))

    def before_task(self, plan: Plan) -> None:
        """Do what a method does with the old state before training."""

    def after_task(self, plan: Plan) -> None:
        """Do what a method does with the new state after training."""

    def train(self) -> Plan:
        """Follow the plan, with the method's hooks around it; then fit the head that is fitted."""
        plan = self.plan()
        self.prior.learn(plan, self.stream)
        if self.refit.trains:
            self.before_task(plan)
            self.fit(plan, self.loss, self.accuracy, self.parameters())
            self.after_task(plan)
        self.refit.fit(plan, self.representations)
        return plan

    @torch.no_grad()
    def predict(self, indices: np.ndarray) -> Prediction:
        """Score over seen classes; rows of classes still to come are left out."""
        represented = self.represented(indices)
        if self.refit.answers(self.stream.seen):
            scores = self.refit.scores(represented)
        else:
            scores = self.head(represented)[:, : self.stream.seen]
        return Prediction(F.log_softmax(self.prior.in_answers(scores), dim=1).float().cpu())

    @torch.no_grad()
    def represented(self, indices: np.ndarray) -> Tensor:
        """Return what the head reads, shape (n, width), on the model's device."""
        hidden = self.backbone.features(self.stream, indices).to(self.backbone.device)
        return self.represent(hidden)

    def representations(self, indices: np.ndarray) -> np.ndarray:
        """Return what the head reads, shape (n, width)."""
        return self.represented(indices).cpu().numpy()

    @torch.no_grad()
    def memory_features(self, indices: np.ndarray) -> np.ndarray:
        """Return the head's outputs, shape (n, rows)."""
        represented = self.represented(indices)
        if self.refit.alone:
            return self.refit.scores(represented).numpy()
        return self.head(represented).cpu().numpy()
