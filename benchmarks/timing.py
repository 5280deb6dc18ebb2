"""Contenders run in turn, round after round, so that what else the machine does hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: returns seconds, or an array of the seconds of several clocks
Clock = Callable[[], Any]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Contender:
    """Something to measure. ``run`` takes a clock and returns (samples, seconds)."""

    name: str
    run: Callable[[Clock], tuple[int, Any]]


def whole(name: str, samples: int, work: Callable[[], Any]) -> Contender:
    """Return a contender of which the whole of ``work`` is timed."""

    def run(clock: Clock) -> tuple[int, Any]:
        start = clock()
        work()
        return samples, clock() - start

    return Contender(name, run)


@dataclass
class Rates:
    """Samples a second of each contender, one value a round (an array where clocks are several)."""

    values: dict[str, list[Any]] = field(default_factory=dict)

    def median(self, name: str) -> Any:
        """Return a contender's median rate."""
        return np.median(self.values[name], axis=0)

    def ratio(self, name: str, other: str) -> dict[str, float]:
        """Return how many times faster ``name`` is: median, least and most over the rounds."""
        pairs = zip(self.values[name], self.values[other], strict=True)
        ratios = [a / b for a, b in pairs]
        return {"median": float(np.median(ratios)), "least": min(ratios), "most": max(ratios)}

    def as_dict(self, ours: str) -> dict[str, Any]:
        """Return medians, and the ratio of ``ours`` to each of the others."""
        return {
            "samples_per_second": {name: self.median(name) for name in self.values},
            "ratios": {o: self.ratio(ours, o) for o in self.values if o != ours},
            "rounds": self.values,
        }


def alternate(
    contenders: Sequence[Contender], rounds: int, clock: Clock, warm_up: bool = True
) -> Rates:
    """Run A B C, A B C, ...; a first round warms up, unless told otherwise, and is not counted."""
    rates = Rates({c.name: [] for c in contenders})
    for number in range(-1 if warm_up else 0, rounds):
        for contender in contenders:
            samples, seconds = contender.run(clock)
            if number >= 0:
                rates.values[contender.name].append(samples / np.maximum(seconds, 1e-9))
    return rates
