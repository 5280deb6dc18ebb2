"""Cost over tasks, and what accuracy is bought with bytes and seconds."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conpet.reporting.collect import Results
from conpet.reporting.cost import by_task, kept_bytes, run_costs
from conpet.reporting.numbers import spread
from conpet.reporting.style import (
    GREY,
    drawing,
    drawn,
    empty,
    legend,
    looks,
    panels,
    place_name,
    places,
    task_ticks,
)
from conpet.run.reading import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_OVER_TASKS = {"samples": "Samples passed in the task", "seconds": "Seconds for the task"}
_AGAINST = {
    "bytes": "Kept to predict, kB (equal ones side by side)",
    "seconds": "Seconds of training, all tasks",
}


def cost(results: Results) -> Figure:
    """Samples and seconds of every task: flat for a fixed budget, rising for the whole history."""
    with drawing():
        where = places(results)
        figure, axes = panels(2 * len(where), 4.6, 4.2, across=2)
        for i, (dataset, model) in enumerate(where):
            for ax, (name, label) in zip(axes[2 * i : 2 * i + 2], _OVER_TASKS.items(), strict=True):
                _cost_panel(ax, results, dataset, model, name)
                ax.set(xlabel="Task", ylabel=label, title=place_name(results, dataset, model))
        legend(figure, results, results.methods)
    return figure


def _cost_panel(ax: Axes, results: Results, dataset: str, model: str, name: str) -> None:
    own = looks(results)
    curves = {m: np.array(by_task(results.of(dataset, model, m), name)) for m in results.methods}
    curves = {m: c for m, c in curves.items() if len(c) and not np.isnan(c).all()}
    last = max([len(c) for c in curves.values()], default=1)
    for method, costs in curves.items():
        # methods with one budget cost alike: moved apart sideways, so that each can be seen
        alike = [m for m, other in curves.items() if _alike(costs, other)]
        step = min(0.22, 0.66 / max(1, len(alike) - 1))
        aside = step * (alike.index(method) - (len(alike) - 1) / 2)
        look = drawn(own[method])
        x = np.arange(1, len(costs) + 1) + aside
        ax.plot(x, costs, **(look | {"linewidth": 0.9, "markersize": 0.8 * look["markersize"]}))
    ax.set(xlim=(0.6, last + 0.4))
    ax.set_xticks(task_ticks(last))
    if not curves:
        empty(ax)
        return
    known = np.concatenate([c[c > 0] for c in curves.values()])
    if len(known) and known.max() > 6 * known.min():
        # full replay would press all the others together at the bottom
        ax.set_yscale("log")
        low, high = known.min() / 1.2, known.max() * 1.2
        ax.set_ylim(low, high)
        _log_ticks(ax.yaxis, low, high)
        # what trains nothing has no place on a logarithmic axis: it is named
        zero = [results.name(m) for m, c in curves.items() if not (c > 0).any()]
        said = textwrap.fill(f"0 in every task: {', '.join(zero)}", 60) if zero else ""
        ax.text(0.5, 0.02, said, transform=ax.transAxes, ha="center", fontsize=7, color=GREY)
    else:
        ax.set_ylim(0, 1.06 * max(known, default=1.0))
        ax.yaxis.set_major_formatter("{x:,g}")


def _alike(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    if len(a) != len(b):
        return False
    return bool(np.nanmean(np.abs(a - b)) <= 0.12 * np.nanmean(np.abs(a) + np.abs(b)) / 2)


def pareto(results: Results) -> Figure:
    """Whole accuracy against the bytes kept and the seconds spent.

    The stairs are the Pareto front of the methods in contest (no upper bounds). With a single
    dataset and model a second row shows the upper part larger."""
    with drawing():
        where = places(results)
        zoom = _upper(results) if len(where) == 1 else None
        figure, axes = panels(2 * (len(where) + (zoom is not None)), 4.4, 3.4, across=2)
        for i, (dataset, model) in enumerate(where):
            for ax, (name, label) in zip(axes[2 * i : 2 * i + 2], _AGAINST.items(), strict=True):
                _pareto_panel(ax, results, dataset, model, name)
                ax.set(xlabel=label, title=place_name(results, dataset, model))
                ax.set_ylabel("Whole accuracy (%)")
        if zoom is not None:
            for ax, (name, label) in zip(axes[2:], _AGAINST.items(), strict=True):
                _pareto_panel(ax, results, *where[0], name)
                ax.set(xlabel=label, title="upper part, enlarged", ylim=zoom)
                ax.set_ylabel("Whole accuracy (%)")
        legend(figure, results, results.methods, lines=False)
    return figure


def _upper(results: Results) -> tuple[float, float] | None:
    """Return the limits of the axis that show all but the worst methods larger; None if no gain."""
    found = [
        _point([r for r in results.runs if r.key.method == m], "bytes") for m in results.methods
    ]
    known = [(y, np.nan_to_num(std)) for _, y, std in filter(None, found)]
    best = max([y for y, _ in known], default=0.0)
    upper = [(y - std, y + std) for y, std in known if y > 0.65 * best]
    if len(upper) < 2:
        return None
    low = 5 * math.floor(min(low for low, _ in upper) / 5)
    high = min(101.0, 5 * math.ceil(max(high for _, high in upper) / 5) + 0.5)
    return (low, high) if high - low < 65 else None


def _pareto_panel(ax: Axes, results: Results, dataset: str, model: str, name: str) -> None:
    found = {
        method: point
        for method in results.methods
        if (point := _point(results.of(dataset, model, method), name)) is not None
    }
    ax.set_ylim(0, 101)
    if not found:
        empty(ax)
        return
    ax.set_xscale("log")
    low, high = min(p[0] for p in found.values()), max(p[0] for p in found.values())
    low, high = low / 1.5, high * 1.5
    ax.set_xlim(low, high)
    _log_ticks(ax.xaxis, low, high)
    own, at = looks(results), dict[float, list[str]]()
    for method, (x, _, _) in found.items():
        at.setdefault(x, []).append(method)
    for method, (x, y, deviation) in found.items():
        # those that cost exactly the same stand side by side, or they would hide each other
        same = at[x]
        aside = (high / low) ** (0.02 * (same.index(method) - (len(same) - 1) / 2))
        look = own[method]
        bare: dict[str, Any] = {"linestyle": "", "ecolor": look.color, "elinewidth": 1}
        ax.errorbar(x * aside, y, yerr=np.nan_to_num(deviation), **(drawn(look) | bare))
    front = pareto_front([p[:2] for m, p in found.items() if not results.bound(m)])
    if front:
        steps = [*front, (high, front[-1][1])]
        ax.step(*zip(*steps, strict=True), where="post", color=GREY, linewidth=0.9, zorder=1)


def _point(runs: list[Run], name: str) -> tuple[float, float, float] | None:
    """Return (cost, accuracy in percent, its std) of the finished runs, None where unknown."""
    finished = [run for run in runs if run.finished]
    y, deviation, _ = spread(100 * run.summary["whole_accuracy"] for run in finished)
    if name == "bytes":
        x = spread(kept_bytes(run) / 1000 for run in finished)[0]
    else:
        x = spread(sum(cost.seconds for cost in run_costs(run)) for run in finished)[0]
    return None if math.isnan(x) or math.isnan(y) or x <= 0 else (x, y, deviation)


def _log_ticks(axis: Axis, low: float, high: float) -> None:
    """Write enough plain numbers on a logarithmic axis from low to high, and not too many."""
    from matplotlib.ticker import LogLocator, NullFormatter

    # far apart, the powers of ten alone; else there would be one number, or none
    subs = (1,) if high > 2000 * low else (1, 2, 5) if high > 8 * low else (1, 2, 3, 5)
    axis.set_major_locator(LogLocator(base=10, subs=subs, numticks=12))
    axis.set_major_formatter("{x:,g}")
    axis.set_minor_formatter(NullFormatter())


def pareto_front(found: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the (cost, accuracy) points that no cheaper or equal point beats, cheapest first."""
    front: list[tuple[float, float]] = []
    for x, y in sorted(found, key=lambda point: (point[0], -point[1])):
        if not front or y > front[-1][1]:
            front.append((x, y))
    return front
