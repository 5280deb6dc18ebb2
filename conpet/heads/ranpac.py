"""RanPAC: ridge regression on a fixed random, non-linear and much wider copy of the representation.

In the wider space classes lie further apart, and the regression's sums are added to task by task,
so nothing is forgotten. McDonnell et al. 2023 (arXiv 2307.02251), section 4.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from scipy.linalg import cho_factor, cho_solve
from torch import Tensor

from conpet.config.strict import Strict
from conpet.heads.base import Array, Fitted, Measured, packed, shaped, sized, unpacked
from conpet.seeds import derive

RIDGES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
SCALES = tuple(float(scale) for scale in np.geomspace(1, 100, 9))


class Options(Strict):
    """``width`` of the random projection; ``ridge``, for one by validation samples left out.

    A ridge is a share of the mean square of a projected dimension, so that it means the same
    whatever the number of samples.
    """

    width: Annotated[int, Field(ge=1, le=65_536)] = 2000
    ridge: Annotated[float, Field(ge=1e-9, le=1e6)] | None = None


class Ranpac(Fitted):
    """h = relu(x W), W random and fixed; scores h (G + l I)^-1 B with G = H'H and B = H'Y.

    Attributes:
        gram: G, shape (M, M).
        sums: B', a row per class: the sum of its samples' h, shape (classes, M).
        ridge: l as a share of tr G / M.
        scale: of the scores, so that a softmax of them says how sure they are.
    """

    Options = Options
    validated = True

    def __init__(self, width: int, seed: int, options: Any) -> None:
        super().__init__(width, seed, options)
        wide: int = options.width
        drawn = np.random.default_rng(derive(seed, "ranpac")).standard_normal((width, wide))
        # as a state keeps it: another version of numpy may draw others
        self.projection: Array = (drawn / np.sqrt(width)).astype(np.float32).astype(np.float64)
        self.gram: Array = np.zeros((wide, wide))
        self.sums: Array = np.zeros((0, wide))
        self.ridge: float = options.ridge or 1e-3
        self.scale = 10.0
        self._weight: Array = np.zeros((wide, 0))

    def projected(self, x: Array) -> Array:
        """Return relu(x W), shape (n, M)."""
        return np.maximum(x @ self.projection, 0.0)

    def fit(
        self, found: Measured, classes: int, joins: bool, valid: Measured | None = None
    ) -> None:
        """Add the samples' sums, choose the ridge, and solve."""
        self.count, self.sums = sized(self.count, classes), sized(self.sums, classes)
        h = self.projected(found.x)
        count = np.bincount(found.labels, minlength=classes).astype(np.float64)
        sums = np.zeros_like(self.sums)
        np.add.at(sums, found.labels, h)
        if joins:
            self.gram = self.gram + h.T @ h
            self.count, self.sums = self.count + count, self.sums + sums
        else:
            here = count > 0
            self.count[here], self.sums[here] = count[here], sums[here]
            # a class without a sample stands in the sums as so many copies of its mean
            left = np.flatnonzero(~here & (self.count > 0))
            means = self.sums[left] / np.sqrt(self.count[left])[:, None]
            self.gram = h.T @ h + means.T @ means
        if valid is not None and len(valid.x):
            self._choose(self.projected(valid.x), valid.labels)
        else:
            self._weight = self._solved(self.ridge)

    def _solved(self, ridge: float) -> Array:
        wide = len(self.gram)
        added = ridge * (np.trace(self.gram) / wide or 1.0)
        factor = cho_factor(self.gram + added * np.eye(wide), lower=True)
        found: Array = cho_solve(factor, self.sums.T)
        return found

    def _choose(self, h: Array, labels: np.ndarray) -> None:
        """Take the ridge with the least squared error, then the likeliest scale."""
        truth = np.eye(self.classes)[labels]
        tried = {}
        for ridge in [self.options.ridge] if self.options.ridge else RIDGES:
            weight = self._solved(ridge)
            scores = h @ weight
            tried[ridge] = float(np.square(scores - truth).mean()), weight, scores
        self.ridge = min(tried, key=lambda ridge: tried[ridge][0])
        _, self._weight, scores = tried[self.ridge]
        self.scale = max(SCALES, key=lambda scale: _likelihood(scale * scores, labels))

    def plain(self, x: Array) -> Array:
        """Return the regression's scores, scaled."""
        scores: Array = self.scale * (self.projected(x) @ self._weight)
        return scores

    def tensors(self) -> dict[str, Tensor]:
        """Return the projection, the sums, and what was chosen."""
        return {
            "count": torch.from_numpy(self.count),
            "projection": torch.from_numpy(self.projection.astype(np.float32)),
            "gram": packed(self.gram),
            "sums": torch.from_numpy(self.sums),
            "chosen": torch.tensor([self.ridge, self.scale], dtype=torch.float64),
        }

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Take up projection, sums and what was chosen, and solve."""
        classes, wide = len(tensors["count"]), len(self.gram)
        self.count = shaped(tensors["count"], classes)
        self.projection = shaped(tensors["projection"], self.width, wide)
        self.gram = unpacked(tensors["gram"], wide)
        self.sums = shaped(tensors["sums"], classes, wide)
        self.ridge, self.scale = (float(value) for value in shaped(tensors["chosen"], 2))
        self._weight = self._solved(self.ridge)


def _likelihood(scores: Array, labels: np.ndarray) -> float:
    """Return the mean log-likelihood of the true classes."""
    top = scores.max(axis=1, keepdims=True)
    total = np.log(np.exp(scores - top).sum(axis=1)) + top[:, 0]
    return float((scores[np.arange(len(labels)), labels] - total).mean())


HEAD = Ranpac
