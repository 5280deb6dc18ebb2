"""What every task costs: flat for a fixed budget, rising for the whole history."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from conpet.reporting.collect import Results
from conpet.reporting.cost import by_task
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
    task_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OVER_TASKS = {"samples": "Samples passed in the task", "seconds": "Seconds for the task"}


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
        log_ticks(ax.yaxis, low, high)
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
