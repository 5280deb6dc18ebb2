"""Metrics from predictions, and nothing else: no model, no file, no framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOP_K = (1, 2, 3)


def task_metrics(
    labels: ArrayLike,
    predictions: ArrayLike,
    tasks: ArrayLike,
    selected: ArrayLike | None,
    n_tasks: int,
    in_task: ArrayLike | None = None,
) -> dict[str, Any]:
    """Measure one evaluation after task ``n_tasks`` on the test samples of tasks 1 to ``n_tasks``.

    Args:
        labels: (n,) true class of each sample.
        predictions: (n,) predicted class.
        tasks: (n,) the task the true class came with, 1-based.
        selected: (n, k) tasks as the selector ranks them, best first, 1-based; None without one.
        n_tasks: tasks seen so far, t.
        in_task: (n,) predicted class where each sample's task is given.

    Returns:
        Fractions 0..1 under the names of metrics.json: ``whole_accuracy`` (correct / all),
        ``average_accuracy`` (mean over tasks of the accuracy on the task's samples), ``macro_f1``
        (mean over the classes with a test sample), ``task_accuracy`` and ``task_samples`` (length
        t; the accuracy is None, and left out of the mean, where a task has no test sample),
        ``task_incremental_accuracy`` (correct / all where the task is given; only with
        ``in_task``),
        ``selector_accuracy`` ({"k": share whose task is among the first k}, k up to 3, t and the
        width of ``selected``) and ``selector_confusion`` (t x t counts, rows the true task).

    Raises:
        ValueError: no sample, arrays of different lengths, or a task outside 1..t.
    """
    truth, guess = np.asarray(labels), np.asarray(predictions)
    task = np.asarray(tasks, dtype=np.int64)
    if truth.ndim != 1 or not truth.shape == guess.shape == task.shape:
        raise ValueError(f"shapes differ: {truth.shape}, {guess.shape}, {task.shape}")
    if not len(truth):
        raise ValueError("no test sample to measure on")
    _check_tasks(task, n_tasks)
    correct = truth == guess
    samples = np.bincount(task - 1, minlength=n_tasks)
    hits = np.bincount(task - 1, weights=correct, minlength=n_tasks)
    accuracy = [float(h / n) if n else None for h, n in zip(hits, samples, strict=True)]
    ranked = None if selected is None else np.asarray(selected, dtype=np.int64)
    given = {} if in_task is None else {"task_incremental_accuracy": _share(truth, in_task)}
    return {
        "whole_accuracy": float(correct.mean()),
        "average_accuracy": _mean([a for a in accuracy if a is not None]),
        "macro_f1": _macro_f1(truth, guess),
        **given,
        "task_accuracy": accuracy,
        "task_samples": [int(n) for n in samples],
        "selector_accuracy": None if ranked is None else _top_k(task, ranked, n_tasks),
        "selector_confusion": None if ranked is None else _confusion(task, ranked, n_tasks),
    }


def summarise(history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum up the metrics of tasks 1..T of one run, in order.

    With a[t, i] the accuracy on task i after task t:
    forgetting is mean_{i<T} (max_{i<=t<T} a[t, i] - a[T, i]) (Chaudhry et al. 2018), backward
    transfer mean_{i<T} (a[T, i] - a[i, i]) (Lopez-Paz and Ranzato 2017). Both are None after one
    task; a task without a test sample is left out of both. The accuracies are those after task T;
    ``mean_whole_accuracy`` is the mean over t of the whole accuracy after task t.

    Raises:
        ValueError: the history is empty, or is not one entry for each task from 1 on.
    """
    if not history:
        raise ValueError("no metrics to sum up")
    for t, entry in enumerate(history, start=1):
        if len(entry["task_accuracy"]) != t:
            raise ValueError(f"entry {t} is over {len(entry['task_accuracy'])} tasks, not {t}")
    a = accuracy_matrix(history)
    last = len(history) - 1
    old = [i for i in range(last) if not np.isnan(a[last, i])]
    forgetting = _mean([a[i:last, i].max() - a[last, i] for i in old]) if old else None
    transfer = _mean([a[last, i] - a[i, i] for i in old]) if old else None
    final = history[-1]
    return {
        "whole_accuracy": final["whole_accuracy"],
        "average_accuracy": final["average_accuracy"],
        "forgetting": forgetting,
        "backward_transfer": transfer,
        "mean_whole_accuracy": _mean([entry["whole_accuracy"] for entry in history]),
        "macro_f1": final["macro_f1"],
        "task_incremental_accuracy": final.get("task_incremental_accuracy"),
        "selector_accuracy": final["selector_accuracy"],
    }


def accuracy_matrix(history: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Return a[t, i] as (T, T), zero-based; NaN above the diagonal and where there is no sample."""
    matrix = np.full((len(history), len(history)), np.nan)
    for t, entry in enumerate(history):
        for i, value in enumerate(entry["task_accuracy"]):
            matrix[t, i] = np.nan if value is None else value
    return matrix


def _share(truth: NDArray[Any], guess: ArrayLike) -> float:
    found = np.asarray(guess)
    if found.shape != truth.shape:
        raise ValueError(f"shapes differ: {truth.shape}, {found.shape}")
    return float((truth == found).mean())


def _mean(values: Sequence[Any]) -> float:
    return float(np.mean(np.asarray(values, dtype=np.float64)))


def _check_tasks(task: NDArray[np.int64], n_tasks: int) -> None:
    if task.size and (task.min() < 1 or task.max() > n_tasks):
        raise ValueError(f"tasks {task.min()} to {task.max()} are not within 1..{n_tasks}")


def _macro_f1(truth: NDArray[Any], guess: NDArray[Any]) -> float:
    # Over the classes the test set holds: a wrong guess of an absent class is already counted
    # against the class it should have been.
    classes, index = np.unique(truth, return_inverse=True)
    support = np.bincount(index, minlength=len(classes))
    hits = np.bincount(index, weights=truth == guess, minlength=len(classes))
    place = np.searchsorted(classes, guess).clip(0, len(classes) - 1)
    known = classes[place] == guess
    guessed = np.bincount(place[known], minlength=len(classes))
    return float(np.mean(2 * hits / (support + guessed)))


def _top_k(task: NDArray[np.int64], ranked: NDArray[np.int64], n_tasks: int) -> dict[str, float]:
    if ranked.ndim != 2 or len(ranked) != len(task):
        raise ValueError(f"selected has shape {ranked.shape}, not ({len(task)}, k)")
    found = ranked == task[:, None]
    widest = min(n_tasks, ranked.shape[1])
    return {str(k): float(found[:, :k].any(axis=1).mean()) for k in TOP_K if k <= widest}


def _confusion(task: NDArray[np.int64], ranked: NDArray[np.int64], n_tasks: int) -> list[list[int]]:
    first = ranked[:, 0]
    _check_tasks(first, n_tasks)
    counts = np.bincount((task - 1) * n_tasks + first - 1, minlength=n_tasks * n_tasks)
    return [[int(n) for n in row] for row in counts.reshape(n_tasks, n_tasks)]
