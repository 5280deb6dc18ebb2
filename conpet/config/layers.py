"""Settings said in layers, each laid over those before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from conpet.config.head import over
from conpet.config.settings import Settings
from conpet.config.strict import merge, validate

Layer = tuple[dict[str, Any], str]


def laid_over(layers: Sequence[Layer]) -> Iterator[tuple[dict[str, Any], str, Settings]]:
    """Yield each layer, where it stands, and the settings up to it, from the defaults on.

    Raises:
        UserError: one line: the layer that is wrong, the key, and what would be right.
    """
    value: dict[str, Any] = Settings().model_dump()
    for layer, where in layers:
        head = over(value["head"], layer["head"]) if "head" in layer else value["head"]
        value = merge(value, layer) | {"head": head}
        yield layer, where, validate(Settings, value, where)
