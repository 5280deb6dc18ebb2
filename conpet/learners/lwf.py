"""LwF: what the old model said of the new data stays a target while the new data are learnt.

No old sample is needed: the old classes live on in the new texts' old scores. Li and Hoiem 2016
(arXiv 1606.09282).
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
from conpet.replay.base import Plan
from conpet.training import Given


class Options(Strict):
    """``strength`` is λ, of a sum over the batch; 0.1 did best for the authors of ConPET."""

    strength: Annotated[float, Field(ge=0, le=1e6)] = 0.1


def distillation(old: Tensor, scores: Tensor, reduction: str = "sum") -> Tensor:
    """Return the cross-entropy of new scores (n, c) against old probabilities (n, c).

    It is the sum over the n samples, as in ConPET's code, beside a cross-entropy that is a mean: a
    batch of 8 weighs it eight times.

    Args:
        reduction: ``sum``, or ``none``: of each sample, (n,).
    """
    terms = old * F.log_softmax(scores, dim=1)
    return -(terms.sum() if reduction == "sum" else terms.sum(1))


class Lwf(Classifier):
    """Cross-entropy plus λ times the distillation of the old model's softmax over old classes."""

    Options = Options

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.options: Options = context.options
        self.old_classes = context.stream.known(context.task - 1)
        self.samples = np.empty(0, np.int64)
        self.targets_of_old = torch.empty(0)

    def before_task(self, plan: Plan) -> None:
        """Ask the old model what it makes of the samples that are to come."""
        if self.old_classes:
            self.samples = plan.trained()
            scores = F.log_softmax(self.plain_scores(self.samples), dim=1)
            self.targets_of_old = F.softmax(scores[:, : self.old_classes], dim=1)

    def inputs(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        """Return targets, and the rows of what the old model said."""
        found = super().inputs(batch)
        return found | {"said": np.searchsorted(self.samples, batch)} if self.old_classes else found

    def loss_of(self, hidden: Tensor, given: Given) -> Tensor:
        """Return the cross-entropy and the distillation."""
        scores = self.head(hidden)
        value = self.cross_entropy(scores, given["targets"], given.rows("targets"))
        if self.old_classes:
            was, now = self.targets_of_old[given["said"]], scores[:, : self.old_classes]
            told = given.rows("said").sum(lambda how: distillation(was, now, how))
            value = value + self.options.strength * told
        return value


REVISION = 2
LEARNER = Lwf
