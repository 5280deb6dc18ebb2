"""Settings said in layers, each laid over those before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from conpet.config.head import over
from conpet.config.settings import Settings, Tuning
from conpet.config.strict import merge, validate

Layer = tuple[dict[str, Any], str]


def settings_over(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return settings over others, as they are written: both may write the head short."""
    heads = {"head": over(old["head"], new["head"])} if "head" in old and "head" in new else {}
    tuning, usual = old.get("tuning"), Tuning().type
    if isinstance(tuning, dict) and "type" not in tuning:
        # what is said of no type is said of the usual one, which may be named in the new
        named = new.get("tuning")
        if isinstance(named, dict) and named.get("type") == usual:
            old = old | {"tuning": {"type": usual, **tuning}}
    return merge(old, new) | heads


def laid_over(layers: Sequence[Layer]) -> Iterator[tuple[dict[str, Any], str, Settings]]:
    """Yield each layer, where it stands, and the settings up to it, from the defaults on.

    Raises:
        UserError: one line: the layer that is wrong, the key, and what would be right.
    """
    value: dict[str, Any] = Settings().model_dump()
    usual = value["tuning"]
    for layer, where in layers:
        value = settings_over(_tuned_before(value, layer, usual), layer)
        yield layer, where, validate(Settings, value, where)


def _tuned_before(
    value: dict[str, Any], layer: dict[str, Any], usual: dict[str, Any]
) -> dict[str, Any]:
    """Return settings with the usual tuning, where a layer goes back to it from another type.

    It then starts from the defaults of this suite, as it does where nobody named another.
    """
    new, old = layer.get("tuning"), value["tuning"]
    back = isinstance(new, dict) and isinstance(old, dict) and new.get("type") == usual["type"]
    return value | {"tuning": usual} if back and old.get("type") != usual["type"] else value
