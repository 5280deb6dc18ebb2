"""The workflow's rules and what they wait for, as a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conpet.files import read_json
from conpet.reporting.layers import chains, place, rows
from conpet.reporting.style import BLUE, GREY, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FILE = "rules.json"  # what the workflow's rule `graph` leaves in an experiment's folder

_WIDTH, _HEIGHT = 1.55, 0.52  # of a box, in inches
_ACROSS, _DOWN = 1.75, 0.85  # from one box to the next
_MARGIN = 0.3  # room for an arrow from a box to itself


@dataclass(frozen=True)
class Rule:
    """One rule of the workflow: its jobs in an experiment.

    ``level`` is the length of the longest chain of jobs before its first job (0 for a source),
    ``after`` the rules whose jobs any job of it waits for, itself included.
    """

    name: str
    jobs: int
    level: int
    after: tuple[str, ...]
    meaning: str = ""


def read_rules(path: Path) -> list[Rule]:
    """Read what the workflow has said of its rules; nothing where it has not yet.

    Raises:
        UserError: the file is not JSON.
    """
    if not path.is_file():
        return []
    found = read_json(path)
    return [
        Rule(name, entry["jobs"], entry["level"], tuple(entry["after"]), entry["meaning"])
        for name, entry in found.items()
    ]


def draw(rules: Sequence[Rule]) -> Figure:
    """Draw a box a rule, what waits below what it waits for.

    An arrow that follows from others is left out. Dashed: the first job of the rule does not wait.
    """
    # the order of the first jobs: so no rule waits for itself by way of others
    level = {rule.name: rule.level for rule in rules}
    after = {r.name: {need for need in r.after if level[need] < r.level} for r in rules}
    row = rows(after)
    ways = chains(after, row)
    where = {node: (x * _ACROSS, -y * _DOWN) for node, (x, y) in place(row, ways).items()}
    leftmost = {row[name]: name for name in sorted(row, key=lambda name: -where[name][0])}
    with drawing():
        figure, axes = _sheet(list(where.values()))
        for way in ways:
            _arrow(axes, [where[node] for node in way])
        for rule in rules:
            for need in sorted({*rule.after} - after[rule.name]):
                if need == rule.name:
                    _again(axes, where[need], left=leftmost[row[need]] == need)
                else:
                    _later(axes, where[need], where[rule.name])
            _box(axes, rule, where[rule.name])
    return figure


def _sheet(places: Sequence[tuple[float, float]]) -> tuple[Figure, Axes]:
    """Return an empty sheet on which one unit is one inch, with room for boxes at these places."""
    from matplotlib.figure import Figure as New

    xs, ys = [x for x, _ in places], [y for _, y in places]
    left, right = min(xs) - _WIDTH / 2 - _MARGIN, max(xs) + _WIDTH / 2 + _MARGIN
    low, high = min(ys) - _HEIGHT / 2 - 0.05, max(ys) + _HEIGHT / 2 + 0.05
    figure = New(figsize=(right - left, high - low))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(low, high))
    axes.set_axis_off()
    return figure, axes


def _arrow(axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    """Draw a smooth arrow from box to box, upright where it passes a row."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Line

    half = _HEIGHT / 2
    (x0, y0), (x1, y1) = points[0], points[-1]
    # boxes that are not right below one another are joined nearer each other
    lean = max(-0.45, min(0.45, (points[1][0] - x0) / 3))
    lean_in = max(-0.45, min(0.45, (points[-2][0] - x1) / 3))
    corners = [(x0 + lean, y0 - half)]
    for x, y in points[1:-1]:
        corners += [(x, y + half), (x, y - half)]
    corners.append((x1 + lean_in, y1 + half))
    line, codes = [corners[0]], [Line.MOVETO]
    for i in range(0, len(corners), 2):
        (xa, ya), (xb, yb) = corners[i], corners[i + 1]
        bend = (ya - yb) / 2
        if i:
            line.append((xa, ya))
            codes.append(Line.LINETO)
        line += [(xa, ya - bend), (xb, yb + bend), (xb, yb)]
        codes += [Line.CURVE4] * 3
    axes.add_patch(
        FancyArrowPatch(
            path=Line(line, codes), arrowstyle="-|>", mutation_scale=8, color=GREY, linewidth=1
        )
    )


def _again(axes: Axes, at: tuple[float, float], left: bool) -> None:
    """Draw a dashed arrow from a box to itself: its jobs wait for one another."""
    x, y = at[0] + (-1 if left else 1) * _WIDTH / 2, at[1]
    _dashes(axes, (x, y - 0.12), (x, y + 0.12), f"arc3,rad={-1.6 if left else 1.6}")


def _later(axes: Axes, need: tuple[float, float], rule: tuple[float, float]) -> None:
    """Draw a dashed arrow between boxes, neither of which is below the other for certain."""
    (x0, y0), (x1, y1) = need, rule
    if y0 == y1:
        side = _WIDTH / 2 if x0 < x1 else -_WIDTH / 2
        _dashes(axes, (x0 + side, y0), (x1 - side, y1), "arc3")
    else:
        up = _HEIGHT / 2 if y0 < y1 else -_HEIGHT / 2
        _dashes(axes, (x0, y0 + up), (x1, y1 - up), "arc3")


def _dashes(axes: Axes, start: tuple[float, float], end: tuple[float, float], curve: str) -> None:
    from matplotlib.patches import FancyArrowPatch

    dashed: dict[str, Any] = {"color": BLUE, "linewidth": 1, "linestyle": (0, (3, 2))}
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            connectionstyle=curve,
            arrowstyle="-|>",
            mutation_scale=8,
            shrinkA=0,
            shrinkB=0,
            **dashed,
        )
    )


def _box(axes: Axes, rule: Rule, at: tuple[float, float]) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = at
    corner = (x - _WIDTH / 2, y - _HEIGHT / 2)
    shape = FancyBboxPatch(
        corner, _WIDTH, _HEIGHT, boxstyle="round,pad=0,rounding_size=0.06",
        facecolor="#EEF4F9", edgecolor=BLUE, linewidth=1,
    )  # fmt: skip
    axes.add_patch(shape)
    meaning = textwrap.shorten(rule.meaning, 28, placeholder="…")
    up = 0.1 if meaning else 0
    middle: dict[str, Any] = {"ha": "center", "va": "center"}
    axes.text(x, y + up, f"{rule.name} × {rule.jobs:,}", weight="bold", fontsize=9, **middle)
    axes.text(x, y - 0.12, meaning, fontsize=7.5, **middle)
