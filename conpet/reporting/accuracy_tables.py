"""The tables on accuracy over the tasks: curve, forgetting, selector."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from conpet.evaluation import TOP_K
from conpet.reporting.collect import Results
from conpet.reporting.numbers import percent, spread, waiting
from conpet.reporting.reported_file import METRICS
from conpet.reporting.table import Table
from conpet.reporting.table_parts import (
    bound_note,
    cards,
    dataset_rules,
    grid,
    key_cells,
    key_columns,
    marks,
    measured_rows,
    pending_note,
    threads,
)
from conpet.reporting.told_apart import BySeed
from conpet.run.reading import Run


def curve(results: Results) -> Table:
    """Whole accuracy after every task, mean over the seeds that have got so far."""
    last = max((len(run.tasks) for run in results.runs), default=0)
    facts = [fact for cell in grid(results) for fact in _curve_facts(*cell)]
    lines: dict[tuple[str, str, str], list[float]] = {}
    for fact in facts:
        key = (fact["dataset"], fact["model"], fact["method"])
        lines.setdefault(key, [math.nan] * last)[fact["task"] - 1] = fact["whole_accuracy_mean"]
    columns = key_columns(results)
    contest = {
        len(columns) + t: ([_after(results.of(*key), t) for key in lines], True)
        for t in range(last)
    }
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
        cards=cards(results),
        **marks(contest, [not results.bound(method) for _, _, method in lines], datasets),
    )


def _after(runs: list[Run], task: int) -> BySeed:
    """Return the whole accuracy after a task (0-based) of the runs that have got so far."""
    there = [run for run in runs if len(run.metrics) > task]
    return {run.key.seed: run.metrics[task]["whole_accuracy"] for run in there}


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
    measured = measured_rows(
        results,
        [fact | {"n": fact["mean_whole_accuracy_n"]} for fact in facts],
        {metric: higher for metric, (_, higher) in HISTORY.items()},
        len(columns),
        lambda fact: key_cells(results, fact["dataset"], fact["model"], fact["method"]),
    )
    return Table(
        name="forgetting",
        experiment=results.experiment,
        caption=f"{results.caption}: forgetting and transfer (points), mean whole accuracy (%), "
        "mean ± sample standard deviation over seeds.",
        data=pd.DataFrame(facts),
        columns=[*columns, *(("", name) for name, _ in HISTORY.values())],
        footnotes=[
            "Forgetting: mean over former tasks of (best accuracy on the task before the last "
            "task - accuracy after it). Backward transfer: mean over former tasks of (accuracy "
            "after the last task - accuracy when the task was new). Mean over tasks: of the whole "
            "accuracy after each task.",
            *bound_note(results),
            *pending_note(results),
        ],
        **measured,
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
        cards=cards(results),
    )
