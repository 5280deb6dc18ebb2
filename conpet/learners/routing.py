"""How a selector's word and the experts' words become one answer over all seen classes."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

UNCHOSEN = -100.0  # the score of a class whose expert is not among a sample's top k


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


def fit_temperature(scores: Tensor, truth: Tensor, class_task: np.ndarray | None = None) -> float:
    """Return the divisor of scores that gives the truth the best log-probability.

    Guo et al. 2017 (arXiv 1706.04599), with Platt's targets: of n texts each weighs 1 - 1/(n + 2)
    for its truth and the rest evenly for all others, so that a few texts that are all right do
    not make it certain. Within 1/20 and 1000; 1 where there is no text, or one choice alone.

    Args:
        scores: (n, choices), or (n, classes) of which tasks are the choices.
        truth: place of the true choice, (n,).
        class_task: as in :func:`log_sum_by_task`, where tasks are the choices.
    """
    from scipy.optimize import minimize_scalar

    scores = scores.double()
    choices = scores.shape[1] if class_task is None else int(class_task.max())
    if not len(scores) or choices < 2:
        return 1.0
    slip = 1 / (len(scores) + 2)

    def loss(log_temperature: float) -> float:
        logits = scores / float(np.exp(log_temperature))
        if class_task is not None:
            logits = log_sum_by_task(logits, class_task)
        logs = F.log_softmax(logits, dim=1)
        right = logs.gather(1, truth[:, None]).squeeze(1)
        others = (logs.sum(1) - right) / (choices - 1)
        return -float(((1 - slip) * right + slip * others).mean())

    bounds = (float(np.log(0.05)), float(np.log(1000.0)))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return round(float(np.exp(found.x)), 6)
