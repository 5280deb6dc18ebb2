"""Accuracy over tasks, and what each method still knows of each task."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conpet.evaluation import accuracy_matrix
from conpet.reporting.collect import Results
from conpet.reporting.numbers import spread
from conpet.reporting.style import (
    drawing,
    drawn,
    empty,
    legend,
    looks,
    panels,
    place_name,
    places,
    stands_out,
)
from conpet.run.reading import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def accuracy(results: Results) -> Figure:
    """Whole accuracy over tasks: a line a method, a band of one sample std over seeds.

    With a single dataset and model a second panel shows the upper part larger.
    """
    with drawing():
        where = places(results)
        zoom = _upper(results) if len(where) == 1 else None
        figure, axes = panels(len(where) + (zoom is not None), 4.6, 3.8)
        for ax, (dataset, model) in zip(axes, where, strict=False):
            _accuracy_panel(ax, results, dataset, model)
        if zoom is not None:
            _accuracy_panel(axes[1], results, *where[0])
            axes[1].set(ylim=zoom, ylabel="", title="upper part, enlarged")
        legend(figure, results, _by_final_accuracy(results))
    return figure


def _accuracy_panel(ax: Axes, results: Results, dataset: str, model: str) -> None:
    last, own, nothing = 1, looks(results), True
    for method in results.methods:
        runs = results.of(dataset, model, method)
        last = max([last, *(len(run.tasks) for run in runs)])
        mean, band = _curve(runs)
        if not len(mean):
            continue
        nothing = False
        look = own[method]
        x = np.arange(1, len(mean) + 1)
        ax.fill_between(x, mean - band, mean + band, color=look.color, alpha=0.11, linewidth=0)
        ax.plot(x, mean, zorder=3 if stands_out(look) else 2, **drawn(look))
    ax.set(title=place_name(results, dataset, model), xlabel="After task")
    ax.set(ylabel="Whole accuracy (%)", xlim=(0.7, last + 0.3), ylim=(0, 101))
    ax.set_xticks(task_ticks(last))
    if nothing:
        empty(ax)


def _curve(runs: list[Run]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (mean, sample std) in percent after every task that some seed has reached."""
    curves = [[100 * entry["whole_accuracy"] for entry in run.metrics] for run in runs]
    reached = max((len(curve) for curve in curves), default=0)
    stats = [spread(c[t] for c in curves if len(c) > t) for t in range(reached)]
    return np.array([s[0] for s in stats]), np.nan_to_num([s[1] for s in stats])


def _upper(results: Results) -> tuple[float, float] | None:
    """Return the limits of the axis that show all but the worst methods larger; None if no gain."""
    curves = [_curve([r for r in results.runs if r.key.method == m]) for m in results.methods]
    curves = [(mean, band) for mean, band in curves if len(mean) > 1]
    if not curves:
        return None
    top = max(float((mean + band).max()) for mean, band in curves)
    best = max(float(mean[-1]) for mean, _ in curves)
    floor = min(float((mean - band).min()) for mean, band in curves if mean[-1] > 0.65 * best)
    low, high = 5 * math.floor(floor / 5), min(101.0, 5 * math.ceil(top / 5) + 0.5)
    return (low, high) if high - low < 65 else None


def _by_final_accuracy(results: Results) -> list[str]:
    # the legend then reads from top to bottom as the lines do at their right ends
    finals = {
        method: spread(
            run.metrics[-1]["whole_accuracy"]
            for run in results.runs
            if run.key.method == method and run.metrics
        )[0]
        for method in results.methods
    }
    return sorted(finals, key=lambda m: -finals[m] if not math.isnan(finals[m]) else math.inf)


