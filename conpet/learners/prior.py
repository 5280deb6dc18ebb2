"""The class prior of a batch plan, taken out of a softmax; and the one that answers are for.

A plan that gives the newest task half of every batch teaches the softmax that half of all texts are
of its classes. Menon et al. 2021 (arXiv 2007.07314), equation 10: the log of each class's share is
added to its score in training, so that what the head learns is free of it. docs/methods.md, Prior.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from conpet.config.settings import Settings
from conpet.data.stream import Stream
from conpet.errors import UserError
from conpet.replay.base import Plan

TARGET = "target.log_shares"


def _log_shares(labels: np.ndarray, classes: int, weights: np.ndarray | None = None) -> Tensor:
    counts = 1 + np.bincount(labels, weights, minlength=classes)
    return torch.from_numpy(np.log(counts / counts.sum())).float()


def log_prior(plan: Plan, stream: Stream, weights: np.ndarray | None = None) -> Tensor:
    """Return log π_c of every class seen, shape (seen,).

    π_c = n_c / Σ n, with n_c = 1 + how often class c stands in the plan's training batches.

    Args:
        weights: what each sample of the stream counts there, its weight in the cross-entropy (n,).
    """
    passed = np.concatenate([batch for batches in plan.epochs for batch in batches])
    counted = None if weights is None else weights[passed]
    return _log_shares(stream.label[passed], stream.seen, counted)


def log_history(stream: Stream) -> Tensor:
    """Return the log of each seen class's share in the training data so far, shape (seen,).

    Of each class one sample more is counted, as in :func:`log_prior`.
    """
    arrived = stream.of("train", range(1, stream.tasks + 1))
    return _log_shares(stream.label[arrived], stream.seen)


class Prior:
    """What a head over classes is told of their shares: the plan's in training, the target's after.

    Both are None, and scores stay as they are, with ``prior: none`` and ``target: uniform``.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.plan: Tensor | None = None
        self.target: Tensor | None = None
        self._rows: dict[tuple[int, torch.device], Tensor] = {}

    def learn(self, plan: Plan, stream: Stream, weights: np.ndarray | None = None) -> None:
        """Note the shares of a plan that is to be followed, and of the history so far.

        Args:
            weights: as in :func:`log_prior`; None where all samples weigh alike.
        """
        if self._settings.prior == "plan":
            self.plan = log_prior(plan, stream, weights)
            self._rows.clear()
        self.aim(stream)

    def aim(self, stream: Stream) -> None:
        """Note the shares of the history so far: what answers before there is a plan needs them."""
        if self._settings.target == "history":
            self.target = log_history(stream)

    def in_training(self, scores: Tensor) -> Tensor:
        """Return what the loss is taken of: scores (n, rows) + log π.

        Rows of classes still to come (``head: fixed``) have the share of the rarest class seen.
        """
        if self.plan is None:
            return scores
        key = scores.shape[1], scores.device
        if key not in self._rows:  # brought to the device once: a recorded step cannot wait for it
            least = float(self.plan.min())
            shares = F.pad(self.plan, (0, scores.shape[1] - len(self.plan)), value=least)
            self._rows[key] = shares.to(scores.device)
        return scores + self._rows[key]

    def in_answers(self, scores: Tensor) -> Tensor:
        """Return what the answer is taken of: scores (n, seen), + log of the history's shares.

        A class that was taught since (:mod:`conpet.predicting.teaching`) has the least share.
        """
        if self.target is None:
            return scores
        taught = scores.shape[1] - len(self.target)
        shares = F.pad(self.target, (0, taught), value=float(self.target.min()))
        return scores + shares.to(scores.device)

    def tensors(self) -> dict[str, Tensor]:
        """Return what a state keeps: the target's shares, where there are any."""
        return {} if self.target is None else {TARGET: self.target}

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Take up what a state keeps."""
        if (found := tensors.get(TARGET)) is not None:
            self.target = found


def check_prior(settings: Settings, has_prior: bool, trained: bool, where: str) -> None:
    """Refuse a prior or target that a learner cannot have, or that would count a prior twice.

    Args:
        has_prior: whether the learner trains a softmax over classes.
        trained: whether the head that answers is trained; one that is fitted has no plan's prior.

    Raises:
        UserError: what is asked for, and what to set.
    """
    asked = [name for name in ("prior", "target") if getattr(settings, name) not in _NOTHING]
    if asked and not has_prior:
        raise UserError(
            f"{where}: {asked[0]}: {getattr(settings, asked[0])}: this learner trains no softmax "
            "over classes: set it in the methods that do"
        )
    if settings.target == "history" and settings.prior == "none" and trained:
        raise UserError(
            f"{where}: target: history: with prior: none the plan's shares are in the scores "
            "already: set prior: plan too"
        )


_NOTHING = ("none", "uniform")
