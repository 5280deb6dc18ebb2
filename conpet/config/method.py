"""What a method's YAML may say: a row of choices, one an axis."""

from __future__ import annotations

from typing import Any

from conpet.config.strict import Strict


class Method(Strict):
    """A named method: learner × replay (× tuning, in ``settings``), with options of their own."""

    title: str
    learner: str
    options: dict[str, Any] = {}
    replay: str
    replay_options: dict[str, Any] = {}
    settings: dict[str, Any] = {}
