"""What every learner is, and the steps that several share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
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
from conpet.learners.prediction import Prediction, mean_by_task
from conpet.learners.prior import Prior
from conpet.learners.refit import Refit
from conpet.replay.base import Plan
from conpet.replay.exemplars import Memory
from conpet.training import Given, History, Prepared, Rows, Split, fit

__all__ = [
    "LEARNER_FILE", "Classifier", "Context", "Learner", "Prediction", "Seeds", "kept_tensors",
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
        c, engine = self.context, self.context.engine
        if engine is not None and type(self).hidden is not Learner.hidden:
            c.progress.say(
                "steps are not recorded, which is slower: `hidden` is this learner's own"
            )
            engine = None  # a recorded step asks the backbone itself
        fit(
            plan, loss, accuracy, parameters, training or c.training, c.progress, self.history,
            untrained, engine,
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

    def inputs(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        """Return the whole numbers that :meth:`loss_of` needs of a batch, by name.

        Arrays of at most as many rows as the batch has; nothing that training changes.
        """
        return {"targets": self.stream.label[batch].astype(np.int64)}

    def loss_of(self, hidden: Tensor, given: Given) -> Tensor:
        """Return the loss of representations (n, width): the cross-entropy.

        On a GPU it is recorded: tensors of the same shapes for every batch, and no look at a value.

        Args:
            given: what :meth:`inputs` says of the batch, on the device.
        """
        scores = self.head(self.represent(hidden))
        return self.cross_entropy(scores, given["targets"], given.rows("targets"))

    def cross_entropy(self, scores: Tensor, targets: Tensor, rows: Rows) -> Tensor:
        """Return the mean cross-entropy of scores (n, classes), the plan's prior taken out where
        asked.

        Args:
            targets: class numbers, (n,).
            rows: which of the n count.
        """
        scores = self.prior.in_training(scores)
        return rows.mean(lambda how: F.cross_entropy(scores, targets, reduction=how))

    def loss(self, batch: np.ndarray) -> Tensor:
        """Return the loss of a batch, by :meth:`inputs` and :meth:`loss_of`.

        A learner may say it here instead, in one: then no step of it is recorded on a GPU.
        """
        value = self._split(batch)
        assert value is not None
        return value

    @cached_property
    def _split(self) -> Split:
        def prepare(batch: np.ndarray) -> Prepared:
            return Prepared(batch, len(batch), self.inputs(batch))

        return Split(self.backbone, self.stream, self.hidden, prepare, self.loss_of)

    def before_task(self, plan: Plan) -> None:
        """Do what a method does with the old state before training."""

    def after_task(self, plan: Plan) -> None:
        """Do what a method does with the new state after training."""

    def train(self) -> Plan:
        """Follow the plan, with the method's hooks around it; then fit the head that is fitted."""
        plan = self.plan()
        self.prior.learn(plan, self.stream)
        if self.refit.trains:
            self.refit.before(plan, self.representations)
            self.before_task(plan)
            own = type(self).loss is not Classifier.loss
            loss = self.loss if own else self._split
            self.fit(plan, loss, self.accuracy, self.parameters())
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
