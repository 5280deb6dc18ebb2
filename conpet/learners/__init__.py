"""The learners, one file each; a file put here is known by its name."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from conpet.config.strict import choose, validate

if TYPE_CHECKING:
    from conpet.config.method import Method
    from conpet.learners.base import Learner

_SHARED = {"__init__", "base", "head"}


def names() -> list[str]:
    """Return the names of all learners."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in _SHARED)


def find(name: str, where: str = "learner") -> type[Learner]:
    """Return a learner's class: the one named ``LEARNER`` in conpet/learners/NAME.py."""
    choose("learner", name, names(), where)
    learner: type[Learner] = importlib.import_module(f"conpet.learners.{name}").LEARNER
    return learner


def check_options(method: Method, where: str) -> None:
    """Raise a UserError unless the method's options fit its learner."""
    validate(find(method.learner, f"{where}: learner").Options, method.options, f"{where}: options")