def task_ticks(last: int) -> list[int]:
    """Return at most ten or so task numbers to write on an axis, the last among them."""
    step = max(1, -(-last // 10))
    return sorted({*range(1, last + 1, step), last} - ({last - 1} if step > 1 else set()))


def heatmap(results: Results) -> Figure:
    """a[t, i]: accuracy on task i after task t, a panel a method, mean over seeds."""
    cells = [
        (d, m, method, [run for run in results.of(d, m, method) if run.finished])
        for d, m in places(results)
        for method in results.methods
        if results.of(d, m, method)
    ]
    across = min(6 if len(cells) > 12 else 4, max(1, len(cells)))
    with drawing():
        figure, axes = panels(len(cells), 2.5, 2.45, across)
        for i, (ax, (dataset, model, method, runs)) in enumerate(zip(axes, cells, strict=True)):
            _heat_panel(ax, runs, _title(results, dataset, model, method))
            ax.set_xlabel("Accuracy on task" if i >= len(cells) - across else "")
            ax.set_ylabel("After task" if i % across == 0 else "")
        shade(figure, axes, across, "Accuracy (%)")
    return figure


def _title(results: Results, dataset: str, model: str, method: str) -> str:
    name = results.name(method)
    several = len(places(results)) > 1
    return f"{name}\n{place_name(results, dataset, model)}" if several else name


def shade(figure: Figure, axes: list[Axes], across: int, label: str) -> None:
    """Add the scale 0 to 100 of the heat maps, as high as the first row of panels."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale = ScalarMappable(Normalize(0, 100), "cividis")
    rows = -(-len(axes) // across)
    place: dict[str, Any] = {"shrink": 0.9 / rows, "aspect": 15, "anchor": (0.0, 1.0)}
    figure.colorbar(scale, ax=axes, label=label, **place)


def _heat_panel(ax: Axes, runs: list[Run], title: str) -> None:
    ax.set_title(title)
    ax.grid(False)
    if not runs:
        ax.set_axis_off()
        empty(ax, "pending")
        return
    matrix = 100 * np.mean([accuracy_matrix(run.metrics) for run in runs], axis=0)
    heat(ax, matrix, 8 if len(matrix) <= 6 else 6)


def heat(ax: Axes, matrix: NDArray[np.float64], size: float) -> None:
    """Draw a square matrix of percentages over tasks, row 1 on top, with numbers if they fit.

    ``size`` is theirs, in points.
    """
    n = len(matrix)
    ax.imshow(np.ma.masked_invalid(matrix), cmap="cividis", vmin=0, vmax=100, aspect="equal")
    ticks = task_ticks(n)
    ax.set_xticks([t - 1 for t in ticks], [str(t) for t in ticks])
    ax.set_yticks([t - 1 for t in ticks], [str(t) for t in ticks])
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    if n > 10:
        return
    for (row, column), value in np.ndenumerate(matrix):
        if not math.isnan(value):
            color = "black" if value > 45 else "white"
            middle: dict[str, Any] = {"ha": "center", "va": "center"}
            text = ax.text(column, row, f"{value:.0f}", color=color, size=size, **middle)
            text.set_in_layout(False)


def selector(results: Results) -> Figure:
    """Which task the selector takes a sample for: share of each true task, all seeds together."""
    cells = []
    for dataset, model in places(results):
        for method in results.methods:
            runs = [run for run in results.of(dataset, model, method) if run.finished]
            counts = [run.metrics[-1]["selector_confusion"] for run in runs]
            if counts and all(counts):
                cells.append((dataset, model, method, np.sum(counts, axis=0)))
    with drawing():
        figure, axes = panels(max(1, len(cells)), 3.3 + 1.2 / min(3, len(cells) or 1), 3.6, 3)
        if not cells:
            axes[0].set_axis_off()
            empty(axes[0], "no finished run with a selector")
        for i, (ax, (dataset, model, method, count)) in enumerate(zip(axes, cells, strict=False)):
            ax.grid(False)
            of = count.sum(axis=1, keepdims=True)
            heat(ax, np.where(of > 0, 100 * count / np.maximum(of, 1), np.nan), 8)
            ax.set_title(_title(results, dataset, model, method))
            ax.set_xlabel("Selected task")
            ax.set_ylabel("True task" if i % 3 == 0 else "")
        if cells:
            shade(figure, axes, min(3, len(axes)), "Share of the true task (%)")
    return figure
