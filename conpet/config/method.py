"""What a method's YAML may say: a row of choices, one an axis."""

from __future__ import annotations

from typing import Any, Literal

from conpet.config.strict import Strict


class Method(Strict):
    """A named method: learner × replay (× tuning, in ``settings``), and the learner's options."""

    title: str
    learner: str
    replay: Literal["none", "memory", "dynamic", "full"]
    options: dict[str, Any] = {}
    settings: dict[str, Any] = {}
