"""What every task costs: flat for a fixed budget, rising for the whole history."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conpet.reporting.collect import Results
from conpet.reporting.cost import by_task
from conpet.reporting.families import families
from conpet.reporting.line_names import End, needed, write_names
from conpet.reporting.style import (
    FAINT,
    GREY,
    drawing,
    drawn,
    empty,
    log_ticks,
    looks,
    panels,
    place_name,
    task_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 4.9  # inches of a panel, with the names beside it
_OVER_TASKS = {"samples": "Samples passed in the task", "seconds": "Seconds for the task"}
# what has no place in a panel is said below its axis, where no line runs
_BELOW: dict[str, Any] = {
    "xy": (0.5, 0),
    "xycoords": "axes fraction",
    "xytext": (0, -31),
    "textcoords": "offset points",
    "ha": "center",
    "va": "top",
    "fontsize": 7,
    "color": GREY,
    "annotation_clip": False,
}

Curve = NDArray[np.float64]


def cost(results: Results) -> Figure:
    """Samples and seconds of every task: flat for a fixed budget, rising for the whole history.

    Of more methods than one panel can hold, each kind has a row of its own with all others in
    grey. The panels of one quantity have one axis, so that kinds can be compared.
    """
    with drawing():
        where, kinds = results.places(), families(results)
        names = [map(results.name, methods) for methods in kinds.values()]
        height = max(2.4 if len(kinds) > 1 else 3.6, needed(names))
        figure, axes = panels(2 * len(where) * len(kinds), _WIDTH, height, across=2)
        each = iter(axes)
        for dataset, model in where:
            quantities = [_Quantity(results, dataset, model, name) for name in _OVER_TASKS]
            for kind, methods in kinds.items():
                for quantity in quantities:
                    quantity.draw(next(each), kind, methods, height)
    return figure


class _Quantity:
    """The panels of one quantity on one dataset and model."""

    def __init__(self, results: Results, dataset: str, model: str, quantity: str) -> None:
        self.results, self.label = results, _OVER_TASKS[quantity]
        self.place = place_name(results, dataset, model)
        self.looks = looks(results)
        runs = {method: results.of(dataset, model, method) for method in results.methods}
        curves = {m: np.array(by_task(found, quantity)) for m, found in runs.items()}
        self.curves = {m: c for m, c in curves.items() if len(c) and not np.isnan(c).all()}
        self.last = max([len(c) for c in self.curves.values()], default=1)
        self.known = np.concatenate([c[c > 0] for c in self.curves.values()] or [np.ones(0)])
        # full replay would press all the others together at the bottom
        self.log = bool(len(self.known)) and self.known.max() > 6 * self.known.min()

    def draw(self, ax: Axes, kind: str, methods: Sequence[str], height: float) -> None:
        own = [method for method in methods if method in self.curves]
        ax.set_title(f"{kind}\n{self.place}" if kind and self._several() else kind or self.place)
        ax.set(xlabel="Task", ylabel=self.label, xlim=(0.6, self.last + 0.4))
        ax.set_xticks(task_ticks(self.last))
        self._scale(ax)
        if not own:
            empty(ax)
            return
        for method in self.curves.keys() - {*own}:
            self._line(ax, method, {"color": FAINT, "linewidth": 0.7, "zorder": 1})
        for method in own:
            look = drawn(self.looks[method])
            thin = {"linewidth": 0.9, "markersize": 0.8 * look["markersize"]}
            self._line(ax, method, look | thin, self._aside(method, own))
        ends = [self._end(method, self._aside(method, own)) for method in own]
        write_names(ax, [end for end in ends if end.y > 0 or not self.log], height)
        if self.log and (said := "\n".join(self._nothing(own))):
            ax.annotate(said, **_BELOW)

    def _nothing(self, own: Sequence[str]) -> Iterator[str]:
        """Yield lines on what trains nothing: it has no place on a logarithmic axis."""
        every = [m for m in own if not (self.curves[m] > 0).any()]
        some = [m for m in own if m not in every and (self.curves[m] == 0).any()]
        for where, methods in (("every task", every), ("some tasks", some)):
            if methods:
                names = ", ".join(map(self.results.name, methods))
                yield textwrap.fill(f"0 in {where}: {names}", 48)

    def _several(self) -> bool:
        return len({*self.results.datasets}) > 1 or len(self.results.models) > 1

    def _scale(self, ax: Axes) -> None:
        if not self.log:
            ax.set_ylim(0, 1.06 * max(self.known, default=1.0))
            ax.yaxis.set_major_formatter("{x:,g}")
            return
        ax.set_yscale("log")
        low, high = self.known.min() / 1.3, self.known.max() * 1.2
        ax.set_ylim(low, high)
        log_ticks(ax.yaxis, low, high)

    def _line(self, ax: Axes, method: str, look: dict[str, Any], aside: float = 0.0) -> None:
        costs = self.curves[method]
        if self.log:  # a line to nothing would fall out of the panel
            costs = np.where(costs > 0, costs, np.nan)
        ax.plot(np.arange(1, len(costs) + 1) + aside, costs, **look)

    def _aside(self, method: str, own: Sequence[str]) -> float:
        """Return how far sideways a line goes: those with one budget cost alike, and hide."""
        alike = [m for m in own if _alike(self.curves[m], self.curves[method])]
        step = min(0.22, 0.66 / max(1, len(alike) - 1))
        return step * (alike.index(method) - (len(alike) - 1) / 2)

    def _end(self, method: str, aside: float) -> End:
        costs = self.curves[method]
        there = costs > 0 if self.log and (costs > 0).any() else ~np.isnan(costs)
        last = int(np.flatnonzero(there)[-1])
        color = self.looks[method].color
        return End(self.results.name(method), last + 1 + aside, float(costs[last]), color)


def _alike(a: Curve, b: Curve) -> bool:
    if len(a) != len(b):
        return False
    return bool(np.nanmean(np.abs(a - b)) <= 0.12 * np.nanmean(np.abs(a) + np.abs(b)) / 2)
