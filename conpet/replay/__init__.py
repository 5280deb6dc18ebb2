"""How history comes back: one file per replay, known by its name."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from conpet import registry
from conpet.config.strict import choose

if TYPE_CHECKING:
    from conpet.replay.base import Replay


def names() -> list[str]:
    """Return the names of all replays."""
    return registry.names(Path(__file__).parent, "REPLAY")


def replay_class(name: str, where: str = "replay") -> type[Replay]:
    """Return a replay's class: the one named ``REPLAY`` in conpet/replay/NAME.py."""
    choose("replay", name, names(), where)
    found: type[Replay] = importlib.import_module(f"conpet.replay.{name}").REPLAY
    return found
