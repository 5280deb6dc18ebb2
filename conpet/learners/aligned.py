"""EA-EMR: replay, and a linear map that turns the new representations back to where they were.

The head's old rows were fitted to old representations; the map undoes what later tasks have done
to them. Wang et al. 2019 (arXiv 1903.02588), section 4.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conpet.config.settings import Count, Positive
from conpet.config.strict import Strict
from conpet.learners.classifier import Classifier
from conpet.learners.context import Context
from conpet.replay.base import Plan, cut


class Options(Strict):
    """How the map is fitted: Adam, batches of 32, mean squared error."""

    epochs: Count = 20
    lr: Positive = 1e-4
    batch_size: Count = 32


def fit_alignment(
    start: Tensor, source: Tensor, target: Tensor, options: Options, rng: np.random.Generator
) -> Tensor:
    """Fit A (d, d) so that A·source ≈ target; source and target have shape (n, d)."""
    weight = nn.Parameter(start.clone())
    optimizer = torch.optim.Adam([weight], lr=options.lr)
    for _ in range(options.epochs):
        for rows in cut(rng.permutation(len(source)), options.batch_size):
            chosen = torch.from_numpy(rows)
            optimizer.zero_grad()
            F.mse_loss(source[chosen] @ weight.T, target[chosen]).backward()
            optimizer.step()
    return weight.detach()


class Aligned(Classifier):
    """representation → A → head; A stands still while the task is learnt, and is fitted after it.

    As in the authors' code no gradient of the task reaches A, and every fit goes on from the A
    before it. Ours: A is linear and the identity until there is something old. Theirs is affine,
    starts at random and is fitted after task 1 too, which costs 4.5 points there.
    """

    Options = Options
    needs_old = True  # the map is fitted on them

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.options: Options = context.options
        width = self.backbone.width
        eye = torch.eye(width, device=self.backbone.device)
        self.map = nn.Parameter(eye, requires_grad=False)  # the fit alone moves it
        self.old = np.empty(0, np.int64)
        self.old_targets = torch.empty(0, width)

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Take up head and map."""
        super().take(tensors)
        with torch.no_grad():
            self.map.copy_(tensors["map"])

    def tensors(self) -> dict[str, Tensor]:
        """Return head and map."""
        return super().tensors() | {"map": self.map.detach()}

    def parameters(self) -> list[nn.Parameter]:
        """Return adapter, head and, from task 2 on, the map, which has no gradient in training."""
        first = self.context.task == 1
        return [*super().parameters(), *([] if first else [self.map])]

    def represent(self, hidden: Tensor) -> Tensor:
        """Return A·h."""
        return hidden @ self.map.T

    @torch.no_grad()
    def _embeddings(self, indices: np.ndarray) -> Tensor:
        hidden = self.backbone.features(self.stream, indices)
        return self.represent(hidden.to(self.backbone.device)).cpu()

    def before_task(self, plan: Plan) -> None:
        """Store the embeddings of the old samples that will be replayed."""
        trained = plan.trained()
        self.old = trained[self.stream.task[trained] < self.context.task]
        if len(self.old):
            self.old_targets = self._embeddings(self.old)

    def after_task(self, plan: Plan) -> None:
        """Choose exemplars, then fit the map, from the un-aligned representations."""
        self.keep()  # before the map moves: those are kept that it is fitted on
        if not len(self.old):
            return  # nothing to undo
        new = self._new(plan)
        targets = torch.cat([self.old_targets, self._embeddings(new)])
        source = self.backbone.features(self.stream, np.concatenate([self.old, new]))
        rng = np.random.default_rng(self.context.seed.of("align", self.context.task))
        fitted = fit_alignment(self.map.detach().cpu(), source, targets, self.options, rng)
        with torch.no_grad():
            self.map.copy_(fitted)

    def _new(self, plan: Plan) -> np.ndarray:
        """Return the fit's new samples: the task's exemplars, or those replayed in its plan.

        All of a task's samples beside a few exemplars would hold A where it is.
        """
        if self.context.replay.keeps:
            return self.kept_now()
        trained = plan.trained()
        return trained[self.stream.task[trained] == self.context.task]


REVISION = 2
LEARNER = Aligned
