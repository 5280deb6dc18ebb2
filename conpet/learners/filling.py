"""An expert's own plan: shorter than the selector's, or full of what teaches the expert."""

from __future__ import annotations

import numpy as np

from conpet.replay.base import Batches, Plan, without_replacement


def shortened(plan: Plan, share: float) -> Plan:
    """Return a plan with the first batches of every epoch: this share of them, one at least."""
    kept = [batches[: max(1, round(len(batches) * share))] for batches in plan.epochs]
    return Plan(kept, plan.valid)


def filled(plan: Plan, teaches: np.ndarray, own: np.ndarray, rng: np.random.Generator) -> Plan:
    """Return a plan with a task's own samples where a sample gives its expert no gradient.

    Batches keep their size and number. Samples that an epoch does not hold yet come first, and
    none comes twice before all have come once more.

    Args:
        teaches: whether a sample gives a gradient, for every sample of the stream.
        own: the task's training samples.
        rng: draws.
    """
    return Plan([_filled_epoch(batches, teaches, own, rng) for batches in plan.epochs], plan.valid)


def _filled_epoch(
    batches: Batches, teaches: np.ndarray, own: np.ndarray, rng: np.random.Generator
) -> Batches:
    held = np.concatenate(batches)
    empty = int((~teaches[held]).sum())
    drawn = rng.permutation(np.setdiff1d(own, held))[:empty]
    if empty > len(drawn):
        drawn = np.concatenate([drawn, without_replacement(own, empty - len(drawn), rng)])
    places = iter(drawn)
    return [np.array([i if teaches[i] else next(places) for i in batch]) for batch in batches]
