"""A resolved configuration said once: what all runs have, and where one differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conpet.reporting.ablation import flatten, head_in_full
from conpet.reporting.numbers import DASH

#: of a method: what its settings below say already, and how it is drawn
_LEFT_OUT = ("settings.", "look.", "title")
_NOTHING = ("", "null", "[]", "{}")
_UNSAID = (*_NOTHING, "false")  # of what a method says of itself
Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class ConfigurationView:
    """A configuration without repetition.

    ``shared`` are the settings that hold where ``differing`` says nothing else of a dataset, a
    model, a method or one combination of the three; ``rest`` is all that is no setting.
    """

    shared: Pairs
    differing: list[tuple[str, Pairs]]
    rest: Pairs


def view(config: Mapping[str, Any]) -> ConfigurationView:
    """Return a configuration (:func:`conpet.reporting.collect.configuration`) said once."""
    settings: Mapping[str, Any] = config.get("settings", {})
    cells = {name: flatten({"_": head_in_full(v)}) for name, v in settings.items()}
    flat = {name: {k.removeprefix("_."): v for k, v in c.items()} for name, c in cells.items()}
    usual: dict[str, str] = {}
    differing: dict[str, Pairs] = {}
    for method, about in config.get("methods", {}).items():
        pairs = [(k.removeprefix("_."), v) for k, v in flatten({"_": about}).items()]
        differing[method] = [
            (k, v) for k, v in pairs if v not in _UNSAID and not k.startswith(_LEFT_OUT)
        ]
    for key in dict.fromkeys(key for cell in flat.values() for key in cell):
        values = {name: cell.get(key, DASH) for name, cell in flat.items()}
        usual[key] = Counter(values.values()).most_common(1)[0][0]
        for owner, value in _owners(values).items():
            if value != usual[key]:
                differing.setdefault(owner, []).append((key, value))
    others = {k: v for k, v in config.items() if k not in ("settings", "methods")}
    rest = [(k, v) for k, v in flatten({"_": others}).items() if v not in _NOTHING]
    return ConfigurationView(
        [(key, value) for key, value in usual.items() if value != DASH],
        [(owner, pairs) for owner, pairs in differing.items() if pairs],
        [(key.removeprefix("_."), value) for key, value in rest],
    )


def _owners(values: Mapping[str, str]) -> dict[str, str]:
    """Return a setting's value by what decides it: a dataset, model or method, else each cell.

    Args:
        values: the setting of each dataset/model/method.
    """
    for axis in (2, 0, 1):
        found: dict[str, set[str]] = {}
        for name, value in values.items():
            found.setdefault(name.split("/")[axis], set()).add(value)
        if all(len(seen) == 1 for seen in found.values()):
            return {owner: seen.pop() for owner, seen in found.items()}
    return dict(values)
