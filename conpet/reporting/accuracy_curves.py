"""Accuracy over tasks: a panel per kind of method, each line named where it ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from conpet.reporting.collect import Results
from conpet.reporting.families import families
from conpet.reporting.line_names import End, needed, write_names
from conpet.reporting.numbers import spread
from conpet.reporting.style import (
    BLACK,
    FAINT,
    drawing,
    drawn,
    empty,
    looks,
    panels,
    place_name,
    stands_out,
    task_ticks,
)
from conpet.run.reading import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 4.9, 2.9  # inches of a panel, with what is written beside it
_LEAST_PART = 0.65  # of the best last accuracy: below, a line is not among the upper ones
_WHOLE = (0.0, 101.0)

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def accuracy(results: Results) -> Figure:
    """Whole accuracy over tasks: a line per method, a band of one sample std over seeds.

    Of more methods than one panel can hold, each kind has a panel of its own, with the best upper
    bound as a thin line, and all others in grey. Panels without a far lower line show the upper
    part only.
    """
    with drawing():
        where, kinds = results.places(), families(results)
        names = [map(results.name, methods) for methods in kinds.values()]
        height = max(_HEIGHT if len(kinds) > 1 else 1.2 * _HEIGHT, needed(names))
        figure, axes = panels(len(where) * len(kinds), _WIDTH, height)
        drawn_panels = iter(axes)
        for dataset, model in where:
            place = _Place(results, dataset, model, height)
            for kind, methods in kinds.items():
                place.draw(next(drawn_panels), kind, methods)
    return figure


class _Place:
    """The panels of one dataset and model."""

    def __init__(self, results: Results, dataset: str, model: str, height: float) -> None:
        self.results = results
        self.height = height
        self.name = place_name(results, dataset, model)
        self.looks = looks(results)
        runs = {method: results.of(dataset, model, method) for method in results.methods}
        self.last = max([1, *(len(run.tasks) for found in runs.values() for run in found)])
        every = {method: _curve(found) for method, found in runs.items()}
        self.curves = {method: curve for method, curve in every.items() if len(curve[0])}
        bounds = [method for method in self.curves if results.bound(method)]
        # of runs that have not finished the furthest: the first task alone is learnt best
        self.bound = max(bounds, key=self._reached, default="")
        self.upper = upper_part(list(self.curves.values()))

    def _reached(self, method: str) -> tuple[int, float]:
        mean, _ = self.curves[method]
        return len(mean), float(mean[-1])

    def draw(self, ax: Axes, kind: str, methods: Sequence[str]) -> None:
        own = [method for method in methods if method in self.curves]
        bound = [self.bound] if own and kind and self.bound not in ("", *own) else []
        if own and kind:
            for method in self.curves.keys() - {*own}:
                self._thin(ax, method, BLACK if method in bound else FAINT)
        for method in own:
            self._line(ax, method)
        limits = self._limits([*own, *bound])
        several = len({*self.results.datasets}) > 1 or len(self.results.models) > 1
        ax.set_title(f"{kind}\n{self.name}" if kind and several else kind or self.name)
        ax.set(xlabel="After task", ylabel="Whole accuracy (%)", ylim=limits)
        ax.set_xlim(0.7, self.last + 0.3)
        ax.set_xticks(task_ticks(self.last))
        if not own:
            empty(ax)
        else:
            write_names(ax, [self._end(method) for method in (*bound, *own)], self.height)

    def _thin(self, ax: Axes, method: str, color: str) -> None:
        mean, _ = self.curves[method]
        x = np.arange(1, len(mean) + 1)
        ax.plot(x, mean, color=color, linewidth=0.9, zorder=1 + (color == BLACK))

    def _line(self, ax: Axes, method: str) -> None:
        mean, band = self.curves[method]
        look = self.looks[method]
        x = np.arange(1, len(mean) + 1)
        ax.fill_between(x, mean - band, mean + band, color=look.color, alpha=0.11, linewidth=0)
        ax.plot(x, mean, zorder=3 if stands_out(look) else 2, **drawn(look))

    def _limits(self, methods: Sequence[str]) -> tuple[float, float]:
        low = min((float(self.curves[m][0].min()) for m in methods), default=0.0)
        return self.upper if self.upper and low >= self.upper[0] else _WHOLE

    def _end(self, method: str) -> End:
        mean, _ = self.curves[method]
        color = self.looks[method].color
        return End(self.results.name(method), len(mean), float(mean[-1]), color)


def _curve(runs: list[Run]) -> Curve:
    """Return (mean, sample std) in percent after every task that some seed has reached."""
    curves = [[100 * entry["whole_accuracy"] for entry in run.metrics] for run in runs]
    reached = max((len(curve) for curve in curves), default=0)
    stats = [spread(c[t] for c in curves if len(c) > t) for t in range(reached)]
    return np.array([s[0] for s in stats]), np.nan_to_num([s[1] for s in stats])


def upper_part(curves: Sequence[Curve]) -> tuple[float, float] | None:
    """Return the limits of the axis that show all but the worst methods larger; None if no gain."""
    every = curves
    curves = [(mean, band) for mean, band in every if len(mean) > 1]
    if not curves:
        return None
    # what has learnt one task yet is drawn too, and mostly above the others
    top = max(float((mean + band).max()) for mean, band in every)
    best = max(float(mean[-1]) for mean, _ in curves)
    floor = min(
        float((mean - band).min()) for mean, band in curves if mean[-1] > _LEAST_PART * best
    )
    low, high = 5 * math.floor(floor / 5), min(_WHOLE[1], 5 * math.ceil(top / 5) + 0.5)
    return (low, high) if high - low < _LEAST_PART * 100 else None
