"""DER++: an old sample comes back with the logits that it had when it was stored.

Its label says what it is, its logits what the model knew of it beside: both stay targets. Buzzega
et al. 2020 (arXiv 2004.07211), equation 6.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from conpet.config.strict import Strict
from conpet.errors import UserError
from conpet.learners.classifier import Classifier
from conpet.learners.context import Context
from conpet.training import Given

Weight = Annotated[float, Field(ge=0, le=1e6)]


class Options(Strict):
    """``logits`` and ``labels`` are the paper's α and β."""

    logits: Weight = 0.1
    labels: Weight = 0.5


def distance(scores: Tensor, stored: Tensor, width: Tensor) -> Tensor:
    """Return each sample's mean squared distance to its stored logits, (n,).

    Args:
        scores: the logits of today, (n, rows).
        stored: those of its time, (n, at most rows); behind the first ``width`` of a row (n,)
            there is nothing: classes that came later.
    """
    places = torch.arange(stored.shape[1], device=scores.device)
    known = places[None] < width[:, None]
    squared = (scores[:, : stored.shape[1]] - stored).square() * known
    return squared.sum(1) / width


def reduced(values: Tensor, how: str) -> Tensor:
    """Return values (n,), or their sum."""
    return values.sum() if how == "sum" else values


class Der(Classifier):
    """Over a batch the mean of: cross-entropy of a new sample; of an old one α distance + β of it.

    The paper draws a batch of its own for each of the three terms; here they share the plan's.
    """

    Options = Options
    needs_scores = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.options: Options = context.options
        memory = context.memory
        if len(memory.scores) != len(memory.train):
            raise UserError(
                f"task {context.task}: the memory keeps no scores of its samples: learn the tasks "
                "before it again"
            )
        #: the memory's row of each sample of the stream, -1 where it keeps none
        self.row = np.full(len(context.stream.label), -1)
        self.row[memory.train] = np.arange(len(memory.train))
        widths = [len(scores) for scores in memory.scores]
        self.width = torch.tensor(widths, device=self.backbone.device)
        self.logits = torch.zeros(len(widths), max(widths, default=0), device=self.backbone.device)
        for row, scores in zip(self.logits, memory.scores, strict=True):
            row[: len(scores)] = torch.from_numpy(scores)

    def inputs(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        """Return targets, the places of new and of old samples, and the memory's rows of these."""
        rows = self.row[batch]
        new, old = np.flatnonzero(rows < 0), np.flatnonzero(rows >= 0)
        return super().inputs(batch) | {"new": new, "old": old, "kept": rows[old]}

    def weights(self) -> np.ndarray:
        """Return β of what the memory keeps, 1 of all else."""
        return np.where(self.row >= 0, self.options.labels, 1.0)

    def loss_of(self, hidden: Tensor, given: Given) -> Tensor:
        """Return the mean over a batch's samples of what each is held to."""
        scores, targets = self.head(self.represent(hidden)), given["targets"]
        new, old = given.rows("new"), given.rows("old")
        terms = []
        if not new.empty:
            at = given["new"]
            terms.append(self.cross_entropy(scores[at], targets[at], new) * new.count)
        if not old.empty and len(self.width):
            at, kept = given["old"], given["kept"]
            now, stored, width = scores[at], self.logits[kept], self.width[kept]
            apart = old.sum(lambda how: reduced(distance(now, stored, width), how))
            told = self.cross_entropy(now, targets[at], old) * old.count
            terms += [self.options.logits * apart, self.options.labels * told]
        return torch.stack(terms).sum() / given.size


LEARNER = Der
