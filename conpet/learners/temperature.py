"""What scores are divided by, so that probabilities say how often they are right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

BOUNDS = (0.05, 1000.0)


def fit_temperature(
    at: Callable[[float], NDArray[np.float64]],
    truth: NDArray[np.int64],
    told: NDArray[np.bool_] | None = None,
) -> float:
    """Return the temperature of the best log-probabilities, within BOUNDS.

    Guo et al. 2017 (arXiv 1706.04599), with Platt's targets: of n texts each weighs 1 - 1/(n + 2)
    for its truth and the rest evenly for the others. Texts that are all right say that errors are
    rarer than one in n, not that there are none: without it the temperature would fall until every
    confidence rounds to one. It is 1 where there is no text, or one choice alone.

    Args:
        at: temperature -> log-probabilities (n, choices).
        truth: place of the true choice, (n,).
        told: of which choices something was learnt (choices,), all by default. The others, and
            texts of theirs, say nothing: a choice that is out of question would count as a sure
            error of every text.
    """
    from scipy.optimize import minimize_scalar

    choices = np.arange(at(1.0).shape[1]) if told is None else np.flatnonzero(told)
    rows = np.flatnonzero(np.isin(truth, choices))
    if len(rows) == 0 or len(choices) < 2:
        return 1.0
    slip = 1 / (len(rows) + 2)

    def loss(log_temperature: float) -> float:
        logs = at(float(np.exp(log_temperature)))
        right = logs[rows, truth[rows]]
        others = (logs[np.ix_(rows, choices)].sum(axis=1) - right) / (len(choices) - 1)
        return -float(((1 - slip) * right + slip * others).mean())

    bounds = (float(np.log(BOUNDS[0])), float(np.log(BOUNDS[1])))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return round(float(np.exp(found.x)), 6)
