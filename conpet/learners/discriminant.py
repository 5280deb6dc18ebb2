"""Linear discriminant analysis: class means and one shared covariance, from representations."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]

NEVER = -1e4  # the score of a class that no sample tells anything of


def shrinkage(covariance: Array, samples: int) -> float:
    """Return how far to shrink a covariance (d, d) towards its mean variance: 0 to 1.

    Oracle approximating shrinkage (Chen et al. 2010, arXiv 0907.4698, equation 23).
    """
    d = len(covariance)
    squares, trace = float((covariance**2).sum()), float(np.trace(covariance))
    spread = (samples + 1 - 2 / d) * (squares - trace**2 / d)
    return 1.0 if spread <= 0 else min(1.0, ((1 - 2 / d) * squares + trace**2) / spread)


def discriminant(features: Array, labels: NDArray[np.int64], classes: int) -> tuple[Tensor, Tensor]:
    """Return weight (classes, d) and bias (classes,) of the linear discriminant's scores.

    score_c(x) = mu_c' S^-1 x - mu_c' S^-1 mu_c / 2, mu_c the mean of a class, S the covariance
    within classes, shrunk: the log of a Gaussian's density, all classes equally likely, up to what
    they share. A class without a sample scores :data:`NEVER`.

    Args:
        features: (n, d), float64, n at least 1.
        labels: class of each, (n,).
    """
    width, known = features.shape[1], np.unique(labels)
    means = np.zeros((classes, width))
    for label in known:
        means[label] = features[labels == label].mean(axis=0)
    apart = features - means[labels]
    freedom = max(1, len(features) - len(known))
    covariance = apart.T @ apart / freedom
    share, level = shrinkage(covariance, freedom), float(np.trace(covariance)) / width
    if level <= 0:  # one sample a class: nothing says how they vary
        share, level = 1.0, 1.0
    shrunk = (1 - share) * covariance + share * level * np.eye(width)
    weight = np.linalg.solve(shrunk, means.T).T
    bias = np.full(classes, NEVER)
    bias[known] = -0.5 * (weight * means).sum(axis=1)[known]
    return torch.from_numpy(weight).float(), torch.from_numpy(bias).float()
