"""What a method's YAML may say: a row of choices, one per axis, and how it is shown and judged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from conpet.config.strict import Strict, choose, read_yaml
from conpet.files import visible

Line = Literal["solid", "dashed", "dashdot", "dotted"]
Marker = Literal[
    "o", "s", "D", "d", "^", "v", "<", ">", "p", "P", "h", "*", "x", "X", "+", "_", "8", "H",
    "1", "2", "3", "4",
]  # fmt: skip


class Look(Strict):
    """How a method is drawn: colour, line and marker, so that a print in grey can be read too.

    ``marker`` is one of matplotlib's; a star is drawn larger than the others and above them.
    """

    color: Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")]
    line: Line = "solid"
    marker: Marker = "o"
    filled: bool = True


class Method(Strict):
    """A named method: learner × replay (× tuning, in ``settings``), and the learner's options.

    The other keys decide nothing that is learnt. ``look`` is how figures and MLflow show it;
    without one, or with one that another method of the experiment has too, it gets its own by its
    place. ``against`` names what it is compared with: methods, or families, of which the best
    that the experiment has counts. The best of a ``family`` stands for it. An upper ``bound`` is
    not ranked among the others; left out, one that replays the whole history is. The rest is
    claimed of it, and checked in the table of claims: ``ahead`` names methods and by how many
    points it (or the best of its family) is above them, ``flat_cost`` says that a task costs no
    more the more tasks there were.
    """

    title: str
    learner: str
    options: dict[str, Any] = {}
    replay: str
    replay_options: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    look: Look | None = None
    against: list[str] = []
    family: str = ""
    bound: bool | None = None
    ahead: dict[str, float] = {}
    flat_cost: bool = False


def check_against(
    method: Method, own: dict[str, Any], found: dict[str, Method], config_dir: Path, place: str
) -> None:
    """Refuse to compare a method with what is neither a method nor a family.

    Args:
        own: what the experiment itself says of the method.
        found: all methods of the experiment.
        place: where it says so, for messages.

    Raises:
        UserError: the name in ``against`` or ``ahead``, and the closest that there is.
    """
    known = {*found, *(other.family for other in found.values() if other.family)}
    files = visible(config_dir / "methods", "*.yaml")
    known |= {path.stem for path in files}
    methods = sorted({*found, *(path.stem for path in files)})
    for other in own.get("ahead") or {}:  # of methods alone
        choose("method", other, methods, f"{place}: ahead")
    for other in method.against if "against" in own else ():
        if other not in known:  # a family that the experiment has no method of?
            known |= {str(read_yaml(path).get("family", "")) for path in files} - {""}
            choose("method", other, sorted(known), f"{place}: against")
