"""Methods of one kind, to be drawn and read together."""

from __future__ import annotations

from collections.abc import Iterator

from conpet.config.head import Head
from conpet.config.method import Method
from conpet.reporting.collect import Results

#: more lines than these cannot be told apart in one panel
TOGETHER = 8

_BY_REPLAY = {
    "none": "No replay",
    "memory": "Memory of exemplars",
    "logits": "Memory of exemplars",
    "dynamic": "Dynamic replay",
    "full": "All data again",
}


def family_title(method: Method) -> str:
    """Return what the methods of a kind have in common: no training, experts, or their replay."""
    if method.settings.get("tuning", {}).get("type") == "none":
        return "Nothing trained"
    if method.learner == "experts":
        return "An expert per task"
    title = _BY_REPLAY.get(method.replay, method.replay)
    if method.replay == "dynamic" and Head.model_validate(method.settings.get("head", {})).fitted:
        return "Dynamic, fitted head"
    return title


def families(results: Results) -> dict[str, list[str]]:
    """Return the methods by kind; those of a small experiment are one kind without a name."""
    if len(results.methods) <= TOGETHER:
        return {"": results.methods}
    found: dict[str, list[str]] = {}
    for method in results.methods:
        found.setdefault(family_title(results.method(method)), []).append(method)
    return {title: part for name, kind in found.items() for title, part in _parts(name, kind)}


def _parts(name: str, kind: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Cut a kind of many into parts that can be read."""
    parts = -(-len(kind) // TOGETHER)
    for number in range(parts):
        title = name if parts == 1 else f"{name}, {number + 1} of {parts}"
        yield title, kind[number * len(kind) // parts : (number + 1) * len(kind) // parts]
