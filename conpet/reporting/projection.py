"""Where texts of different tasks lie, before any training and after the last task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from conpet.errors import UserError
from conpet.reporting.collect import Results
from conpet.reporting.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    drawing,
    empty,
    panels,
    place_name,
    places,
)
from conpet.run.reading import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK, GREY)
_MARKERS = ("o", "^", "s", "D", "v", "P", "X")


class Points(NamedTuple):
    """Representations of n texts: (n, width) before and after, and the tasks (n,) they are of."""

    before: NDArray[Any]
    after: NDArray[Any]
    task: NDArray[Any]


def shown_run(results: Results, dataset: str, model: str, method: str) -> Run | None:
    """Return the run that stands for a method: its first seed."""
    runs = results.of(dataset, model, method)
    return runs[0] if runs else None


def read_points(path: Path) -> Points:
    """Read what ``conpet represent`` has written.

    Raises:
        UserError: it is not such a file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        found = load_file(path)
        return Points(found["before"], found["after"], found["task"])
    except (SafetensorError, KeyError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: no representations ({reason}): conpet represent again") from None


def plane(vectors: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (n, 2) coordinates on the first two principal components, and their shares (2,)."""
    values = np.asarray(vectors, dtype=np.float64)
    if len(values) < 3:
        return np.zeros((len(values), 2)), np.zeros(2)
    centred = values - values.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    # an axis has no sign of its own: its largest weight is made positive
    largest = np.abs(axes[:2]).argmax(axis=1)
    signs = np.where(axes[[0, 1], largest] < 0, -1.0, 1.0)
    total = float(np.square(sizes).sum())
    share = np.square(sizes[:2]) / total if total > 0 else np.zeros(2)
    return centred @ axes[:2].T * signs, share


def projection(results: Results) -> Figure:
    """Test texts on two principal components, coloured by task: before training, and after it.

    Before training all methods see the same, so that panel is drawn once a dataset and model.
    """
    drawn: list[tuple[str, NDArray[Any] | None, NDArray[Any]]] = []
    several = len(places(results)) > 1
    for dataset, model in places(results):
        runs = {m: shown_run(results, dataset, model, m) for m in results.methods}
        found = {
            method: read_points(run.folder.representations)
            if run.folder.representations.is_file()
            else None
            for method, run in runs.items()
            if run is not None
        }
        where = f"\n{place_name(results, dataset, model)}" if several else ""
        first = next((points for points in found.values() if points is not None), None)
        none = np.empty(0, int)
        start = (first.before, first.task) if first is not None else (None, none)
        drawn.append((f"Before training{where}", *start))
        for method, points in found.items():
            name = f"{results.name(method)}{where}"
            drawn.append((name, points.after, points.task) if points else (name, None, none))
    across = 5 if len(drawn) > 8 else min(4, max(2, len(drawn)))
    with drawing():
        figure, axes = panels(len(drawn), 2.3, 2.35, across)
        tasks = sorted({int(t) for _, _, task in drawn for t in task})
        for ax, (name, vectors, task) in zip(axes, drawn, strict=True):
            _panel(ax, name, vectors, task)
        if tasks:
            _legend(figure, tasks)
    return figure


def look(task: int) -> dict[str, Any]:
    """Return a task's colour and marker: 56 differ, and neighbours differ in both."""
    i = task - 1
    return {"color": _COLORS[i % len(_COLORS)], "marker": _MARKERS[i % len(_MARKERS)]}


def _panel(ax: Axes, name: str, vectors: NDArray[Any] | None, task: NDArray[Any]) -> None:
    ax.set_title(name)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    if vectors is None:
        ax.set_axis_off()
        empty(ax, "pending")
        return
    points, share = plane(vectors)
    looks = [look(int(t)) for t in task]
    for marker in dict.fromkeys(one["marker"] for one in looks):
        here = np.array([one["marker"] == marker for one in looks])
        colors = [one["color"] for one in looks if one["marker"] == marker]
        # thousands of points: as a picture within the SVG they take a tenth of the bytes
        dots: dict[str, Any] = {"c": colors, "marker": marker, "rasterized": True}
        x, y = points[here].T
        ax.scatter(x, y, s=7, linewidths=0, alpha=0.8, **dots)
    ax.set_xlabel(f"{100 * share[0]:.0f} % of the spread", fontsize=8)
    ax.set_ylabel(f"{100 * share[1]:.0f} %", fontsize=8)


def _legend(figure: Figure, tasks: list[int]) -> None:
    from matplotlib.lines import Line2D

    size: dict[str, Any] = {"linestyle": "", "markersize": 6, "markeredgewidth": 0.0}
    handles = [Line2D([], [], label=str(t), **size, **look(t)) for t in tasks]
    columns = 1 if len(tasks) <= 16 else 2
    place: dict[str, Any] = {"loc": "outside right center", "handlelength": 1.0}
    figure.legend(handles=handles, title="Task", ncols=columns, **place)
