"""How history comes back: one file per replay, known by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from conpet import registry
from conpet.config.strict import choose

if TYPE_CHECKING:
    from conpet.config.method import Method
    from conpet.replay.base import Replay


def names() -> list[str]:
    """Return the names of all replays."""
    return registry.names(Path(__file__).parent, "REPLAY")


def replay_class(name: str, where: str = "replay") -> type[Replay]:
    """Return a replay's class: the one named ``REPLAY`` in conpet/replay/NAME.py."""
    folder = Path(__file__).parent
    registry.check(folder, name, "REPLAY")
    choose("replay", name, names(), where)
    found: type[Replay] = registry.found(folder, name, "REPLAY")
    return found


def upper_bound(about: Method) -> bool:
    """Say whether a method is an upper bound: as it says itself, else by its replay."""
    return replays_everything(about) if about.bound is None else about.bound


def replays_everything(about: Method) -> bool:
    """Say whether a method trains on the whole history at every task; no unknown replay does."""
    return about.replay in names() and replay_class(about.replay).whole_history
