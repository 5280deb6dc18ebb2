"""Whether seeds tell two means apart: Student's t."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_NONE = 1e-12
SURE = 0.05  # a difference with a lower p is taken for one

#: a number of each seed
BySeed = Mapping[int, float]


def paired_t(differences: NDArray[np.float64]) -> float:
    """Return the two-sided p of a paired t-test (n,); NaN below two pairs or without spread."""
    if len(differences) < 2 or np.ptp(differences) < _NONE:
        return math.nan
    from scipy import stats

    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def t_interval(mean: float, std: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a mean over n values by Student's t.

    NaN below two values, and of two that are equal: accuracies are of so many test samples, and
    two of them agree by chance.
    """
    if n < 2 or (n == 2 and std < _NONE):
        return math.nan, math.nan
    from scipy import stats

    half = float(stats.t.ppf(0.975, n - 1)) * std / math.sqrt(n)
    return mean - half, mean + half


def told_apart(ours: BySeed, theirs: BySeed) -> bool:
    """Say whether the seeds that both have tell which mean is larger: paired t-test, p < 0.05.

    Two differences that are equal tell nothing; more of them do.
    """
    seeds = [seed for seed in ours if seed in theirs]
    deltas = np.array([ours[seed] - theirs[seed] for seed in seeds])
    if len(deltas) > 2 and np.ptp(deltas) < _NONE:  # all seeds say the same
        return bool(abs(deltas[0]) > _NONE)
    return paired_t(deltas) < SURE
