"""What CRL compares a batch with: a bank of projections, which every batch renews."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from conpet.training import Rows

FLOOR = 1e-4  # added to every term of the contrastive loss's denominator, as in ConPET's code


class Bank:
    """Projections of a step's samples, (m, p).

    Attributes:
        entries: (m + 1, p): the last is where rows that count for nothing are written.
        labels: class numbers, (m,).
    """

    def __init__(self, projections: Tensor, labels: Tensor) -> None:
        self.entries = F.pad(projections, (0, 0, 0, 1))
        self.labels = labels

    def compared(self, places: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return a copy of the entries at some places, or of all, and their labels."""
        if places is None:
            return self.entries[:-1].clone(), self.labels
        return self.entries[places], self.labels[places]

    def renew(self, places: Tensor, z: Tensor, rows: Rows) -> None:
        """Put a batch's projections in the place of its former ones."""
        if rows.mask is not None:
            places = torch.where(rows.mask > 0, places, len(self.labels))
        self.entries.index_copy_(0, places, z.detach())


def contrastive_loss(
    z: Tensor,
    labels: Tensor,
    compared: tuple[Tensor, Tensor],
    temperature: float,
    rows: Rows,
    used: Tensor | None = None,
) -> Tensor:
    """Return the supervised contrastive loss of a batch against a bank: mean over the batch.

    Each sample's positives are the bank's entries of its class, its own former one too. With s the
    similarities over the temperature, less their largest, a term is exp(s) + 1e-4, and the loss is
    minus the mean over the positives of log(term / sum of all terms).

    Args:
        z: (n, p) normalised projections with gradient; labels (n,).
        compared: entries (m, p), normalised, and their labels (m,). Every label of the batch is
            among them.
        rows: which of the n count.
        used: which of the m count, (m,); None: all do.
    """
    entries, entry_labels = compared
    scores = z @ entries.T / temperature
    positive = labels[:, None] == entry_labels[None, :]
    if used is not None:
        scores, positive = scores.masked_fill(~used, -torch.inf), positive & used
    terms = (scores - scores.detach().amax(1, keepdim=True)).exp() + FLOOR
    if used is not None:
        terms = terms * used
    share = terms / terms.sum(1, keepdim=True)
    log_p = (share if used is None else share.masked_fill(~used, 1.0)).log()
    each = -((log_p * positive).sum(1) / positive.sum(1))
    return rows.mean(lambda how: each if how == "none" else each.mean())


def centroids(entries: Tensor, labels: Tensor, classes: Tensor) -> Tensor:
    """Return the normalised mean of each class's entries of a bank, (m, p) -> (classes, p)."""
    member = (classes[:, None] == labels[None, :]).to(entries)
    return F.normalize(member @ entries, dim=1)


def compared_with(
    labels: np.ndarray, places: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw what a batch is compared with: ``count`` of the bank's places, or all of fewer.

    Where that leaves a class of the batch out, the batch's own entries of it are added (the authors
    draw until no class is left out, which may take for ever where a class is rare).

    Args:
        labels: of the bank's entries, (m,); places: where the batch's samples stand, (n,).
    """
    if len(labels) <= count:
        return np.arange(len(labels))
    drawn = rng.choice(len(labels), count, replace=False)
    missing = places[~np.isin(labels[places], labels[drawn])]
    return np.concatenate([drawn, np.unique(missing)])


class Held:
    """CRL's distillation: what holds a batch's old samples.

    As it was: the cosines of their class's prototype with all old ones, of hidden states, as they
    stood before the task. As it is: z with the bank's centroids of the old classes.

    Args:
        prototypes: of all classes, (classes, width), as they stood before the task.
        labels: of the bank's entries, (m,).
        start: the number of the newest task's first class.
    """

    def __init__(self, prototypes: Tensor, labels: Tensor, start: int, temperature: float) -> None:
        self.start, self.temperature, self.labels = start, temperature, labels
        self.classes = torch.unique(labels[labels < start])
        old = F.normalize(prototypes.to(labels.device)[self.classes], dim=1)
        self.was = F.log_softmax(old @ old.T / temperature, dim=1)

    def __call__(self, z: Tensor, labels: Tensor, entries: Tensor, rows: Rows) -> Tensor:
        """Return the mean over a batch's old samples of KL(as it was, as it is)."""
        mine = labels < self.start
        centres = centroids(entries, self.labels, self.classes)
        if rows.mask is None:
            if not mine.any():
                return z.new_zeros(())
            z, labels = z[mine], labels[mine]
        now = F.log_softmax(z @ centres.T / self.temperature, dim=1)
        if rows.mask is None:
            before = self.was[torch.searchsorted(self.classes, labels)]
            return F.kl_div(now, before, reduction="batchmean", log_target=True)
        # a recorded step cannot look: every row is computed, and those that are not old weigh 0
        place = torch.searchsorted(self.classes, labels).clamp(max=len(self.classes) - 1)
        each = F.kl_div(now, self.was[place], reduction="none", log_target=True).sum(1)
        weight = rows.mask * mine
        return (each * weight).sum() / weight.sum().clamp(min=1)
