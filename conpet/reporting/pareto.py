"""What accuracy is bought with: data kept for training, bytes of what answers, seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conpet.reporting.collect import Results
from conpet.reporting.cost import kept_bytes, run_costs
from conpet.reporting.families import families
from conpet.reporting.kept import kept_samples
from conpet.reporting.numbers import spread
from conpet.reporting.style import (
    FAINT,
    GREY,
    beside,
    drawing,
    drawn,
    empty,
    legend,
    log_ticks,
    looks,
    panels,
    place_name,
    plain_ticks,
)
from conpet.run.reading import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT, _LOW = 3.4, 3.3, 2.4  # inches of a panel, and its height in a row for a kind
_WHOLE = (0.0, 101.0)
_MOST_TICKS = 4  # with five letters each, as many as its width holds
Price = Callable[[Results, Run], float]
PRICES: dict[str, Price] = {
    "Samples kept for training": kept_samples,
    "kB of the states that answer": lambda _, run: kept_bytes(run) / 1000,
    "Seconds of training, all tasks": lambda _, run: sum(c.seconds for c in run_costs(run)),
}


@dataclass(frozen=True)
class Point:
    """A method's mean price, its mean accuracy in percent, and that one's sample std."""

    x: float
    y: float
    deviation: float


@dataclass(frozen=True)
class Row:
    """A row of panels: its title, all points of its place by price, its methods, and its axis."""

    title: str
    points: Mapping[str, Mapping[str, Point]]
    methods: Sequence[str]
    limits: tuple[float, float]


def pareto(results: Results) -> Figure:
    """Whole accuracy against what it takes: a panel per price, a row per dataset and model.

    The stairs are the Pareto front of the methods in contest (no upper bounds). Of more methods
    than one panel can hold, each kind has a row of its own with all others in grey. Rows without a
    far worse method show the upper part only; of few methods with a single dataset and model, a
    second row shows it.
    """
    with drawing():
        rows = _rows(results)
        several = len(families(results)) > 1
        height = _LOW if several else _HEIGHT
        figure, axes = panels(len(PRICES) * len(rows), _WIDTH, height, across=len(PRICES))
        for i, row in enumerate(rows):
            own = axes[len(PRICES) * i : len(PRICES) * (i + 1)]
            for ax, (label, points) in zip(own, row.points.items(), strict=True):
                _panel(ax, results, points, row.methods)
                ax.set(xlabel=label, ylim=row.limits)
            own[0].set(title=row.title, ylabel="Whole accuracy (%)")
            if several:
                beside(own[-1], results, row.methods)
        if not several:
            legend(figure, results, results.methods, lines=False)
    return figure


def _rows(results: Results) -> list[Row]:
    kinds, where = families(results), results.places()
    found: list[Row] = []
    for place in where:
        name = place_name(results, *place)
        points = {label: _points(results, *place, price) for label, price in PRICES.items()}
        accuracy = {m: point for priced in points.values() for m, point in priced.items()}
        upper = _upper(accuracy)
        for kind, methods in kinds.items():
            title = f"{kind}\n{name}" if kind and len(where) > 1 else kind or name
            low = min((accuracy[m].y for m in methods if m in accuracy), default=0.0)
            limits = upper if kind and upper and low >= upper[0] else _WHOLE
            found.append(Row(title, points, methods, limits))
        if upper and len(kinds) == len(where) == 1:
            found.append(Row("Upper part, enlarged", points, results.methods, upper))
    return found


def _points(results: Results, dataset: str, model: str, price: Price) -> dict[str, Point]:
    """Return a point of every method with finished runs, as far as both numbers are known."""
    found: dict[str, Point] = {}
    for method in results.methods:
        runs = [run for run in results.of(dataset, model, method) if run.finished]
        y, deviation, _ = spread(100 * run.summary["whole_accuracy"] for run in runs)
        x = spread(price(results, run) for run in runs)[0]
        if not math.isnan(x) and not math.isnan(y):
            found[method] = Point(x, y, float(np.nan_to_num(deviation)))
    return found


def _upper(points: Mapping[str, Point]) -> tuple[float, float] | None:
    """Return the limits of the axis that show all but the worst methods larger; None if no gain."""
    best = max([point.y for point in points.values()], default=0.0)
    upper = [point for point in points.values() if point.y > 0.65 * best]
    if len(upper) < 2:
        return None
    low = 5 * math.floor(min(point.y - point.deviation for point in upper) / 5)
    high = min(101.0, 5 * math.ceil(max(point.y + point.deviation for point in upper) / 5) + 0.5)
    return (low, high) if high - low < 65 else None


def _panel(ax: Axes, results: Results, found: Mapping[str, Point], methods: Sequence[str]) -> None:
    if not any(method in found for method in methods):
        empty(ax)
        return
    end = _scale(ax, [point.x for point in found.values()])
    own = looks(results)
    for method, point in found.items():
        if method not in methods:
            ax.plot(point.x, point.y, marker="o", color=FAINT, markersize=4, zorder=1)
            continue
        look = own[method]
        bare: dict[str, Any] = {"linestyle": "", "ecolor": look.color, "elinewidth": 1}
        ax.errorbar(point.x, point.y, yerr=point.deviation, **(drawn(look) | bare))
    contest = [(p.x, p.y) for method, p in found.items() if not results.bound(method)]
    if front := pareto_front(contest):
        steps = [*front, (end, front[-1][1])]
        ax.step(*zip(*steps, strict=True), where="post", color=GREY, linewidth=0.9, zorder=1)


def _scale(ax: Axes, prices: list[float]) -> float:
    """Set a logarithmic axis that has a place for nothing; return its upper end."""
    above = [x for x in prices if x > 0]
    low, high = min(above, default=1.0) / 1.5, max(above, default=1.0) * 1.5
    if len(above) == len(prices):
        ax.set_xscale("log")
        ax.set_xlim(low, high)
        log_ticks(ax.xaxis, low, high, _MOST_TICKS)
        return high
    # nothing kept has no place on a logarithmic axis: below the smallest it is linear
    ax.set_xscale("symlog", linthresh=low, linscale=0.6)
    ax.set_xlim(-0.35 * low, high)
    ticks = plain_ticks(low, high, _MOST_TICKS - 2)  # "none" stands beside them
    ax.set_xticks([0, *ticks], ["none", *(f"{x:,.0f}" for x in ticks)])
    ax.set_xticks([], minor=True)
    return high


def pareto_front(found: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the (cost, accuracy) points that no cheaper or equal point beats, cheapest first."""
    front: list[tuple[float, float]] = []
    for x, y in sorted(found, key=lambda point: (point[0], -point[1])):
        if not front or y > front[-1][1]:
            front.append((x, y))
    return front
