"""The one loop: every learner's every stage of training goes through it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from conpet.config.settings import Training
from conpet.models.static import Unfit
from conpet.progress import Progress
from conpet.replay.base import Batches, Plan
from conpet.training.engine import Engine
from conpet.training.history import History, check_finite
from conpet.training.optimizer import make_optimizer
from conpet.training.pieces import Loss, Pieces
from conpet.training.recorded import Recorded
from conpet.training.split import Split

_DIGITS = 9  # of an accuracy: the mean of the same shares in another order is the same


def run_epoch(
    batches: Batches,
    loss: Pieces,
    parameters: Sequence[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    clip_norm: float | None,
    history: History,
    progress: Progress,
    where: str,
) -> float:
    """Take one optimiser step a batch; return the mean loss.

    The loss may be None where a batch holds nothing that gives a gradient: the step is taken
    all the same, with a gradient of zero, as momentum and weight decay go on. They begin with
    the first batch that gives one: before it nothing moves.

    Raises:
        UserError: the loss is not a number any more.
    """
    total = 0.0
    for batch in batches:
        optimizer.zero_grad(set_to_none=False)
        value = loss.backward(batch)
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, clip_norm)
        optimizer.step()
        history.steps += 1
        history.note(0.0 if value is None else float(value.detach()), where)
        total += history.losses[-1]
        progress.step(where, history.losses[-1])
    check_finite(parameters, where)
    return total / max(1, len(batches))


def counter(loss: Split, history: History) -> Callable[[Batches, str], float]:
    """Return what passes an epoch's batches and leaves the weights as they are."""

    def epoch(batches: Batches, where: str) -> float:
        for prepared in map(loss.prepare, batches):
            if prepared is not None:
                loss.hidden(prepared.samples)
            history.steps += 1
            history.note(0.0, where)
        return 0.0

    return epoch


def stepper(
    loss: Loss,
    parameters: Sequence[nn.Parameter],
    training: Training,
    progress: Progress,
    history: History,
    engine: Engine | None,
) -> Callable[[Batches, str], float]:
    """Return what takes an epoch's steps, with an optimiser of its own: (batches, its name) -> the
    mean loss.
    """
    if isinstance(loss, Split) and loss.backbone.dry:
        return counter(loss, history)
    if engine is not None:
        try:
            return Recorded(engine, loss, parameters, training, progress, history).epoch
        except Unfit as why:
            progress.say(f"steps are not recorded, which is slower: {why}")
    optimizer, pieces = make_optimizer(parameters, training), Pieces(loss, parameters, progress)

    def epoch(batches: Batches, where: str) -> float:
        return run_epoch(
            batches, pieces, parameters, optimizer, training.clip_norm, history, progress, where
        )

    return epoch


def fit(
    plan: Plan,
    loss: Loss,
    accuracy: Callable[[np.ndarray], float],
    parameters: Sequence[nn.Parameter],
    training: Training,
    progress: Progress,
    history: History,
    untrained: bool = True,
    engine: Engine | None = None,
) -> None:
    """Train by a plan and keep the best epoch by validation; the untrained state counts as -1.

    Without validation samples the last epoch is kept.

    Args:
        untrained: whether the state before training may be kept.
        engine: what records steps, where the loss is in two (:class:`conpet.training.split.Split`).
        loss: batch indices -> scalar loss, or None without gradient.
        accuracy: drawn validation indices -> accuracy in 0..1.
    """
    epoch_of = stepper(loss, parameters, training, progress, history, engine)
    chosen = len(plan.valid[0]) > 0
    best = round(accuracy(plan.valid[0]), _DIGITS) if chosen else -math.inf
    history.best_epoch = -1
    first = round(best, 6) if chosen else None
    history.epochs.append({"epoch": -1, "loss": None, "valid_accuracy": first})
    kept = [p.detach().clone() for p in parameters]
    if not untrained:
        best = -math.inf
    progress.start(sum(len(batches) for batches in plan.epochs))
    for epoch, batches in enumerate(plan.epochs):
        where = f"epoch {epoch + 1}/{len(plan.epochs)}"
        mean = epoch_of(batches, where)
        if not chosen:
            history.epochs.append({"epoch": epoch, "loss": round(mean, 6), "valid_accuracy": None})
            progress.say(f"{where}: loss {mean:.3f}")
            history.best_epoch = epoch
            continue
        score = round(accuracy(plan.valid[epoch + 1]), _DIGITS)
        history.epochs.append(
            {"epoch": epoch, "loss": round(mean, 6), "valid_accuracy": round(score, 6)}
        )
        progress.say(f"{where}: loss {mean:.3f}, validation {100 * score:.1f} %")
        if score > best:
            best, history.best_epoch = score, epoch
            kept = [p.detach().clone() for p in parameters]
    if not chosen:
        return
    with torch.no_grad():
        for parameter, value in zip(parameters, kept, strict=True):
            parameter.copy_(value)
