"""Fine-tuning: one adapter, one linear head, cross-entropy, task after task.

What is kept of the past depends on the replay first. With a memory it is EMR (Wang et al. 2019,
arXiv 1903.02588, without the alignment), with dynamic replay Static ConPET (Song et al. 2023,
section 3.2), with full replay the upper bound. Two options guard the past in the learner, both off
by default: old samples stay near what the model said of them before the task (Li and Hoiem 2016,
arXiv 1606.09282, there on new samples), and a task's end is averaged with its start (Wortsman et
al. 2022, arXiv 2109.01903).
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from conpet.config.strict import Strict
from conpet.learners.classifier import Classifier
from conpet.learners.context import Context
from conpet.learners.lwf import distillation
from conpet.replay.base import Plan
from conpet.training import Given


class Options(Strict):
    """``distillation`` is the weight of old samples' former scores in the loss.

    ``average`` is the share of the state before the task in what the task leaves; 0: none.
    """

    distillation: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Linear(Classifier):
    """The common ground, with the options' guards where they are asked for."""

    Options = Options

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.options: Options = context.options
        self.old_classes = context.stream.known(context.task - 1)
        #: the row of ``former`` of each sample of the stream, -1 where it has none
        self.row = np.full(len(context.stream.label), -1)
        self.former = torch.empty(0, self.old_classes)
        #: adapter and head as they were before the task, where they are averaged
        self.before: list[Tensor] = []
        self.rows_before: list[Tensor] = []

    def before_task(self, plan: Plan) -> None:
        """Note what the old state says of the plan's old samples, and the old state itself."""
        if not self.old_classes:
            return
        if self.options.distillation:
            trained = plan.trained()
            old = trained[self.stream.task[trained] < self.context.task]
            self.row[old] = np.arange(len(old))
            scores = torch.from_numpy(self.memory_features(old)[:, : self.old_classes])
            self.former = F.softmax(scores, dim=1).to(self.backbone.device)
        if self.options.average:
            self.before = [p.detach().clone() for p in self.backbone.parameters()]
            self.rows_before = [p.detach().clone() for p in self.head.parameters()]

    def inputs(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        """Return targets; of old samples their places in the batch, and what is noted of them."""
        found = super().inputs(batch)
        if not len(self.former):
            return found
        rows = self.row[batch]
        old = np.flatnonzero(rows >= 0)
        return found | {"old": old, "noted": rows[old]}

    def loss_of(self, hidden: Tensor, given: Given) -> Tensor:
        """Return the cross-entropy, and the distillation of old samples, a share of the batch."""
        if not len(self.former):
            return super().loss_of(hidden, given)
        scores = self.head(self.represent(hidden))
        value = self.cross_entropy(scores, given["targets"], given.rows("targets"))
        rows = given.rows("old")
        if not rows.empty:
            was, now = self.former[given["noted"]], scores[given["old"], : self.old_classes]
            told = rows.sum(lambda how: distillation(was, now, how))
            value = value + self.options.distillation * told / given.size
        return value

    def after_task(self, plan: Plan) -> None:
        """Average with the state before; rows of new classes, which it had not, stay."""
        share, old = self.options.average, self.old_classes
        with torch.no_grad():
            for parameter, before in zip(self.backbone.parameters(), self.before, strict=False):
                parameter.lerp_(before, share)
            for parameter, before in zip(self.head.parameters(), self.rows_before, strict=False):
                parameter[:old].lerp_(before[:old], share)


LEARNER = Linear
