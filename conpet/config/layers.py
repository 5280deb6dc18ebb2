"""Settings said in layers, each laid over those before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from conpet.config.head import over
from conpet.config.settings import Settings
from conpet.config.strict import merge, validate

Layer = tuple[dict[str, Any], str]


def settings_over(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return settings over others, as they are written: both may write the head short."""
    heads = {"head": over(old["head"], new["head"])} if "head" in old and "head" in new else {}
    return merge(old, new) | heads


def laid_over(layers: Sequence[Layer]) -> Iterator[tuple[dict[str, Any], str, Settings]]:
    """Yield each layer, where it stands, and the settings up to it, from the defaults on.

    Raises:
        UserError: one line: the layer that is wrong, the key, and what would be right.
    """
    value: dict[str, Any] = Settings().model_dump()
    for layer, where in layers:
        value = settings_over(value, layer)
        yield layer, where, validate(Settings, value, where)
