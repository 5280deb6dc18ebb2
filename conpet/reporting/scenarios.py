"""Accuracy where the task is to be found, and where it is given: two ways to be wrong told apart.

A sample that is right only where its task is given has not been forgotten: its task was not found.
Scenarios after van de Ven and Tolias 2019 (arXiv 1904.07734).
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from conpet.reporting.collect import Results
from conpet.reporting.numbers import spread
from conpet.reporting.table import Table
from conpet.reporting.table_parts import (
    bound_note,
    grid,
    key_cells,
    key_columns,
    measured_rows,
    pending_note,
)

#: metric: its column
ACCURACIES = {"whole_accuracy": "Task to be found", "task_incremental_accuracy": "Task given"}
_KEYS = ("dataset", "model", "method", "scenario", "n")
_MOMENTS = ("mean", "std")


def scenarios(results: Results) -> Table:
    """Whole accuracy after the last task, and that where each sample's task is given."""
    facts: list[dict[str, Any]] = []
    for dataset, model, method, runs in grid(results):
        finished = [run for run in runs if run.finished]
        fact: dict[str, Any] = {"dataset": dataset, "model": model, "method": method}
        fact |= {"scenario": _scenario(results, dataset), "n": len(finished)}
        for metric in ACCURACIES:
            known = [run.summary[metric] for run in finished if run.summary[metric] is not None]
            mean, std, _ = spread(known)
            fact |= {f"{metric}_mean": mean, f"{metric}_std": std}
        facts.append(fact)
    columns = [*key_columns(results), ("", "Scenario")]
    moments = [f"{metric}_{moment}" for metric in ACCURACIES for moment in _MOMENTS]
    return Table(
        name="scenarios",
        experiment=results.experiment,
        caption=f"{results.caption}: accuracy (%) after the last task where the task is to be "
        "found and where it is given, mean ± sample standard deviation over seeds.",
        data=pd.DataFrame(facts, columns=[*_KEYS, *moments]),
        columns=[*columns, *(("", name) for name in ACCURACIES.values())],
        footnotes=[
            "Task given (task-incremental): only the classes of the sample's own task compete, and "
            "of experts its own answers. What it is above the other is lost where a task is not "
            "found; what it lacks to 100 is not known, or forgotten.",
            *bound_note(results),
            *pending_note(results),
        ],
        **measured_rows(
            results,
            facts,
            dict.fromkeys(ACCURACIES, True),
            len(columns),
            lambda fact: [
                *key_cells(results, fact["dataset"], fact["model"], fact["method"]),
                fact["scenario"],
            ],
        ),
    )


def measured(results: Results) -> bool:
    """Say whether some run was asked with its task given."""
    return any("task_incremental_accuracy" in m for run in results.runs for m in run.metrics)


def _scenario(results: Results, dataset: str) -> str:
    """Return what the last task evaluated says: the stream may become another with every task."""
    ends = [run.metrics[-1] for run in results.runs if run.key.dataset == dataset and run.metrics]
    longest = max(ends, key=lambda entry: len(entry["task_accuracy"]), default={})
    return str(longest.get("scenario", ""))


def stream_notes(results: Results) -> list[str]:
    """Return footnotes on streams of other tasks, of a few shots, or without validation."""
    notes = []
    for dataset in results.datasets:
        if base := results.base_counts.get(dataset):
            notes.append(_tasks_note(results, dataset, base))
        states = [
            training.state.get("settings", {})
            for run in results.runs
            if run.key.dataset == dataset
            for training in run.trainings
        ]
        if any(not told.get("validation", True) for told in states):
            notes.append(
                f"{results.name(dataset)} has no validation samples: the state after the last "
                "epoch is kept."
            )
        if shots := {told["shots"] for told in states if told.get("shots")}:
            named = "/".join(map(str, sorted(shots)))
            notes.append(
                f"{results.name(dataset)}: {named} samples of each class and task are trained "
                "on, drawn anew by each seed."
            )
    return notes


def _tasks_note(results: Results, dataset: str, base: int) -> str:
    learnt = max(len(run.tasks) for run in results.runs if run.key.dataset == dataset)
    what = (
        f"the first {learnt} of {base} tasks"
        if learnt < base
        else f"{base} tasks and {learnt - base} added"
    )
    return f"{results.name(dataset)}: {what}; others' figures are over {base} tasks, and left out."
