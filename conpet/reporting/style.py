"""How figures look, and how they are written: the same numbers give the same bytes."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conpet.config.method import Line, Look, Marker
from conpet.files import atomic
from conpet.reporting.collect import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D

# Okabe and Ito's palette for the colour-blind, without its yellow; orange and sky blue are darker
# here: a line on white must stand out at least three to one (WCAG 1.4.11)
BLACK, ORANGE, SKY, GREEN = "#000000", "#B87A00", "#2B8CC4", "#009E73"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#7F7F7F"
FAINT = "#D9D9D9"  # of what is there to compare with, not to be read


_COLORS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY)
_LINES: tuple[Line, ...] = ("solid", "dashed", "dashdot", "dotted")
_MARKERS: tuple[Marker, ...] = ("o", "s", "D", "^", "v", "P", "X", "p", "h", "<", ">")

_RC = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "lines.markeredgewidth": 1.1,
    "legend.frameon": False,
    "legend.handlelength": 3.0,
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "text.parse_math": False,  # a dollar sign is one: titles are shown as they are written
    "svg.hashsalt": "conpet",
    "svg.fonttype": "path",
    "path.simplify": False,
}


def looks(results: Results) -> dict[str, Look]:
    """Return each method's look: its own, or one by its place where it has none of its own.

    What several methods share (the variants of one) would not tell them apart.
    """
    given = {method: results.method(method).look for method in results.methods}
    shared = Counter(look.model_dump_json() for look in given.values() if look)
    own = [look for look in given.values() if look and shared[look.model_dump_json()] == 1]
    taken = {(look.color, look.line) for look in own}
    found: dict[str, Look] = {}
    strangers = 0
    for method, look in given.items():
        if look and shared[look.model_dump_json()] == 1:
            found[method] = look
            continue
        found[method], strangers = _by_place(strangers, taken)
    return found


def _by_place(place: int, taken: Collection[tuple[str, str]]) -> tuple[Look, int]:
    """Return the look of a place and the next place; none whose colour and line are taken."""
    for _ in range(len(_COLORS) * len(_LINES)):
        color, line = _COLORS[place % len(_COLORS)], _LINES[place // len(_COLORS) % len(_LINES)]
        look = Look(color=color, line=line, marker=_MARKERS[place % len(_MARKERS)])
        place += 1
        if (look.color, look.line) not in taken:
            break
    return look, place


def task_ticks(last: int) -> list[int]:
    """Return at most ten or so task numbers to write on an axis, the last among them."""
    step = max(1, -(-last // 10))
    return sorted({*range(1, last + 1, step), last} - ({last - 1} if step > 1 else set()))


def darker(color: str) -> str:
    """Return a colour for letters on white: the same, with a third of black in it."""
    return "#" + "".join(f"{int(color[i : i + 2], 16) * 2 // 3:02X}" for i in (1, 3, 5))


def folded(name: str, most: int = 30) -> str:
    """Return a name in lines of at most ``most`` letters, as few as can be and about as long."""
    few = len(textwrap.wrap(name, most))
    narrowest = min(most, max(map(len, name.split()), default=1))
    wraps = (textwrap.wrap(name, width) for width in range(narrowest, most + 1))
    return "\n".join(next(lines for lines in wraps if len(lines) == few))


def plain_ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers from low to high, at most so many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in ((1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        found = [s * 10.0**n for n in powers for s in steps if low <= s * 10.0**n <= high]
        if len(found) <= most:
            return found
    return found[:: -(-len(found) // most)]


def log_ticks(axis: Axis, low: float, high: float, most: int = 8) -> None:
    """Write enough plain numbers on a logarithmic axis from low to high, and not too many."""
    from matplotlib.ticker import NullFormatter

    axis.set_ticks(plain_ticks(low, high, most))
    axis.set_major_formatter("{x:,g}")
    axis.set_minor_formatter(NullFormatter())


def stands_out(look: Look) -> bool:
    """Say whether a look is drawn larger than the others and above them."""
    return look.marker == "*"


def drawn(look: Look) -> dict[str, Any]:
    """Return keyword arguments for ``Axes.plot``."""
    return {
        "color": look.color,
        "linestyle": look.line,
        "marker": look.marker,
        "markerfacecolor": look.color if look.filled else "white",
        "markeredgecolor": look.color,
        "markersize": 9 if stands_out(look) else 5,
    }


@contextmanager
def drawing(**more: Any) -> Iterator[None]:
    """Draw within these settings, on no screen."""
    import matplotlib as mpl

    mpl.use("Agg")
    with mpl.rc_context(_RC | more):
        yield


def panels(
    count: int, width: float = 4.2, height: float = 3.2, across: int = 2
) -> tuple[Figure, list[Axes]]:
    """Return a figure of ``count`` panels (inches each), at most ``across`` in a row."""
    from matplotlib.figure import Figure as New

    columns = max(1, min(across, count))
    rows = max(1, -(-count // columns))
    figure = New(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for spare in axes[count:]:
        spare.set_axis_off()
    return figure, axes[:count]


def stacked(heights: Sequence[float], width: float) -> tuple[Figure, list[Axes]]:
    """Return a figure of panels below each other, so high each (inches)."""
    from matplotlib.figure import Figure as New

    figure = New(figsize=(width, sum(heights)), layout="constrained")
    shape: dict[str, Any] = {"squeeze": False, "height_ratios": heights}
    return figure, figure.subplots(len(heights), 1, **shape).ravel().tolist()


def place_name(results: Results, dataset: str, model: str) -> str:
    """Return a panel's title: the model is named only where there are several."""
    name = results.name(dataset)
    return f"{name}, {results.name(model)}" if len(results.models) > 1 else name


