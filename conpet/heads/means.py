"""What heads of class means share: means, and the scatter of samples within their classes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from conpet.heads.base import Array, Measured, Moving, shaped, sized


class ByMeans(Moving):
    """A class is a Gaussian round its mean; all share one spread.

    Scores are linear, m_c' P x - m_c' P m_c / 2 with P the inverse of the shared covariance: what
    Bayes' rule says of such Gaussians, without what is the same for all classes.

    Attributes:
        mean: of each class, shape (classes, width).
        scatter: sum over samples of their deviations from their class's mean, squared.
        freedom: samples behind the scatter, less one for each class.
    """

    scatter: Array

    def __init__(self, width: int, seed: int, options: Any) -> None:
        super().__init__(width, seed, options)
        self.mean: Array = np.zeros((0, width))
        self.scatter = self.squared(self.mean)
        self.freedom = 0.0
        self._weight: Array = np.zeros((width, 0))

    @abstractmethod
    def squared(self, deviations: Array) -> Array:
        """Return the sum of the squares of deviations (n, width)."""

    @abstractmethod
    def spread(self, weight: Array) -> Array:
        """Return the scatter in the space that ``weight`` (width, width) maps to."""

    def move(self, weight: Array, bias: Array) -> None:
        """Move means and scatter; the next fit solves."""
        self.mean = self.mean @ weight + bias
        self.scatter = self.spread(weight)

    @abstractmethod
    def solved(self) -> Array:
        """Return P m_c of each class, shape (width, classes)."""

    def fit(
        self, found: Measured, classes: int, joins: bool, valid: Measured | None = None
    ) -> None:
        """Take means and scatter of the samples, and solve."""
        self.count, self.mean = sized(self.count, classes), sized(self.mean, classes)
        count = np.bincount(found.labels, minlength=classes).astype(np.float64)
        here = count > 0
        mean = np.zeros_like(self.mean)
        np.add.at(mean, found.labels, found.x)
        mean[here] /= count[here, None]
        scatter = self.squared(found.x - mean[found.labels])
        freedom = float(len(found.x) - here.sum())
        if joins and (again := here & (self.count > 0)).any():
            # more of known classes: two groups' scatter is that of each, and of their means
            total = count + self.count
            share = np.sqrt(count[again] * self.count[again] / total[again])
            scatter = scatter + self.squared(share[:, None] * (mean - self.mean)[again])
            freedom += float(again.sum())
            moved = self.count[again] / total[again]
            mean[again] += moved[:, None] * (self.mean - mean)[again]
            count[again] = total[again]
        if joins or not freedom:
            scatter, freedom = scatter + self.scatter, freedom + self.freedom
        self.scatter, self.freedom = scatter, freedom
        self.count[here], self.mean[here] = count[here], mean[here]
        self._weight = self.solved()

    def linear(self) -> tuple[Array, Array]:
        """Return weight (classes, width) and bias (classes,) of the scores."""
        return self._weight.T, -0.5 * (self.mean.T * self._weight).sum(0)

    def plain(self, x: Array) -> Array:
        """Return the linear scores."""
        weight, bias = self.linear()
        scores: Array = x @ weight.T + bias
        return scores

    def between(self) -> float:
        """Return the variance of the class means: a scale where no class has a second sample."""
        means = self.mean[self.count > 0]
        return float(means.var(axis=0).mean()) or 1.0

    def kept(self, scatter: Tensor) -> dict[str, Tensor]:
        """Return counts, means, freedom, and the scatter as it is given."""
        return {
            "count": torch.from_numpy(self.count),
            "mean": torch.from_numpy(self.mean),
            "freedom": torch.tensor([self.freedom], dtype=torch.float64),
            "scatter": scatter,
        }

    def put_back(self, tensors: dict[str, Tensor], scatter: Array) -> None:
        """Take up what :meth:`kept` gave, and solve."""
        classes = len(tensors["count"])
        self.count = shaped(tensors["count"], classes)
        self.mean = shaped(tensors["mean"], classes, self.width)
        self.freedom = float(shaped(tensors["freedom"], 1)[0])
        self.scatter = scatter
        self._weight = self.solved()
