"""Every figure by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from conpet.reporting import accuracy_curves, cost_figures, heatmaps
from conpet.reporting.collect import Results
from conpet.reporting.projection import projection
from conpet.reporting.style import write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES: dict[str, tuple[Callable[[Results], Figure], str]] = {
    "accuracy": (accuracy_curves.accuracy, "whole accuracy over tasks, with seed bands"),
    "heatmap": (heatmaps.heatmap, "accuracy on every task after every task, a method"),
    "cost": (cost_figures.cost, "samples and seconds of every task"),
    "pareto": (cost_figures.pareto, "accuracy against bytes kept and against seconds"),
    "selector": (heatmaps.selector, "which task the selector takes a sample for"),
    "projection": (projection, "test texts by task in two dimensions, before and after training"),
}

__all__ = ["FIGURES", "write_figure"]
