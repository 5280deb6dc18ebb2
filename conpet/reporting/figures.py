"""Every figure by name."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

from conpet.reporting import accuracy_curves, cost_figures, heatmaps
from conpet.reporting.collect import Results
from conpet.reporting.forest import claims
from conpet.reporting.forgetting_bars import forgetting
from conpet.reporting.pareto import pareto
from conpet.reporting.style import VERMILLION, write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES: dict[str, tuple[Callable[[Results], Figure], str]] = {
    "accuracy": (accuracy_curves.accuracy, "whole accuracy over tasks, with seed bands"),
    "claims": (claims, "what is claimed of methods, measured: thick over samples, thin over seeds"),
    "forgetting": (forgetting, "accuracy on earlier tasks at its best and now, method by method"),
    "heatmap": (heatmaps.heatmap, "accuracy on every task after every task, per method"),
    "cost": (cost_figures.cost, "samples and seconds of every task"),
    "pareto": (pareto, "accuracy against data kept, bytes kept, and seconds"),
    "selector": (heatmaps.selector, "which task the selector takes a sample for"),
}


def make_figure(results: Results, name: str) -> Figure:
    """Draw a figure, with what is to be doubted of the results above it."""
    figure = FIGURES[name][0](results)
    if results.doubts:
        width = int(13 * figure.get_figwidth())  # letters of that size in a line
        lines = [textwrap.fill(doubt, width) for doubt in results.doubts]
        figure.suptitle("\n".join(lines), fontsize=8, color=VERMILLION)
    return figure


__all__ = ["FIGURES", "make_figure", "write_figure"]
