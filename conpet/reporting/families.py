"""Methods of one kind, to be drawn and read together."""

from __future__ import annotations

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
    return _BY_REPLAY.get(method.replay, method.replay)


def families(results: Results) -> dict[str, list[str]]:
    """Return the methods by kind; those of a small experiment are one kind without a name."""
    if len(results.methods) <= TOGETHER:
        return {"": results.methods}
    found: dict[str, list[str]] = {}
    for method in results.methods:
        found.setdefault(family_title(results.method(method)), []).append(method)
    return found
