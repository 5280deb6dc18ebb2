"""What scores are divided by, so that probabilities say how often they are right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

BOUNDS = (0.05, 1000.0)


def fit_temperature(at: Callable[[float], NDArray[np.float64]], truth: NDArray[np.int64]) -> float:
    """Return the temperature of the best log-probabilities, within BOUNDS.

    Guo et al. 2017 (arXiv 1706.04599), with Platt's targets: of n texts each weighs 1 - 1/(n + 2)
    for its truth and the rest evenly for the others. Texts that are all right say that errors are
    rarer than one in n, not that there are none: without it the temperature would fall until every
    confidence rounds to one. It is 1 where there is no text, or one choice alone.

    Args:
        at: temperature -> log-probabilities (n, choices).
        truth: place of the true choice, (n,).
    """
    from scipy.optimize import minimize_scalar

    texts, choices = at(1.0).shape
    if texts == 0 or choices < 2:
        return 1.0
    slip, rows = 1 / (texts + 2), np.arange(texts)

    def loss(log_temperature: float) -> float:
        logs = at(float(np.exp(log_temperature)))
        right = logs[rows, truth]
        others = (logs.sum(axis=1) - right) / (choices - 1)
        return -float(((1 - slip) * right + slip * others).mean())

    bounds = (float(np.log(BOUNDS[0])), float(np.log(BOUNDS[1])))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return round(float(np.exp(found.x)), 6)
