"""The names of lines, written where the lines end, none over another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conpet.reporting.style import darker, folded

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LETTERS = 8.0  # points
_LINE = 0.16  # inches of a panel's height that a line of letters takes
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
    names = [folded(end.name) for end in ends]
    room = [line * (1 + name.count("\n")) for name in names]
    heights = apart([math.log10(end.y) if log else end.y for end in ends], room, (low, high))
    left, right = ax.get_xlim()
    for end, name, y in zip(ends, names, heights, strict=True):
        ax.annotate(
            name,
            xy=(end.x, end.y),
            xytext=(right + 0.04 * (right - left), 10**y if log else y),
            fontsize=_LETTERS,
            linespacing=1.05,
            color=darker(end.color),
            va="center",
            annotation_clip=False,
            arrowprops=_LEADER | {"color": end.color},
        )


def needed(panels: Iterable[Iterable[str]]) -> float:
    """Return the height of a panel, in inches, that has room for the names of any of these."""
    most = max(sum(1 + folded(name).count("\n") for name in names) for names in panels)
    return 1.1 + _LINE * most


def apart(ends: Sequence[float], room: Sequence[float], limits: tuple[float, float]) -> list[float]:
    """Return the middles of names for what ends at ``ends``, none in the ``room`` of another."""
    order = sorted(range(len(ends)), key=lambda i: -ends[i])
    found, edge = [0.0] * len(ends), limits[1]
    for i in order:
        found[i] = min(ends[i], edge - room[i] / 2)
        edge = found[i] - room[i] / 2
    edge = limits[0]
    for i in reversed(order):  # what fell off the panel goes up again, and pushes the others
        found[i] = max(found[i], edge + room[i] / 2)
        edge = found[i] + room[i] / 2
    return found
