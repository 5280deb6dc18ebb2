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
    """Return a footnote on methods that were learnt with other settings than most; or none."""
    trained = [
        method for method in results.methods
        if method in results.settings and not _untrained(results, method)
    ]  # fmt: skip
    if len(trained) < 3:
        return []  # of two neither is most
    found: dict[str, list[str]] = {}
    for method, said in _differences(results.settings, trained):
        found.setdefault(said, []).append(results.name(method))
    if not found:
        return []
    items = "; ".join(f"{', '.join(names)} with {said}" for said, names in found.items())
    return [f"Learnt with other settings than most{_where(results)}: {items}."]


def _where(results: Results) -> str:
    """Return on what data and model these settings are, where an experiment has several."""
    where = place(results, *results.places()[0])
    return f" ({where}; elsewhere they may be others)" if where else ""


def _untrained(results: Results, method: str) -> bool:
    return trains_nothing([run for run in results.runs if run.key.method == method])


def _differences(
    settings: Mapping[str, Mapping[str, Any]], methods: list[str]
) -> Iterator[tuple[str, str]]:
    """Yield (method, what it has and most have) of each method that differs."""
    most = {
        key: Counter(repr(_value(settings[m], key)) for m in methods).most_common(1)[0][0]
        for key in _KEYS
    }
    for method in methods:
        values = {key: repr(_value(settings[method], key)) for key in _KEYS}
        if own := [key for key in _KEYS if values[key] != most[key]]:
            yield method, ", ".join(f"{k} {values[k]} (most: {most[k]})" for k in own)


def _value(settings: Mapping[str, Any], key: str) -> Any:
    if key in settings:  # of the axis replay, the budget's keys are written out
        return settings[key]
    section, _, name = key.partition(".")
    inside = settings.get(section)
    return inside.get(name) if isinstance(inside, Mapping) else None
