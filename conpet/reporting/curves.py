"""The epochs of one run: validation accuracy and training loss, task after task."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from conpet.reporting.style import BLUE, GREEN, VERMILLION, drawing
from conpet.run.reading import Run, Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def epoch_curves(run: Run) -> Figure | None:
    """Draw all trainings of a run side by side, tasks wide as their epochs; None without any."""
    from matplotlib.figure import Figure as New

    tasks = [_epochs(task.learner) for task in run.tasks]
    if not any(tasks):
        return None
    with drawing():
        figure = New(figsize=(8, 3), layout="constrained")
        accuracy, loss = figure.subplots(2, 1, sharex=True)
        starts = [0]
        for task, epochs in zip(run.tasks, tasks, strict=True):
            start, width = starts[-1], max(1, len(epochs))
            _line(accuracy, start, width, _known(task.selector, "valid_accuracy"), GREEN, "--")
            _line(accuracy, start, width, _known(task.learner, "valid_accuracy"), BLUE)
            _line(loss, start, width, _known(task.learner, "loss"), VERMILLION)
            _mark_kept(accuracy, start, task.learner)
            starts.append(start + width)
        _label(accuracy, loss, starts)
        _legend(figure, any(_epochs(task.selector) for task in run.tasks))
    return figure


def _epochs(training: Training | None) -> list[dict[str, Any]]:
    return list(training.state.get("epochs") or []) if training else []


def _known(training: Training | None, key: str) -> list[tuple[float, float]]:
    """Return (share of the training, value) of the epochs that have the value."""
    epochs = _epochs(training)
    return [
        ((i + 0.5) / len(epochs), entry[key])
        for i, entry in enumerate(epochs)
        if entry.get(key) is not None
    ]


def _line(
    axes: Axes,
    start: int,
    width: int,
    points: Sequence[tuple[float, float]],
    color: str,
    dash: str = "-",
) -> None:
    if not points:
        return
    xs = [start + width * share for share, _ in points]
    marker = "o" if len(points) == 1 else ""  # a line of one point is not seen
    axes.plot(xs, [y for _, y in points], color=color, linestyle=dash, marker=marker, markersize=3)


def _mark_kept(axes: Axes, start: int, training: Training | None) -> None:
    best = training.state.get("best_epoch") if training else None
    for i, entry in enumerate(_epochs(training)):
        if entry.get("epoch") == best and entry.get("valid_accuracy") is not None:
            axes.plot([start + i + 0.5], [entry["valid_accuracy"]], "o", color=BLUE)


def _label(accuracy: Axes, loss: Axes, starts: Sequence[int]) -> None:
    for axes in (accuracy, loss):
        axes.grid(visible=False, axis="x")
        axes.set_xlim(0, starts[-1])
        axes.set_ylim(bottom=0)
        for start in starts[1:-1]:
            axes.axvline(start, color="#CCCCCC", linewidth=0.8)
    accuracy.set_ylim(0, 1.05)
    accuracy.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    accuracy.set_ylabel("validation\naccuracy")
    loss.set_ylabel("training\nloss")
    middles = [(a + b) / 2 for a, b in itertools.pairwise(starts)]
    loss.set_xticks(middles, [f"task {i}" for i in range(1, len(starts))])
    loss.tick_params(axis="x", length=0)
    accuracy.tick_params(axis="x", length=0)


def _legend(figure: Figure, selectors: bool) -> None:
    from matplotlib.lines import Line2D

    kept = Line2D([], [], color=BLUE, marker="o", label="validation accuracy; dot: the epoch kept")
    chosen = Line2D([], [], color=GREEN, linestyle="--", label="the selector's")
    loss = Line2D([], [], color=VERMILLION, label="training loss")
    handles = [kept, *([chosen] if selectors else []), loss]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
