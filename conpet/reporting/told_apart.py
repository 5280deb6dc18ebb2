"""Whether seeds tell two means apart: Student's t."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

SURE = 0.05  # a difference with a lower p is taken for one

#: a number of each seed
BySeed = Mapping[int, float]


def paired_t(differences: NDArray[np.float64]) -> float:
    """Return the two-sided p of a paired t-test (n,); NaN below two pairs or without spread."""
    if len(differences) < 2 or np.ptp(differences) < 1e-12:
        return math.nan
    from scipy import stats

    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def t_interval(mean: float, std: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a mean over n values by Student's t; NaN below two values."""
    if n < 2:
        return math.nan, math.nan
    from scipy import stats

    half = float(stats.t.ppf(0.975, n - 1)) * std / math.sqrt(n)
    return mean - half, mean + half


def told_apart(ours: BySeed, theirs: BySeed) -> bool:
    """Say whether the seeds that both have tell which mean is larger: paired t-test, p < 0.05."""
    seeds = [seed for seed in ours if seed in theirs]
    deltas = np.array([ours[seed] - theirs[seed] for seed in seeds])
    if len(deltas) > 1 and np.ptp(deltas) < 1e-12:  # all seeds say the same
        return bool(abs(deltas[0]) > 1e-12)
    return paired_t(deltas) < SURE
