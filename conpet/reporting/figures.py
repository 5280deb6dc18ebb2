"""Every figure by name."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

from conpet.reporting import accuracy_curves, cost_figures, heatmaps, named
from conpet.reporting.collect import Results
from conpet.reporting.forest import claims
from conpet.reporting.forgetting_bars import forgetting
from conpet.reporting.pareto import pareto
from conpet.reporting.style import VERMILLION, write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAKE: dict[str, Callable[[Results], Figure]] = {
    "accuracy": accuracy_curves.accuracy,
    "claims": claims,
    "forgetting": forgetting,
    "heatmap": heatmaps.heatmap,
    "cost": cost_figures.cost,
    "pareto": pareto,
    "selector": heatmaps.selector,
}
FIGURES = {name: (_MAKE[name], meaning) for name, meaning in named.FIGURES.items()}


def make_figure(results: Results, name: str) -> Figure:
    """Draw a figure, with what is to be doubted of the results above it."""
    figure = FIGURES[name][0](results)
    if results.doubts:
        width = int(16 * figure.get_figwidth())  # letters of that size in a line
        lines = [line for doubt in results.doubts for line in textwrap.wrap(doubt, width)]
        figure.set_figheight(figure.get_figheight() + 0.16 * len(lines))
        figure.suptitle("\n".join(lines), fontsize=8, color=VERMILLION)
    return figure


__all__ = ["FIGURES", "make_figure", "write_figure"]
