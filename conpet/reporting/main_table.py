"""The main table: what every method comes to after the last task, and beside it others' figures."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from conpet.reporting.collect import Results
from conpet.reporting.numbers import DASH, percent, spread, waiting
from conpet.reporting.reported import reported_facts, reported_note, reported_rows
from conpet.reporting.scenarios import stream_notes
from conpet.reporting.settings_note import settings_notes
from conpet.reporting.significance import main_notes
from conpet.reporting.table import Table
from conpet.reporting.table_parts import bound_note, by_seed, cards, marks, pending_note, threads
from conpet.reporting.told_apart import BySeed
from conpet.reporting.untrained import untrained_notes
from conpet.run import Cell
from conpet.run.reading import Run

METRICS = {
    "whole_accuracy": "Whole",
    "average_accuracy": "Average",
    "macro_f1": "Macro F1",
    "newest_task": "Newest",
}
#: the methods between which the gap lies, by their names in config/methods
BELOW, ABOVE = "finetune", "joint"


def main(results: Results) -> Table:
    """Accuracies and macro F1 after the last task: mean and sample std over seeds."""
    facts = _facts(results)
    reported = reported_facts(results)
    datasets = results.datasets
    several = len(results.models) > 1
    columns = [("", "Method"), *([("", "Model")] if several else [])]
    labels = len(columns)
    gap = any(not math.isnan(fact["gap_closed"]) for fact in facts.values())
    names = [*METRICS.values(), *(["Gap"] if gap else [])]
    columns += [(results.name(d), name) for d in datasets for name in names]
    rows: list[list[str]] = []
    values: list[list[BySeed]] = []
    for model, method in results.rows():
        mine = [facts.get((d, model, method)) for d in datasets]
        start = [results.name(method), *([results.name(model)] if several else [])]
        rows.append([*start, *_cells(mine, gap), _seeds(mine)])
        metrics = [*METRICS, *(["gap"] if gap else [])]
        values.append([_by_seed(results, (d, model, method), m) for d in datasets for m in metrics])
    ours = len(rows)
    for name, found in reported_rows(reported).items():
        mine = [found.get(d) for d in datasets]
        rows.append([name, *([""] if several else []), *_cells(mine, gap), _seeds(mine)])
        values.append([{}] * (len(names) * len(datasets)))
    ranked = [not results.bound(m) for _, m in results.rows()] + [False] * (len(rows) - ours)
    contest = {
        labels + c: ([v[c] for v in values], True) for c in range(len(names) * len(datasets))
    }
    notes, extra = main_notes(results)
    free, states = untrained_notes(results)
    inputs = [*results.metrics_files(), *extra, *states]
    inputs += [results.reported] if reported and results.reported else []
    return Table(
        name="main",
        experiment=results.experiment,
        caption=f"{results.caption}: accuracy (%) after the last task, "
        "mean ± sample standard deviation over seeds.",
        # others may not say of how many runs: whole numbers that may be missing
        data=pd.DataFrame([*facts.values(), *(fact for _, fact in reported)]).astype(
            {"n": "Int64", "seeds": "Int64"}
        ),
        columns=[*columns, ("", "Seeds")],
        rows=rows,
        labels=labels,
        rules=frozenset({ours} if reported else ()),
        footnotes=[
            *_footnotes(results, gap, [*free, *settings_notes(results), *notes]),
            *reported_note(reported),
            *pending_note(results),
        ],
        inputs=results.hashes(inputs),
        threads=threads(results),
        cards=cards(results),
        **marks(contest, ranked),
    )


def _footnotes(results: Results, gap: bool, found: list[str]) -> list[str]:
    """Return what the columns are, what was found, and what is to be known of the data."""
    columns = (
        "Whole: correct / all test samples. Average: mean over tasks of the accuracy on the "
        "task's test set. Macro F1: mean over classes. Newest: accuracy on the last task's "
        "test set."
    )
    gap_said = _gap_note(results, gap)
    return [columns, *gap_said, *found, *stream_notes(results), *bound_note(results)]


def _facts(results: Results) -> dict[Cell, dict[str, Any]]:
    facts = {}
    for key in dict.fromkeys(run.key.cell for run in results.runs):
        runs = results.of(*key)
        finished = [run for run in runs if run.finished]
        row: dict[str, Any] = dict(zip(("dataset", "model", "method"), key, strict=True))
        row |= {"setting": "", "source": "this suite"}
        for metric in METRICS:
            mean, std, _ = spread(_measured(run, metric) for run in finished)
            row |= {f"{metric}_mean": mean, f"{metric}_std": std}
        row["gap_closed"] = gap_closed(results, key)
        whole = len(finished) == len(runs)
        row |= {"n": len(finished), "seeds": len(runs), "status": "ok" if whole else "pending"}
        facts[key] = row
    return facts


def _measured(run: Run, metric: str) -> float | None:
    value = run.metrics[-1]["task_accuracy"][-1] if metric == "newest_task" else run.summary[metric]
    return None if value is None else float(value)


def gap_closed(results: Results, cell: Cell) -> float:
    """Return how much of the gap between fine-tuning and joint training a method closes.

    (W - W_finetune) / (W_joint - W_finetune), W the whole accuracy after the last task, the mean
    over the seeds that all three have finished: 0 is fine-tuning, 1 joint training. NaN where there
    is no such seed, or joint training is not above fine-tuning.
    """
    dataset, model, method = cell
    found = [
        {
            r.key.seed: r.summary["whole_accuracy"]
            for r in results.of(dataset, model, m)
            if r.finished
        }
        for m in (method, BELOW, ABOVE)
    ]
    seeds = [seed for seed in found[0] if all(seed in whole for whole in found)]
    ours, low, high = (spread(whole[seed] for seed in seeds)[0] for whole in found)
    return (ours - low) / (high - low) if high > low else math.nan


def _gap_note(results: Results, shown: bool) -> list[str]:
    if not shown:
        return []
    low, high = results.name(BELOW), results.name(ABOVE)
    return [
        f"Gap: the share (%) that is closed of the gap in whole accuracy between {low} (0) and "
        f"{high} (100), over the seeds that all three have."
    ]


def _cells(facts: list[dict[str, Any] | None], gap: bool) -> list[str]:
    cells = []
    for fact in facts:
        if fact is None:
            cells += [DASH] * (len(METRICS) + gap)
            continue
        shown = [
            percent(fact.get(f"{m}_mean", math.nan), fact.get(f"{m}_std", math.nan))
            for m in METRICS
        ]
        shown += [percent(fact.get("gap_closed", math.nan), digits=1)] if gap else []
        cells += waiting(shown, fact["n"] == 0)
    return cells


def _by_seed(results: Results, cell: Cell, metric: str) -> BySeed:
    """Return a metric of a cell's runs; none of the gap, which orders them as whole accuracy."""
    if metric == "gap":
        return {}
    return by_seed(results.of(*cell), lambda run: _measured(run, metric))


def _seeds(facts: list[dict[str, Any] | None]) -> str:
    counts = sorted({int(f["n"]) for f in facts if f and f["n"] is not None})
    return DASH if not counts else "–".join(dict.fromkeys(str(n) for n in (counts[0], counts[-1])))
