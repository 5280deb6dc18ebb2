"""The learners, one file each; a file put here is known by its name."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from conpet.config.strict import choose, validate
from conpet.errors import UserError
from conpet.memo import remembered

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


def keeps_experts(name: str) -> bool:
    """Say whether a learner keeps an expert and a selector a task, importing it only once."""
    return remembered(f"experts {name}", lambda: find(name).experts)


def check_method(method: Method, where: str) -> None:
    """Raise a UserError unless the method's options and replay fit its learner."""
    choose("learner", method.learner, names(), f"{where}: learner")

    def fit() -> bool:
        learner = find(method.learner)
        validate(learner.Options, method.options, f"{where}: options")
        if method.replay not in learner.replays:
            raise UserError(
                f"{where}: replay: learner {method.learner} cannot learn with "
                f"{method.replay!r}: use {' or '.join(learner.replays)}"
            )
        return True

    options = json.dumps(method.options, sort_keys=True, default=repr)
    remembered(f"fits {method.learner} {method.replay} {options}", fit)
