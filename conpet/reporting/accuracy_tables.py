"""The tables on accuracy: main, curve, forgetting, selector."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from conpet.evaluation import TOP_K
from conpet.reporting.collect import Results
from conpet.reporting.numbers import DASH, percent, spread, waiting
from conpet.reporting.reported import METRICS, reported_facts, reported_note, reported_rows
from conpet.reporting.scenarios import stream_notes
from conpet.reporting.significance import main_notes
from conpet.reporting.table import Table
from conpet.reporting.table_parts import (
    bound_note,
    dataset_rules,
    grid,
    key_cells,
    key_columns,
    marks,
    pending_note,
    threads,
)
from conpet.run.reading import Run


def main(results: Results) -> Table:
    """Whole and average accuracy after the last task: mean and sample std over seeds."""
    facts = _main_facts(results)
    reported = reported_facts(results)
    datasets = results.datasets
    several = len(results.models) > 1
    columns = [("", "Method"), *([("", "Model")] if several else [])]
    labels = len(columns)
    columns += [(results.name(d), name) for d in datasets for name in ("Whole", "Average")]
    rows, values = [], []
    for model, method in results.rows():
        mine = [facts.get((d, model, method)) for d in datasets]
        start = [results.name(method), *([results.name(model)] if several else [])]
        rows.append([*start, *_accuracy_cells(mine), _seeds(mine)])
        values.append([_mean(f, m) for f in mine for m in METRICS])
    ours = len(rows)
    for name, found in reported_rows(reported).items():
        mine = [found.get(d) for d in datasets]
        rows.append([name, *([""] if several else []), *_accuracy_cells(mine), _seeds(mine)])
        values.append([math.nan] * (2 * len(datasets)))
    ranked = [not results.bound(m) for _, m in results.rows()] + [False] * (len(rows) - ours)
    contest = {labels + c: ([v[c] for v in values], True) for c in range(2 * len(datasets))}
    notes, extra = main_notes(results)
    inputs = [*results.metrics_files(), *extra]
    inputs += [results.reported] if reported and results.reported else []
    return Table(
        name="main",
        experiment=results.experiment,
        caption=f"{results.caption}: accuracy (%) after the last task, "
        "mean ± sample standard deviation over seeds.",
        data=pd.DataFrame([*facts.values(), *(fact for _, fact in reported)]),
        columns=[*columns, ("", "Seeds")],
        rows=rows,
        labels=labels,
        rules=frozenset({ours} if reported else ()),
        footnotes=[
            "Whole: correct / all test samples. Average: mean over tasks of the accuracy on the "
            "task's test set.",
            *notes,
            *stream_notes(results),
            *bound_note(results),
            *(reported_note(reported)),
            *pending_note(results),
        ],
        inputs=results.hashes(inputs),
        threads=threads(results),
        **marks(contest, ranked),
    )


def _main_facts(results: Results) -> dict[tuple[str, str, str], dict[str, Any]]:
    facts = {}
    for key in dict.fromkeys(run.key.cell for run in results.runs):
        runs = results.of(*key)
        finished = [run for run in runs if run.finished]
        row: dict[str, Any] = dict(zip(("dataset", "model", "method"), key, strict=True))
        row |= {"setting": "", "source": "this suite"}
        for metric in METRICS:
            mean, std, _ = spread(run.summary[metric] for run in finished)
            row |= {f"{metric}_mean": mean, f"{metric}_std": std}
        whole = len(finished) == len(runs)
        row |= {"n": len(finished), "seeds": len(runs), "status": "ok" if whole else "pending"}
        facts[key] = row
    return facts


def _accuracy_cells(facts: list[dict[str, Any] | None]) -> list[str]:
    cells = []
    for fact in facts:
        if fact is None:
            cells += [DASH] * len(METRICS)
            continue
        shown = [percent(fact[f"{m}_mean"], fact[f"{m}_std"]) for m in METRICS]
        cells += waiting(shown, fact["n"] == 0)
    return cells


def _mean(fact: dict[str, Any] | None, metric: str) -> float:
    return float(fact[f"{metric}_mean"]) if fact else math.nan


def _seeds(facts: list[dict[str, Any] | None]) -> str:
    counts = sorted({int(fact["n"]) for fact in facts if fact})
    return DASH if not counts else "–".join(dict.fromkeys(str(n) for n in (counts[0], counts[-1])))


def curve(results: Results) -> Table:
    """Whole accuracy after every task, mean over the seeds that have got so far."""
    last = max((len(run.tasks) for run in results.runs), default=0)
    facts = [fact for cell in grid(results) for fact in _curve_facts(*cell)]
    lines: dict[tuple[str, str, str], list[float]] = {}
    for fact in facts:
        key = (fact["dataset"], fact["model"], fact["method"])
        lines.setdefault(key, [math.nan] * last)[fact["task"] - 1] = fact["whole_accuracy_mean"]
    columns = key_columns(results)
    contest = {len(columns) + t: ([line[t] for line in lines.values()], True) for t in range(last)}
    datasets = [dataset for dataset, _, _ in lines]
    return Table(
        name="curve",
        experiment=results.experiment,
        caption=f"{results.caption}: whole accuracy (%) after every task, mean over seeds.",
        data=pd.DataFrame(facts),
        columns=[*columns, *(("After task", str(t)) for t in range(1, last + 1))],
        rows=[
            [*key_cells(results, *key), *_curve_cells(line, results.of(*key))]
            for key, line in lines.items()
        ],
        labels=len(columns),
        rules=dataset_rules(datasets),
        footnotes=[*bound_note(results), *pending_note(results)],
        inputs=results.hashes(results.metrics_files()),
        threads=threads(results),
        **marks(contest, [not results.bound(method) for _, _, method in lines], datasets),
    )


def _curve_cells(line: list[float], runs: list[Run]) -> list[str]:
    tasks = len(runs[0].tasks)  # another dataset may have more: there is no such task here
    cells = [percent(value) for value in line]
    return [*waiting(cells[:tasks]), *cells[tasks:]]


def _curve_facts(
    dataset: str, model: str, method: str, runs: list[Run]
) -> Iterator[dict[str, Any]]:
    for task in range(1, max(len(run.tasks) for run in runs) + 1):
        there = [run.metrics[task - 1] for run in runs if len(run.metrics) >= task]
        fact: dict[str, Any] = {"dataset": dataset, "model": model, "method": method}
        fact["task"] = task
        for metric in METRICS:
            mean, std, n = spread(entry[metric] for entry in there)
            fact |= {f"{metric}_mean": mean, f"{metric}_std": std, "n": n}
        yield fact


HISTORY = {  # metric: (column, higher is better)
    "forgetting": ("Forgetting ↓", False),
    "backward_transfer": ("Backward transfer ↑", True),
    "mean_whole_accuracy": ("Mean over tasks ↑", True),
}


def forgetting(results: Results) -> Table:
    """Forgetting, backward transfer and the mean over tasks of the whole accuracy."""
    facts = []
    for dataset, model, method, runs in grid(results):
        fact: dict[str, Any] = {"dataset": dataset, "model": model, "method": method}
        for metric in HISTORY:
            mean, std, n = spread(run.summary[metric] for run in runs if run.finished)
            fact |= {f"{metric}_mean": mean, f"{metric}_std": std, f"{metric}_n": n}
        facts.append(fact)
    columns = key_columns(results)
    contest = {
        len(columns) + i: ([fact[f"{metric}_mean"] for fact in facts], higher)
        for i, (metric, (_, higher)) in enumerate(HISTORY.items())
    }
    datasets = [fact["dataset"] for fact in facts]
    return Table(
        name="forgetting",
        experiment=results.experiment,
        caption=f"{results.caption}: forgetting and transfer (points), mean whole accuracy (%), "
        "mean ± sample standard deviation over seeds.",
        data=pd.DataFrame(facts),
        columns=[*columns, *(("", name) for name, _ in HISTORY.values())],
        rows=[
            [
                *key_cells(results, fact["dataset"], fact["model"], fact["method"]),
                *waiting(
                    [percent(fact[f"{m}_mean"], fact[f"{m}_std"]) for m in HISTORY],
                    fact["mean_whole_accuracy_n"] == 0,
                ),
            ]
            for fact in facts
        ],
        labels=len(columns),
        rules=dataset_rules(datasets),
        footnotes=[
            "Forgetting: mean over former tasks of (best accuracy on the task before the last "
            "task - accuracy after it). Backward transfer: mean over former tasks of (accuracy "
            "after the last task - accuracy when the task was new). Mean over tasks: of the whole "
            "accuracy after each task.",
            *bound_note(results),
            *pending_note(results),
        ],
        inputs=results.hashes(results.metrics_files()),
        threads=threads(results),
        **marks(contest, [not results.bound(fact["method"]) for fact in facts], datasets),
    )


def selector(results: Results) -> Table:
    """How often the right task is among the selector's first 1, 2 and 3, after the last task."""
    facts, rows, shown = [], [], []
    for dataset, model, method, runs in grid(results):
        last = len(runs[0].tasks)
        for task in range(1, last + 1):
            found = [
                entry["selector_accuracy"]
                for run in runs
                if len(run.metrics) >= task
                for entry in [run.metrics[task - 1]]
                if entry["selector_accuracy"]
            ]
            fact: dict[str, Any] = {"dataset": dataset, "model": model, "method": method}
            fact |= {"task": task, "n": len(found)}
            for k in map(str, TOP_K):
                mean, std, _ = spread(accuracy.get(k) for accuracy in found)
                fact |= {f"top{k}_mean": mean, f"top{k}_std": std}
            if found:
                facts.append(fact)
                if task == last:
                    rows.append(fact)
                    shown.append(key_cells(results, dataset, model, method))
    columns = key_columns(results)
    keys = ["dataset", "model", "method", "task", "n"]
    names = [f"top{k}_{part}" for k in TOP_K for part in ("mean", "std")]
    return Table(
        name="selector",
        experiment=results.experiment,
        caption=f"{results.caption}: share (%) of test samples whose task is among the selector's "
        "first k, after the last task, mean ± sample standard deviation over seeds.",
        data=pd.DataFrame(facts, columns=[*keys, *names]),
        columns=[*columns, *(("Right task within the first", str(k)) for k in TOP_K)],
        rows=[
            [*cells, *(percent(fact[f"top{k}_mean"], fact[f"top{k}_std"]) for k in TOP_K)]
            for cells, fact in zip(shown, rows, strict=True)
        ],
        labels=len(columns),
        rules=dataset_rules([fact["dataset"] for fact in rows]),
        footnotes=["The CSV has every task.", *pending_note(results)],
        inputs=results.hashes(results.metrics_files()),
        threads=threads(results),
    )