def legend(figure: Figure, results: Results, methods: Sequence[str], lines: bool = True) -> None:
    """Put one legend on the right of all panels, methods in the order given."""
    handles = _handles(results, methods, lines)
    # a line of letters is one and a half times as high as they are
    size = min(9.0, 72 * figure.get_figheight() / (1.55 * max(1, len(handles))))
    names = list(map(str, range(len(handles))))
    _name(
        figure.legend(handles, names, loc="outside right center", fontsize=size), results, methods
    )


def beside(ax: Axes, results: Results, methods: Sequence[str]) -> None:
    """Put a legend of points on the right of one panel, methods in the order given."""
    handles = _handles(results, methods, lines=False)
    names = list(map(str, range(len(handles))))
    place: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "fontsize": 8.0}
    _name(ax.legend(handles, names, **place), results, methods)


def _handles(results: Results, methods: Sequence[str], lines: bool) -> list[Line2D]:
    from matplotlib.lines import Line2D

    bare: dict[str, Any] = {} if lines else {"linestyle": ""}
    own = looks(results)
    return [Line2D([], [], **(drawn(own[method]) | bare)) for method in methods]


def _name(made: Legend, results: Results, methods: Sequence[str]) -> None:
    # named afterwards: a legend leaves out what it is given under a name like "_mine"
    for text, method in zip(made.get_texts(), methods, strict=True):
        text.set_text(folded(results.name(method)))


def empty(axes: Axes, text: str = "no finished run yet") -> None:
    """Say in a panel that there is nothing to draw."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=GREY)


_STAMPS: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


def write_figure(
    figure: Figure, prefix: Path, forms: Sequence[str] = ("svg", "png"), letters: str = "path"
) -> list[Path]:
    """Write PREFIX.svg and PREFIX.png, or one of them, without dates or version stamps.

    ``letters`` are drawn in an SVG, the same everywhere (``path``), or left to the reader's font,
    a third of the size (``none``).
    """
    paths = [prefix.with_name(f"{prefix.name}.{form}") for form in forms]
    with drawing(**{"svg.fonttype": letters}):
        if (engine := figure.get_layout_engine()) is not None:
            engine.execute(figure)
            figure.set_layout_engine("none")  # laid out once is enough
            for ax in figure.axes:  # the solver's last digits change, and clip paths' names by them
                place = ax.get_position(original=True).bounds
                x, y, width, height = (round(float(edge), 9) for edge in place)
                ax.set_position((x, y, width, height))
        for form, path in zip(forms, paths, strict=True):
            with atomic(path) as temporary:
                figure.savefig(temporary, format=form, metadata=_STAMPS[form])
                if form == "png":
                    _keep_few_colors(temporary)
    return paths


def _keep_few_colors(path: Path) -> None:
    """Leave a picture 256 colours: a quarter of its size, and nothing that an eye can tell."""
    from PIL import Image

    with Image.open(path) as drawn:
        dots = drawn.info["dpi"]
        few = drawn.convert("RGB").quantize(method=Image.Quantize.MAXCOVERAGE, kmeans=1)
    few.save(path, format="PNG", optimize=True, dpi=dots)
