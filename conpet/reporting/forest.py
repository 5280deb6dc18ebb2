"""What is claimed of methods as a forest plot: every difference with its intervals, and zero."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from conpet.reporting.claims import FAILS, HOLDS, OPEN, Claim, found_claims
from conpet.reporting.collect import Results
from conpet.reporting.numbers import number
from conpet.reporting.style import (
    BLACK,
    BLUE,
    GREY,
    VERMILLION,
    drawing,
    empty,
    place_name,
    stacked,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _ROW, _AROUND = 7.6, 0.245, 0.95  # inches: of the figure, a claim, title and axis
_SHOWN = {
    HOLDS: (BLUE, "o", BLUE),
    FAILS: (VERMILLION, "s", VERMILLION),
    OPEN: (GREY, "o", "white"),
}
_UNITS = {
    "points": "Difference of whole accuracy (points)",
    "samples": "Samples per task that a further task adds",
    "equivalent": "Equivalent samples per task that a further task adds",
}


def claims(results: Results) -> Figure:
    """Each claim that was measured: mean, interval over test samples (thick), over seeds (thin).

    What is not told is hollow and grey. A mark stands where a claim is of more than nothing.
    """
    measured = [claim for claim in found_claims(results) if not math.isnan(claim.value)]
    parts = [
        (place, unit, own)
        for place in results.places()
        for unit in _UNITS
        if (own := [c for c in measured if (c.dataset, c.model) == place and c.unit == unit])
    ]
    with drawing():
        figure, axes = stacked([_ROW * len(own) + _AROUND for _, _, own in parts] or [2.0], _WIDTH)
        if not parts:
            axes[0].set_axis_off()
            empty(axes[0], "no claim on finished runs yet")
        several = len(results.places()) > 1
        for ax, (place, unit, own) in zip(axes, parts, strict=False):
            _panel(ax, own)
            ax.set_xlabel(_UNITS[unit])
            ax.set_title(place_name(results, *place) if several else "", loc="left")
        if parts:
            _legend(figure)
    return figure


def _panel(ax: Axes, found: Sequence[Claim]) -> None:
    from matplotlib.ticker import MaxNLocator

    low, high = _limits(found)
    ax.axvline(0, color=BLACK, linewidth=0.9, zorder=1)
    for y, claim in enumerate(found):
        color, marker, face = _SHOWN[claim.verdict]
        value, *ends, above = _in_units(claim)
        for (start, end), width in zip((ends[2:], ends[:2]), (1.0, 3.2), strict=True):
            if not math.isnan(start):
                ax.hlines(y, max(start, low), min(end, high), color=color, linewidth=width)
        for edge, beyond, arrow in ((low, ends[2] < low, "<"), (high, ends[3] > high, ">")):
            if beyond:  # the interval goes on outside
                ax.plot(edge, y, marker=arrow, color=color, markersize=4, clip_on=False)
        if above:
            ax.plot(above, y, marker="|", color=BLACK, markersize=9)
        ax.plot(value, y, marker=marker, color=color, markerfacecolor=face, markersize=5.5)
        said = number(value, 1) if claim.unit != "points" else f"{value:+.1f}".replace("-", "−")
        beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center"}
        ax.annotate(said, (1.01, y), fontsize=8, **beside)
    ax.set_yticks(range(len(found)), [textwrap.shorten(c.claim, 78) for c in found], fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.set(ylim=(len(found) - 0.4, -0.6), xlim=(low, high))
    ax.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10], min_n_ticks=3))
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)


def _in_units(claim: Claim) -> list[float]:
    """Return value, interval over samples, interval over seeds, what it is to be above."""
    found = [
        claim.value, claim.low, claim.high, claim.seeds_low, claim.seeds_high, claim.above,
    ]  # fmt: skip
    return [100 * x for x in found] if claim.unit == "points" else found


def _limits(found: Sequence[Claim]) -> tuple[float, float]:
    """Return limits that hold every mean and its interval over samples, and zero, with a margin.

    Intervals over two or three seeds may be ten times as wide: they are cut, with an arrow.
    """
    ends = [0.0]
    for claim in found:
        ends += [x for x in _in_units(claim)[:3] if not math.isnan(x)]
    margin = 0.25 * (max(ends) - min(ends)) or 1.0
    return min(ends) - margin, max(ends) + margin


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], color=color, marker=marker, markerfacecolor=face, linewidth=1.0)
        for color, marker, face in _SHOWN.values()
    ]
    figure.legend(marks, [*_SHOWN], loc="outside upper center", ncols=3, fontsize=8)
