"""The names of lines, written where the lines end, none over another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conpet.reporting.style import darker

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LETTERS = 8.0  # points
_AROUND = 0.75  # inches of a panel's height that title and labels take
_LEADER = {"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4, "relpos": (0, 0.5)}


@dataclass(frozen=True)
class End:
    """The end of a line in a panel: its name, where it is, and its colour ("#RRGGBB")."""

    name: str
    x: float
    y: float
    color: str


def write_names(ax: Axes, ends: Sequence[End], height: float) -> None:
    """Write names on the right of a panel, each led to where its line ends.

    Args:
        ax: with its scales and limits set.
        ends: within the limits.
        height: of the whole panel, in inches.
    """
    log = ax.get_yscale() == "log"
    low, high = (math.log10(y) if log else y for y in ax.get_ylim())
    line = (high - low) * _LETTERS * 1.25 / 72 / (height - _AROUND)
    heights = apart([math.log10(end.y) if log else end.y for end in ends], line, (low, high))
    left, right = ax.get_xlim()
    for end, y in zip(ends, heights, strict=True):
        ax.annotate(
            end.name,
            xy=(end.x, end.y),
            xytext=(right + 0.04 * (right - left), 10**y if log else y),
            fontsize=_LETTERS,
            color=darker(end.color),
            va="center",
            annotation_clip=False,
            arrowprops=_LEADER | {"color": end.color},
        )


def apart(ends: Sequence[float], line: float, limits: tuple[float, float]) -> list[float]:
    """Return where to write names that end at ``ends``, a line's height apart at least."""
    order = sorted(range(len(ends)), key=lambda i: -ends[i])
    found, above = [0.0] * len(ends), limits[1] + line / 2
    for i in order:
        found[i] = above = min(ends[i], above - line)
    below = limits[0] - line / 2
    for i in reversed(order):  # what fell off the panel goes up again, and pushes the others
        found[i] = below = max(found[i], below + line)
    return found
