"""How far a learner's probabilities can be believed: temperature, threshold, AUROC."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from conpet.learners.base import Prediction

BINS = 15
KEPT = 0.95  # share of the validation samples that the threshold lets through

Array = NDArray[np.float64]


def log_probabilities(
    found: Prediction, columns: Sequence[NDArray[np.int64]], temperature: float
) -> Array:
    """Return calibrated log-probabilities over classes, shape (n, classes), from a prediction.

    With a selector it is log p(task) + log p(class | task): a task whose expert was not asked has
    its share spread evenly over its classes. A class of several tasks has the sum of its shares.

    Args:
        columns: class numbers of each task; of tasks without shared classes in order.
    """
    scores = found.scores.double().numpy() / temperature
    if found.task_scores is None:
        return log_softmax(scores, [0])
    if sum(map(len, columns)) > scores.shape[1]:
        return _summed(scores, columns, found.task_scores.double().numpy() / temperature)
    tasks = np.repeat(np.arange(1, len(columns) + 1), [len(own) for own in columns])
    # all tasks at once: a loop over them would make a text dearer with every expert
    starts = np.searchsorted(tasks, np.arange(1, tasks[-1] + 1))
    shares = log_softmax(found.task_scores.double().numpy() / temperature, [0])
    return log_softmax(scores, starts) + shares[:, tasks - 1]


def _summed(scores: Array, columns: Sequence[NDArray[np.int64]], tasks: Array) -> Array:
    """Return log of the sum over tasks of p(task) p(class | task), shape (n, classes)."""
    shares = log_softmax(tasks, [0])
    total = np.full(scores.shape, -np.inf)
    for task, own in enumerate(columns):
        joint = shares[:, task, None] + log_softmax(scores[:, own], [0])
        total[:, own] = np.logaddexp(total[:, own], joint)
    return total


def log_softmax(scores: Array, starts: Sequence[int] | NDArray[np.int64]) -> Array:
    """Return the log-softmax of each group of columns, shape (n, columns).

    Args:
        starts: first column of each group, ascending, from 0; no group is empty.
    """
    sizes = np.diff([*starts, scores.shape[1]])
    highest = np.maximum.reduceat(scores, starts, axis=1)
    shifted = scores - np.repeat(highest, sizes, axis=1)
    total = np.add.reduceat(np.exp(shifted), starts, axis=1)
    return shifted - np.repeat(np.log(total), sizes, axis=1)


def nll(logs: Array, labels: NDArray[np.int64]) -> float:
    """Return the mean negative log-likelihood of the true classes, in nats."""
    return float(-logs[np.arange(len(labels)), labels].mean())


def expected_calibration_error(logs: Array, labels: NDArray[np.int64]) -> float:
    """Return the mean gap between confidence and accuracy over BINS equal bins, by their share."""
    probabilities = np.exp(logs)
    top = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((top * BINS).astype(int), BINS - 1)
    gaps = [
        abs(top[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    return float(sum(gaps))


def threshold_for(confidence: Array, kept: float = KEPT) -> float:
    """Return the highest confidence that at least ``kept`` of the samples reach."""
    least = math.ceil(kept * len(confidence) - 1e-9)  # 0.95 of 100 are 95, though it is a hair more
    return float(np.sort(confidence)[len(confidence) - max(1, least)])


def auroc(inside: Array, outside: Array) -> float:
    """Return the chance that a text of a seen class is given more confidence than one of none."""
    from sklearn.metrics import roc_auc_score

    truth = np.concatenate([np.ones(len(inside)), np.zeros(len(outside))])
    return float(roc_auc_score(truth, np.concatenate([inside, outside])))
