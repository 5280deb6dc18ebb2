"""Which methods of a table were learnt with other settings than most: a part of the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from conpet.reporting.collect import Results
from conpet.reporting.untrained import trains_nothing
from conpet.reporting.verdict import place

#: what a training is of, and how much of it there is
_KEYS = (
    "training.epochs", "training.batch_size", "training.lr", "replay.batches", "memory.per_class",
)  # fmt: skip


def settings_notes(results: Results) -> list[str]:
    """Return footnotes on methods that were learnt with other settings than most; or none.

    One for each dataset and model where they differ, one for all where they do not.
    """
    found = {where: _note(results, *where) for where in results.places()}
    if len(set(found.values())) == 1:
        found = {("", ""): found.popitem()[1]}
    return [
        f"{f'{place(results, *where)}, learnt' if any(where) else 'Learnt'} with other settings "
        f"than most: {said}."
        for where, said in found.items()
        if said
    ]


def _note(results: Results, dataset: str, model: str) -> str:
    settings = {m: results.settings.get((dataset, model, m)) for m in results.methods}
    trained = {
        method: own
        for method, own in settings.items()
        if own is not None and not trains_nothing(results.of(dataset, model, method))
    }
    if len(trained) < 3:
        return ""  # of two neither is most
    found: dict[str, list[str]] = {}
    for method, said in _differences(trained):
        found.setdefault(said, []).append(results.name(method))
    return "; ".join(f"{', '.join(names)} with {said}" for said, names in found.items())


def _differences(settings: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield (method, what it has and most have) of each method that differs.

    Where no value is that of more than half the methods, each says its own.
    """
    most = {key: _most([repr(_value(own, key)) for own in settings.values()]) for key in _KEYS}
    for method, own in settings.items():
        values = {key: repr(_value(own, key)) for key in _KEYS}
        if others := [key for key in _KEYS if values[key] != most[key]]:
            yield method, ", ".join(_said(k, values[k], most[k]) for k in others)


def _most(values: list[str]) -> str:
    value, count = Counter(values).most_common(1)[0]
    return value if 2 * count > len(values) else ""


def _said(key: str, value: str, most: str) -> str:
    return f"{key} {value} (most: {most})" if most else f"{key} {value}"


def _value(settings: Mapping[str, Any], key: str) -> Any:
    if key in settings:  # of the axis replay, the budget's keys are written out
        return settings[key]
    section, _, name = key.partition(".")
    inside = settings.get(section)
    return inside.get(name) if isinstance(inside, Mapping) else None
