"""The loss of Dynamic ConPET's newest expert: its own scores beside what the others say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from conpet.training import Given, Prepared, Split

if TYPE_CHECKING:
    from conpet.learners.experts import Experts


def joined(scores: Tensor, places: Tensor, own: Tensor, shared: bool) -> Tensor:
    """Return scores (n, seen) with an expert's own (n, its classes) at their places.

    Of two experts that both know a class the surer counts (``shared``).
    """
    if shared:
        own = torch.maximum(own, scores[:, places])
    return scores.index_copy(1, places, own)


def expert_loss(learner: Experts, trained: np.ndarray, mine: np.ndarray, base: Tensor) -> Split:
    """Return the loss of a learner's newest expert.

    Args:
        trained: the plan's samples (n,), sorted; mine: which of them ask it, (n,).
        base: what the other experts say of them, (n, seen).
    """
    stream, device = learner.stream, learner.backbone.device
    head = learner.heads.trained[learner.task]
    base = base.to(device)
    columns = torch.from_numpy(stream.columns(learner.task)).to(device)

    def prepare(batch: np.ndarray) -> Prepared | None:
        places = np.searchsorted(trained, batch)
        here = mine[places]
        if not here.any():
            return None  # nothing in the batch asks this expert: no gradient, no pass
        targets = stream.label[batch[here]].astype(np.int64)
        return Prepared(batch[here], len(batch), {"base": places[here], "targets": targets})

    def loss_of(hidden: Tensor, given: Given) -> Tensor:
        own, targets = head(hidden), given["targets"]
        if learner.heads.scaled:
            own = F.log_softmax(own, dim=1)  # as the others' are
        scores = joined(base[given["base"]], columns, own, stream.shared)
        scores = learner.prior.in_training(scores)
        # averaged over the whole batch, as if the others had passed too
        total = given.rows("targets").sum(
            lambda how: F.cross_entropy(scores, targets, reduction=how)
        )
        return total / given.size

    return Split(learner.backbone, stream, learner.hidden, prepare, loss_of)
