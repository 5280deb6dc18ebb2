"""How a selector's word and the experts' words become one answer over all seen classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from conpet.learners.temperature import fit_temperature

UNCHOSEN = -100.0  # the score of a class whose expert is not among a sample's top k
APART = 50.0  # how far at least it is below the best of those that are


def choose_experts(ranked: np.ndarray, k: int, true: np.ndarray | None) -> np.ndarray:
    """Return the k experts of each sample, shape (n, min(k, t)), as task numbers.

    With ``true`` (teacher forcing) the true task takes the last place where it is not there.
    """
    chosen = ranked[:, :k].copy()
    if true is not None:
        absent = ~(chosen == true[:, None]).any(axis=1)
        chosen[absent, -1] = true[absent]
    return chosen


def rank_tasks(scores: Tensor) -> np.ndarray:
    """Return all tasks of each sample, the highest score first: (n, t), as task numbers."""
    return scores.argsort(dim=1, descending=True, stable=True).numpy() + 1


def log_sum_by_task(scores: Tensor, class_task: np.ndarray) -> Tensor:
    """Return the log-sum-exp over each task's classes, (n, classes) -> (n, tasks).

    All tasks at once: a loop would make a text dearer with every task.

    Args:
        class_task: task number of each class, from 1, shape (classes,).
    """
    place = torch.from_numpy(class_task - 1).expand(len(scores), -1)
    shape = (len(scores), int(class_task.max()))
    highest = scores.new_full(shape, -torch.inf).scatter_reduce(1, place, scores, "amax")
    shifted = (scores - highest.gather(1, place)).exp()
    return highest + scores.new_zeros(shape).scatter_add(1, place, shifted).log()


def within_task(scores: Tensor, class_task: np.ndarray) -> Tensor:
    """Return log p(class | its task): a log-softmax over each task's classes, (n, classes)."""
    place = torch.from_numpy(class_task - 1).expand(len(scores), -1)
    return scores - log_sum_by_task(scores, class_task).gather(1, place)


def asked_classes(chosen: np.ndarray, class_task: np.ndarray) -> Tensor:
    """Say whose expert is among a sample's: (n, k) task numbers -> (n, classes) truth values."""
    return torch.from_numpy((chosen[:, :, None] == class_task).any(axis=1))


def keep_to_asked(scores: Tensor, chosen: np.ndarray, columns: Sequence[np.ndarray]) -> Tensor:
    """Return scores (n, classes) of which a class that no asked expert knows is never the highest.

    :data:`UNCHOSEN` stays, unless an expert's own scores lie so low.

    Args:
        chosen: task numbers, (n, k).
        columns: the classes of each task.
    """
    knows = np.zeros((len(columns), scores.shape[1]), dtype=bool)
    for row, own in zip(knows, columns, strict=True):
        row[own] = True
    asked = torch.from_numpy(knows[chosen - 1].any(axis=1))
    best = scores.masked_fill(~asked, -torch.inf).amax(dim=1, keepdim=True)
    return torch.where(asked, scores, torch.minimum(scores, best - APART))


def mix(task_scores: Tensor, scores: Tensor, class_task: np.ndarray) -> Tensor:
    """Return log p(task) + log p(class | task), (n, classes): sums to one over all classes.

    Args:
        task_scores: the selector's, (n, t).
        scores: of each class; only those of one task are compared, (n, classes).
    """
    place = torch.from_numpy(class_task - 1).expand(len(scores), -1)
    return F.log_softmax(task_scores, dim=1).gather(1, place) + within_task(scores, class_task)


def mix_asked(
    task_scores: Tensor,
    scores: Tensor,
    otherwise: Tensor,
    chosen: np.ndarray,
    class_task: np.ndarray,
) -> Tensor:
    """Return :func:`mix` of ``scores`` where a class's expert was asked, else of ``otherwise``."""
    asked = asked_classes(chosen, class_task)
    return mix(task_scores, torch.where(asked, scores, otherwise), class_task)


def temperature_of(
    scores: Tensor,
    truth: Tensor,
    class_task: np.ndarray | None = None,
    told: np.ndarray | None = None,
) -> float:
    """Return the divisor of scores that gives the truth the best log-probability.

    Args:
        scores: (n, choices), or (n, classes) of which tasks are the choices.
        truth: place of the true choice, (n,).
        class_task: as in :func:`log_sum_by_task`, where tasks are the choices.
        told: of which columns of the scores something was learnt; all by default.
    """
    scores = scores.double()
    if told is not None and class_task is not None:
        told = np.bincount(class_task[told] - 1, minlength=class_task.max()) > 0

    def at(temperature: float) -> np.ndarray:
        logits = scores / temperature
        if class_task is not None:
            logits = log_sum_by_task(logits, class_task)
        found: np.ndarray = F.log_softmax(logits, dim=1).numpy()
        return found

    return fit_temperature(at, truth.numpy(), told)
