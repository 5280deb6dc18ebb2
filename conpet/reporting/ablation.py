"""The table on ablations: what each variant changes, and what that does to the accuracy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from conpet.config.head import Head
from conpet.reporting.collect import Results
from conpet.reporting.numbers import DASH, percent, points, spread, waiting
from conpet.reporting.table import Table
from conpet.reporting.table_parts import (
    bound_note,
    by_seed,
    cards,
    dataset_rules,
    grid,
    key_cells,
    key_columns,
    marks,
    pending_note,
    threads,
)
from conpet.run import Cell
from conpet.run.reading import Run

_LABELS = frozenset({"name", "title", "description", "source"})


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as {"a.b": text}, names and descriptions left out."""
    flat: dict[str, str] = {}
    for key, value in settings.items():
        if not prefix and key in _LABELS:
            continue
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            flat[f"{prefix}{key}"] = value
        else:
            flat[f"{prefix}{key}"] = json.dumps(value)
    return flat


def settings_of(results: Results, cell: Cell) -> dict[str, str]:
    """Return a cell's settings, as the configuration has them; none of one that it has not."""
    return flatten(head_in_full(results.settings.get(cell, {})))


def head_in_full(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings whose head has the same keys however it was written."""
    if "head" not in settings:
        return dict(settings)
    head = Head.model_validate(settings["head"])
    full = {"type": head.type, "rows": head.rows, "config": head.config}
    reads = {name: getattr(head, name) for name in ("samples", "layers", "adapter", "beside")}
    return {**settings, "head": full | (reads if head.fitted else {})}


def differing(results: Results) -> dict[Cell, dict[str, str]]:
    """Return {cell: {setting: value}} of the settings in which some place's methods differ."""
    every = {run.key.cell: settings_of(results, run.key.cell) for run in results.runs}
    varied: dict[str, None] = {}
    for place in results.places():
        known = [flat for cell, flat in every.items() if flat and cell[:2] == place]
        keys = dict.fromkeys(key for flat in known for key in flat)
        varied |= {key: None for key in keys if len({flat.get(key) for flat in known}) > 1}
    return {cell: {key: flat.get(key, DASH) for key in varied} for cell, flat in every.items()}


def ablation(results: Results) -> Table:
    """A row a variant: the settings that differ, accuracy, and the difference to the first one."""
    base = results.methods[0] if results.methods else ""
    varied = differing(results)
    settings = list(next(iter(varied.values()), {}))
    facts = [
        _fact(results, base, varied[dataset, model, method], (dataset, model, method), runs)
        for dataset, model, method, runs in grid(results)
    ]
    keys = key_columns(results)
    labels = len(keys) + len(settings)
    contest = {
        labels + i: ([by_seed(runs, _of(metric)) for _, _, _, runs in grid(results)], True)
        for i, metric in enumerate(("whole_accuracy", "average_accuracy"))
    }
    blocks = [f"{fact['dataset']}/{fact['model']}" for fact in facts]
    return Table(
        name="ablation",
        experiment=results.experiment,
        caption=f"{results.caption}: accuracy (%) after the last task, mean ± sample standard "
        "deviation over seeds, and the difference to the first row (points).",
        data=pd.DataFrame(facts),
        columns=[
            *keys,
            *(("Setting", _short(name, settings)) for name in settings),
            *(("", name) for name in ("Whole", "Average", "Whole, difference", "Seeds")),
        ],
        rows=[
            [
                *key_cells(results, fact["dataset"], fact["model"], fact["method"]),
                *(fact[name] for name in settings),
                *waiting(_numbers(fact), fact["n"] == 0),
            ]
            for fact in facts
        ],
        labels=labels,
        rules=dataset_rules([fact["dataset"] for fact in facts]),
        footnotes=[
            f"Difference: to {results.name(base)}, paired over the seeds both have finished.",
            *bound_note(results),
            *pending_note(results),
        ],
        inputs=results.hashes(results.metrics_files()),
        threads=threads(results),
        cards=cards(results),
        **marks(contest, [not results.bound(fact["method"]) for fact in facts], blocks),
    )


def _of(metric: str) -> Callable[[Run], float]:
    return lambda run: float(run.summary[metric])


def _fact(
    results: Results,
    base: str,
    settings: Mapping[str, str],
    cell: Cell,
    runs: list[Run],
) -> dict[str, Any]:
    dataset, model, method = cell
    fact: dict[str, Any] = {"dataset": dataset, "model": model, "method": method, **settings}
    finished = {run.key.seed: run.summary for run in runs if run.finished}
    for metric in ("whole_accuracy", "average_accuracy", "forgetting"):
        mean, std, _ = spread(summary[metric] for summary in finished.values())
        fact |= {f"{metric}_mean": mean, f"{metric}_std": std}
    first = {r.key.seed: r.summary for r in results.of(dataset, model, base) if r.finished}
    shared = [seed for seed in finished if seed in first]
    deltas = [finished[s]["whole_accuracy"] - first[s]["whole_accuracy"] for s in shared]
    mean, std, _ = spread(deltas if method != base else [])
    fact |= {"difference_mean": mean, "difference_std": std}
    return fact | {"n": len(finished), "seeds": len(runs)}


def _numbers(fact: dict[str, Any]) -> list[str]:
    return [
        percent(fact["whole_accuracy_mean"], fact["whole_accuracy_std"]),
        percent(fact["average_accuracy_mean"], fact["average_accuracy_std"]),
        points(fact["difference_mean"], fact["difference_std"]),
        str(fact["n"]),
    ]


def _short(name: str, names: list[str]) -> str:
    last = name.rsplit(".", 1)[-1]
    return last if sum(other.rsplit(".", 1)[-1] == last for other in names) == 1 else name
