"""The table on cost: what a task costs, and whether that grows with the number of tasks."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from conpet.reporting.collect import Results
from conpet.reporting.cost import FIELDS, by_task, kept_bytes, slope
from conpet.reporting.kept import kept_samples
from conpet.reporting.numbers import DASH, number, spread, waiting
from conpet.reporting.table import Table
from conpet.reporting.table_parts import (
    cards,
    dataset_rules,
    grid,
    key_cells,
    key_columns,
    pending_note,
    shared_note,
    threads,
)
from conpet.run.reading import Run

#: what may grow with the tasks, and the decimals that are shown of it
SLOPES = {"samples": 0, "forward_samples": 0, "equivalent_samples": 0, "seconds": 2}
_PER_TASK = (
    "samples", "forward_samples", "equivalent_samples", "tokens", "flops", "forward_flops",
    "seconds", "stored_bytes",
)  # fmt: skip
_COLUMNS = [
    ("", "Tunable"),
    ("", "Share"),
    ("Per task", "Samples"),
    ("Per task", "Forward"),
    ("Per task", "Equivalent"),
    ("Per task", "Tokens"),
    ("Per task", "TFLOP"),
    ("Per task", "Forward TFLOP"),
    ("Per task", "Seconds"),
    ("Per task", "Stored kB"),
    ("", "Peak MB"),
    ("Kept", "Samples"),
    ("Kept", "kB"),
    ("More with every task [95 %]", "Samples"),
    ("More with every task [95 %]", "Forward"),
    ("More with every task [95 %]", "Equivalent"),
    ("More with every task [95 %]", "Seconds"),
]
_NOTES = [
    "Per task: mean over tasks and seeds; a selector's training is included. Tunable: weights "
    "tuned in the last task, and their share of all weights. Samples and tokens (and padding, on "
    "a GPU) are those passed through the model in training. Forward: samples passed without a "
    "gradient in a task's training (validation, exemplars, old scores, a head that is fitted). "
    "Equivalent: both as one figure, in which a forward-only sample counts one third of one "
    "trained on. TFLOP: estimated from tokens and weights, forward and backward, of the samples "
    "trained on; forward TFLOP: of those that pass without a gradient, two operations a weight and "
    "token. Stored: what a task's state takes on disk. Kept: the samples of earlier tasks "
    "that learning another task needs, after the last one, and the bytes of the "
    "states that answer then, as stored (of some methods with what only learning goes on from).",
    "More with every task: slope of a least-squares line over tasks 2 to T, on means over seeds, "
    "with its 95 % interval; zero within the interval means no growth was seen.",
]


def cost(results: Results) -> Table:
    """Tunable weights, samples, tokens, seconds, memory and bytes a task, and their slopes."""
    facts = [_fact(results, *cell) for cell in grid(results)]
    columns = key_columns(results)
    return Table(
        name="cost",
        experiment=results.experiment,
        caption=f"{results.caption}: what a task costs, and how that grows with the tasks.",
        data=pd.DataFrame(facts),
        columns=[*columns, *_COLUMNS],
        rows=[
            [
                *key_cells(results, f["dataset"], f["model"], f["method"]),
                *waiting(_cells(f), f["n"] == 0),
            ]
            for f in facts
        ],
        labels=len(columns),
        rules=dataset_rules([fact["dataset"] for fact in facts]),
        footnotes=[*_NOTES, *shared_note(results), *pending_note(results)],
        inputs=results.hashes([*results.metrics_files(), *results.training_files()]),
        threads=threads(results),
        cards=cards(results),
    )


def _fact(
    results: Results, dataset: str, model: str, method: str, runs: list[Run]
) -> dict[str, Any]:
    finished = [run for run in runs if run.finished]
    costs = {name: by_task(finished, name) for name in FIELDS}
    fact: dict[str, Any] = {"dataset": dataset, "model": model, "method": method}
    fact["n"] = len(finished)
    for name in ("tunable", "share"):
        fact[name] = costs[name][-1] if costs[name] else math.nan
    for name in _PER_TASK:
        fact[f"{name}_per_task"] = spread(costs[name])[0]
    peaks = [value for value in costs["peak_memory_mb"] if not math.isnan(value)]
    fact["peak_memory_mb"] = max(peaks, default=math.nan)
    fact["kept_samples"] = spread(kept_samples(results, run) for run in finished)[0]
    fact["kept_bytes"] = spread(kept_bytes(run) for run in finished)[0]
    for name in SLOPES:
        fit = slope(costs[name])
        fact |= {f"{name}_slope": fit.value, f"{name}_slope_low": fit.low}
        fact[f"{name}_slope_high"] = fit.high
    return fact


def _cells(fact: dict[str, Any]) -> list[str]:
    return [
        number(fact["tunable"], 0),
        DASH if math.isnan(fact["share"]) else f"{100 * fact['share']:.3f} %",
        number(fact["samples_per_task"], 0),
        number(fact["forward_samples_per_task"], 0),
        number(fact["equivalent_samples_per_task"], 0),
        number(fact["tokens_per_task"], 0),
        number(fact["flops_per_task"] / 1e12, 2),
        number(fact["forward_flops_per_task"] / 1e12, 2),
        number(fact["seconds_per_task"]),
        number(fact["stored_bytes_per_task"] / 1000),
        number(fact["peak_memory_mb"], 0),
        number(fact["kept_samples"], 0),
        number(fact["kept_bytes"] / 1000),
        *(_slope_cell(fact, name, digits) for name, digits in SLOPES.items()),
    ]


def _slope_cell(fact: dict[str, Any], name: str, digits: int) -> str:
    value, low, high = (fact[f"{name}_slope{end}"] for end in ("", "_low", "_high"))
    if math.isnan(value):
        return DASH
    shown = number(value, digits)
    if math.isnan(low):
        return shown
    return f"{shown} [{number(low, digits)}, {number(high, digits)}]"
