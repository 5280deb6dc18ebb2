"""The common ground of learners that are not experts: one adapter, one head, one loss."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conpet.heads import trained_head
from conpet.learners.base import Learner
from conpet.learners.context import Context
from conpet.learners.kept import kept_tensors
from conpet.learners.prediction import Prediction
from conpet.learners.prior import Prior
from conpet.learners.refit import Refit
from conpet.replay.base import Plan
from conpet.training import Given, Prepared, Rows, Split
from conpet.training.spent import Spent


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

    @classmethod
    def maps_hidden(cls) -> bool:
        """Say whether :meth:`represent` is a map of its own."""
        return cls.represent is not Classifier.represent

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

    def weights(self) -> np.ndarray | None:
        """Return what each sample of the stream weighs in the cross-entropy, (n,); None: all alike.

        The prior that a softmax learns is of these weights.
        """
        return None

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
        self.prior.learn(plan, self.stream, self.weights())
        if self.refit.trains:
            self.refit.before(plan, self.representations)
            self.before_task(plan)
            own = type(self).loss is not Classifier.loss
            loss = self.loss if own else self._split
            self.fit(plan, loss, self.accuracy, self.parameters())
            self.after_task(plan)
        self.refit.fit(plan, self.representations)
        return plan

    @classmethod
    def takes_over(cls) -> bool:
        """Say whether another method's training can stand for this learner's: none of its own."""
        return cls.train is Classifier.train and cls.load is Classifier.load

    def take_over(self, trained: Path) -> Plan:
        """Take up the state of a method that has trained the task alike; fit the own head on it."""
        plan = self.plan()
        self.prior.learn(plan, self.stream, self.weights())
        self.refit.before(plan, self.representations)
        self.backbone.load(trained)
        with kept_tensors(trained) as tensors:
            self.refit.leave(tensors)
            self.prior.take(tensors)
            self.take(tensors)
        self.refit.fit(plan, self.representations)
        return plan

    def fitting(self) -> Spent | None:
        """Return what fitting the head has cost, where it is fitted after a training."""
        return self.refit.spent if self.refit.head is not None and self.refit.trains else None

    @torch.no_grad()
    def predict(self, indices: np.ndarray) -> Prediction:
        """Score over seen classes; rows of classes still to come are left out."""
        if self.refit.answers(self.stream.seen):
            scores = self.prior.in_answers(self.refit.scores(self.read_by_heads(indices)))
        else:
            scores = self.plain_scores(indices)
            # the fitted head's target is not for a trained one that has the plan's shares in it
            if self.refit.head is None or self.prior.plan is not None:
                scores = self.prior.in_answers(scores)
        return Prediction(F.log_softmax(scores, dim=1).float().cpu())

    @torch.no_grad()
    def plain_scores(self, indices: np.ndarray) -> Tensor:
        """Return the trained head's scores of seen classes, (n, seen), on the model's device."""
        return self.head(self.represented(indices))[:, : self.stream.seen]

    @torch.no_grad()
    def represented(self, indices: np.ndarray) -> Tensor:
        """Return what the trained head reads, shape (n, width), on the model's device."""
        hidden = self.backbone.features(self.stream, indices).to(self.backbone.device)
        return self.represent(hidden)

    def read(self, indices: np.ndarray) -> Tensor:
        """Return what the fitted head reads: the same, or more layers of it (n, reads)."""
        layers = self.context.settings.head.layers
        if layers == 1:
            return self.represented(indices)
        return self.backbone.features(self.stream, indices, layers)

    def representations(self, indices: np.ndarray) -> np.ndarray:
        """Return what the fitted head reads, as an array on the host."""
        return self.read(indices).cpu().numpy()

    def read_by_heads(self, indices: np.ndarray) -> list[np.ndarray]:
        """Return what each of the fitted heads that answer reads (:meth:`Refit.heads`)."""
        beside = self.refit.beside
        more = [] if beside is None else [beside.read(self.stream, indices)]
        return [self.representations(indices), *more]

    @torch.no_grad()
    def memory_features(self, indices: np.ndarray) -> np.ndarray:
        """Return the head's outputs, shape (n, rows)."""
        if self.refit.alone:
            return self.refit.scores(self.read_by_heads(indices)).numpy()
        with self.refit.trained():
            return self.head(self.represented(indices)).cpu().numpy()
