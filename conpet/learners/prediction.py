"""What a learner says of samples, and how right it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Prediction:
    """What a learner says of n samples.

    ``scores``: log-probabilities over seen classes (n, seen). Where there is a selector,
    ``selected`` are the tasks it ranks first (n, k), and ``task_scores`` its log-probabilities of
    all tasks (n, t).
    """

    scores: Tensor
    selected: np.ndarray | None = None
    task_scores: Tensor | None = None

    def labels(self) -> np.ndarray:
        """Return the class number of each sample's highest score."""
        return self.scores.argmax(1).numpy()


def mean_by_task(right: np.ndarray, tasks: np.ndarray) -> float:
    """Return the mean over the tasks present of the share that is right."""
    return float(np.mean([right[tasks == t].mean() for t in np.unique(tasks)]))
