"""What accuracy is bought with: data kept for training, bytes kept to predict, seconds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conpet.reporting.collect import Results
from conpet.reporting.cost import kept_bytes, run_costs
from conpet.reporting.kept import kept_samples
from conpet.reporting.numbers import spread
from conpet.reporting.style import (
    GREY,
    drawing,
    drawn,
    empty,
    legend,
    log_ticks,
    looks,
    panels,
    place_name,
    places,
    plain_ticks,
)
from conpet.run.reading import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 3.4, 3.3  # inches of a panel
_MOST_TICKS = 4  # with five letters each, as many as its width holds
Price = Callable[[Results, Run], float]
PRICES: dict[str, Price] = {
    "Samples kept for training": kept_samples,
    "kB kept to predict": lambda _, run: kept_bytes(run) / 1000,
    "Seconds of training, all tasks": lambda _, run: sum(c.seconds for c in run_costs(run)),
}


@dataclass(frozen=True)
class Point:
    """A method's mean price, its mean accuracy in percent, and that one's sample std."""

    x: float
    y: float
    deviation: float


def pareto(results: Results) -> Figure:
    """Whole accuracy against what it takes: a panel per price, a row per dataset and model.

    The stairs are the Pareto front of the methods in contest (no upper bounds). With a single
    dataset and model a second row shows the upper part larger.
    """
    with drawing():
        where = places(results)
        zoom = _upper(results, *where[0]) if len(where) == 1 else None
        rows: list[tuple[tuple[str, str], tuple[float, float] | None]] = [(w, None) for w in where]
        rows += [(where[0], zoom)] if zoom else []
        figure, axes = panels(len(PRICES) * len(rows), _WIDTH, _HEIGHT, across=len(PRICES))
        each = iter(axes)
        for place, limits in rows:
            title = "Upper part, enlarged" if limits else place_name(results, *place)
            for label, price in PRICES.items():
                ax = next(each)
                _panel(ax, results, _points(results, *place, price))
                first = label == next(iter(PRICES))
                ax.set(xlabel=label, ylabel="Whole accuracy (%)" if first else "")
                ax.set(title=title if first else "", ylim=limits or (0, 101))
        legend(figure, results, results.methods, lines=False)
    return figure


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


def _upper(results: Results, dataset: str, model: str) -> tuple[float, float] | None:
    """Return the limits of the axis that show all but the worst methods larger; None if no gain."""
    found = _points(results, dataset, model, next(iter(PRICES.values()))).values()
    best = max([point.y for point in found], default=0.0)
    upper = [point for point in found if point.y > 0.65 * best]
    if len(upper) < 2:
        return None
    low = 5 * math.floor(min(point.y - point.deviation for point in upper) / 5)
    high = min(101.0, 5 * math.ceil(max(point.y + point.deviation for point in upper) / 5) + 0.5)
    return (low, high) if high - low < 65 else None


def _panel(ax: Axes, results: Results, found: dict[str, Point]) -> None:
    if not found:
        empty(ax)
        return
    end = _scale(ax, [point.x for point in found.values()])
    own = looks(results)
    for method, point in found.items():
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
    ticks = plain_ticks(low, high, _MOST_TICKS - 1)
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
