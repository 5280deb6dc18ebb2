"""What is forgotten of earlier tasks, method by method."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from conpet.evaluation import accuracy_matrix
from conpet.reporting.collect import Results
from conpet.reporting.numbers import number, spread
from conpet.reporting.style import (
    GREY,
    drawing,
    empty,
    looks,
    place_name,
    stacked,
)
from conpet.run.reading import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _ROW, _AROUND = 6.8, 0.235, 0.85  # inches: of a panel, a method, title and axis


def forgetting(results: Results) -> Figure:
    """Accuracy on all tasks but the last: at its best (bar's end) and now (dot), mean over seeds.

    The bar between is as long as what is forgotten (Chaudhry et al. 2018); least forgetful first.
    """
    with drawing():
        where = results.places()
        found = [_bars(results, *place) for place in where]
        figure, axes = stacked([_ROW * max(1, len(bars)) + _AROUND for bars in found], _WIDTH)
        for ax, place, bars in zip(axes, where, found, strict=True):
            ax.set_title(place_name(results, *place), loc="left")
            if bars:
                _panel(ax, results, bars)
            else:
                ax.set_axis_off()
                empty(ax, "no finished run of two tasks yet")
    return figure


def _bars(results: Results, dataset: str, model: str) -> dict[str, tuple[float, float, str]]:
    """Return each method's accuracy on old tasks now, its forgetting, and that in letters."""
    found: dict[str, tuple[float, float, str]] = {}
    for method in results.methods:
        runs = [r for r in results.of(dataset, model, method) if r.finished and len(r.tasks) > 1]
        lost, deviation, n = spread(100 * run.summary["forgetting"] for run in runs)
        if not math.isnan(lost):
            said = number(lost, 1).replace("-", "−") + (
                f" ± {number(deviation, 1)}" if n > 1 else ""
            )
            found[method] = (float(np.mean([_now(run) for run in runs])), lost, said)
    return dict(sorted(found.items(), key=lambda item: item[1][1]))


def _now(run: Run) -> float:
    """Return the mean accuracy in percent on all tested tasks but the last, after the last."""
    return 100 * float(np.nanmean(accuracy_matrix(run.metrics)[-1, :-1]))


def _panel(ax: Axes, results: Results, bars: dict[str, tuple[float, float, str]]) -> None:
    own = looks(results)
    for y, (method, (now, lost, said)) in enumerate(bars.items()):
        color = own[method].color
        ax.barh(y, lost, left=now, height=0.55, color=color, alpha=0.35, linewidth=0)
        ax.plot(now, y, marker="o", color=color, markersize=5)
        ax.plot(now + lost, y, marker="|", color=color, markersize=9, markeredgewidth=1.6)
        ax.annotate(
            said, (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=8
        )  # fmt: skip
    names = [results.name(method) for method in bars]
    ax.set_yticks(range(len(bars)), names, fontsize=8)
    ax.annotate("Forgetting", (1.01, -0.95), xycoords=("axes fraction", "data"), fontsize=8,
                color=GREY)  # fmt: skip
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(-1, 101), ylim=(len(bars) - 0.4, -0.6))
    ax.set_xlabel("Accuracy on all tasks but the last (%): dot now, bar's end at its best")
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)
