"""Figures of others, from a CSV, for rows of their own in the main table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from conpet.reporting.collect import Results
from conpet.reporting.compare import REPORTED
from conpet.reporting.numbers import DASH, spread
from conpet.reporting.reported_file import METRICS, Figure, Key, read_figures


def reported_facts(results: Results) -> list[tuple[str, dict[str, Any]]]:
    """Return the figures of others on these datasets, each with the name of its row.

    None of a dataset whose runs have other tasks than its base: they are over another stream.

    Raises:
        UserError: the CSV cannot be read, or what it says cannot be.
    """
    if results.reported is None or not results.reported.is_file():
        return []
    groups: dict[tuple[str, Key], list[Figure]] = {}
    for figure in read_figures(results.reported):
        for dataset in figure.datasets:
            if dataset in results.datasets and dataset not in results.base_counts:
                groups.setdefault((dataset, figure.key), []).append(figure)
    keys = list(dict.fromkeys(key for _, key in groups))
    return [
        (_name(key, keys), _fact(dataset, key, keys, group))
        for (dataset, key), group in groups.items()
    ]


def _fact(dataset: str, key: Key, keys: Sequence[Key], group: Sequence[Figure]) -> dict[str, Any]:
    row: dict[str, Any] = {"dataset": dataset, "model": key.backbone, "method": key.method}
    more = _unlike(key, keys, ("source", "method", "backbone", "setting"))
    row |= {"setting": _joined([key.setting, *more], ", "), "source": f"{REPORTED}{key.source}"}
    for metric in METRICS:
        mean, std, _ = spread(figure.accuracies[metric] / 100 for figure in group)
        row |= {f"{metric}_mean": mean, f"{metric}_std": std}
    n = group[0].runs if len(group) == 1 else len(group)  # of several, each is one run
    return row | {"n": n, "seeds": n, "status": "reported"}


def _name(key: Key, keys: Sequence[Key]) -> str:
    more = _unlike(key, keys, ("title", "backbone_title", "setting"))
    about = _joined([key.backbone_title, key.setting, *more], "; ")
    return f"{key.title}, reported ({about})"


def _unlike(key: Key, keys: Iterable[Key], shown: Sequence[str]) -> list[str]:
    """Return what tells a key from those that are like it in all that is ``shown``."""
    mine = asdict(key)
    alike = [other for other in map(asdict, keys) if all(other[n] == mine[n] for n in shown)]
    rest = (name for name in mine if name not in shown)
    return [mine[name] or f"no {name}" for name in rest if len({o[name] for o in alike}) > 1]


def _joined(parts: Iterable[str], mark: str) -> str:
    return mark.join(dict.fromkeys(part for part in parts if part))


def reported_rows(
    facts: list[tuple[str, dict[str, Any]]],
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the facts by the name of their row and their dataset."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for name, fact in facts:
        rows.setdefault(name, {})[fact["dataset"]] = fact
    return rows


def reported_note(facts: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return the footnote on whose figures these are, if there are any."""
    sources = sorted({fact["source"].removeprefix(REPORTED) for _, fact in facts})
    if not sources:
        return []
    return [
        f"Reported: figures of others ({'; '.join(sources)}), with the backbone and protocol "
        f"named there; not runs of this suite and not ranked. {DASH}: not reported."
    ]
