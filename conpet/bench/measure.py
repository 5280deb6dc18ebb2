"""Contenders run in turn, round after round, so that what else the machine does hits all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
Clock = Callable[[], float]


@dataclass(frozen=True)
class Contender:
    """Something to measure. ``run`` takes a clock and returns (samples, seconds)."""

    name: str
    run: Callable[[Clock], tuple[int, float]]


@dataclass
class Rates:
    """Samples a second of each contender, one value a round."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """Return a contender's median rate."""
        return statistics.median(self.values[name])

    def ratio(self, name: str, other: str) -> dict[str, float]:
        """Return how many times faster ``name`` is: median, least and most over the rounds."""
        pairs = zip(self.values[name], self.values[other], strict=True)
        ratios = sorted(a / b for a, b in pairs)
        return {"median": statistics.median(ratios), "least": ratios[0], "most": ratios[-1]}

    def as_dict(self, ours: str) -> dict[str, Any]:
        """Return medians, and the ratio of ``ours`` to each of the others."""
        return {
            "samples_per_second": {name: self.median(name) for name in self.values},
            "ratios": {o: self.ratio(ours, o) for o in self.values if o != ours},
            "rounds": self.values,
        }


def timed(samples: int, work: Callable[[], Any]) -> Callable[[Clock], tuple[int, float]]:
    """Return a contender's ``run`` that times the whole of ``work``."""

    def run(clock: Clock) -> tuple[int, float]:
        start = clock()
        work()
        return samples, clock() - start

    return run


def alternate(contenders: Sequence[Contender], rounds: int, clock: Clock) -> Rates:
    """Run A B C, A B C, ...; a first round warms up and is not counted."""
    rates = Rates({c.name: [] for c in contenders})
    for number in range(rounds + 1):
        for contender in contenders:
            samples, seconds = contender.run(clock)
            if number:
                rates.values[contender.name].append(samples / max(seconds, 1e-9))
    return rates
