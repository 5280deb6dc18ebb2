"""What each method still knows of each task, and where its selector sends it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conpet.evaluation import accuracy_matrix
from conpet.reporting.collect import Results
from conpet.reporting.style import (
    drawing,
    empty,
    folded,
    panels,
    place_name,
    task_ticks,
)
from conpet.run.reading import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ABREAST = 26  # letters of a title over one panel


def heatmap(results: Results) -> Figure:
    """a[t, i]: accuracy on task i after task t, a panel per method, mean over seeds."""
    cells = [
        (d, m, method, [run for run in results.of(d, m, method) if run.finished])
        for d, m in results.places()
        for method in results.methods
        if results.of(d, m, method)
    ]
    across = columns(len(cells))
    with drawing():
        figure, axes = panels(len(cells), 2.5, 2.45, across)
        for i, (ax, (dataset, model, method, runs)) in enumerate(zip(axes, cells, strict=True)):
            _heat_panel(ax, runs, _title(results, dataset, model, method))
            ax.set_xlabel("Accuracy on task" if i >= len(cells) - across else "")
            ax.set_ylabel("After task" if i % across == 0 else "")
        shade(figure, axes, across, "Accuracy (%)")
    return figure


def columns(count: int) -> int:
    """Return how many panels stand in a row: up to five in one, else as few places empty as can."""
    if count <= 5:
        return max(1, count)
    return min((4, 5, 6) if count <= 12 else (5, 6), key=lambda across: (-count % across, -across))


def _title(results: Results, dataset: str, model: str, method: str) -> str:
    name = folded(results.name(method), _ABREAST)  # a longer one runs into the next panel's
    several = len(results.places()) > 1
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
    for dataset, model in results.places():
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
            ax.set_title(f"{_title(results, dataset, model, method)}\n{_said(count)}", size=9)
            ax.set_xlabel("Selected task")
            ax.set_ylabel("True task" if i % 3 == 0 else "")
        if cells:
            shade(figure, axes, min(3, len(axes)), "Share of the true task (%)")
    return figure


def _said(count: NDArray[Any]) -> str:
    """Return what a selector's counts (true task, selected task) come to, as wide as a panel."""
    total = count.sum()
    right, newest = np.trace(count) / total, count[:-1, -1].sum() / total
    line = f"{100 * right:.0f} % to their own task"
    return line if len(count) < 2 else f"{line},\n{100 * newest:.0f} % wrongly to the newest"
