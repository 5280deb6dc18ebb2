"""Descriptions of runs in Markdown: what a researcher wants to read first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conpet.run.reading import Run, Task, shown_epoch
from conpet.tracking.model_entries import escaped
from conpet.tracking.run_entries import MAX_TAG, run_name


def run_note(run: Run) -> str:
    """Accuracy after each task in percent, what became of each task, and what the run cost."""
    key, last = run.key, run.last
    state = last.learner.state
    head = (
        f"**{key.method}** on **{key.dataset}** with {key.model}, seed {key.seed}: "
        f"{len(run.tasks)} tasks, {last.metrics.get('classes_seen', '?')} classes.\n\n"
        f"After the last task: whole accuracy **{_percent(last.metrics['whole_accuracy'])} %**, "
        f"average {_percent(last.metrics['average_accuracy'])} %, "
        f"forgetting {_percent(run.summaries[-1].get('forgetting'))} %.\n"
        f"Cost: {sum(task.seconds for task in run.tasks):.1f} s of training, "
        f"{sum(task.total('samples_passed') for task in run.tasks):,} samples passed, "
        f"{state['trainable_parameters']:,} of {state['total_parameters']:,} parameters trained, "
        f"{(run.kept_bytes(len(run.tasks)) or 0) / 1e6:.2f} MB stored.\n\n"
    )
    return _fit(head, _run_table(run))


def _run_table(run: Run) -> list[str]:
    selector = any(task.metrics.get("selector_accuracy") for task in run.tasks)
    names = ["after task", "classes", "whole", "average", "forgetting"]
    names += ["selector"] if selector else []
    names += ["this task: new", "at the end", "seconds"]
    final = run.last.metrics["task_accuracy"]
    rows = []
    for task, summary in zip(run.tasks, run.summaries, strict=True):
        metrics = task.metrics
        own = metrics["task_accuracy"]
        cells = [str(task.number), str(metrics.get("classes_seen", ""))]
        cells += [_percent(metrics["whole_accuracy"]), _percent(metrics["average_accuracy"])]
        cells += [_percent(summary.get("forgetting"))]
        if selector:
            cells += [_percent((metrics.get("selector_accuracy") or {}).get("1"))]
        cells += [_percent(_at(own, task.number)), _percent(_at(final, task.number))]
        rows.append([*cells, f"{task.seconds:.1f}"])
    return table(names, rows)


def task_note(run: Run, task: Task) -> str:
    """What was learned in one task."""
    state = task.learner.state
    names = state.get("classes") or []
    new = ", ".join(map(str, names[task.number - 1])) if len(names) >= task.number else ""
    rows = [
        [
            str(shown_epoch(row["epoch"])),
            _number(row.get("loss")),
            _percent(row.get("valid_accuracy")),
        ]
        for row in state.get("epochs") or []
    ]
    head = (
        f"Task {task.number} of {run_name(run.key)}: "
        f"{_percent(_at(task.metrics['task_accuracy'], task.number))} % on this task, "
        f"{_percent(task.metrics['whole_accuracy'])} % on all "
        f"{task.metrics.get('classes_seen', '?')} classes so far.\n\n"
        f"New classes: {escaped(new[:2000])}\n\n"
        f"Best epoch: {task.learner.best_epoch}\n\n"
    )
    return _fit(head, table(["epoch", "loss", "valid %"], rows))


def summary_note(title: str, tables: Sequence[Path]) -> str:
    """The experiment's tables, as many as fit into a note, and where the rest is."""
    # A list of experiments shows the first line as it is: no marks in it.
    text = f"{title}\n\nTables and figures are among the artifacts.\n"
    for path in tables:
        more = f"\n{path.stem}\n\n{path.read_text(encoding='utf-8').strip()}\n"
        if len(text) + len(more) <= MAX_TAG:
            text += more
    return text


def table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table with right-aligned columns."""
    rule = "|" + "---:|" * len(names)
    # The UI sets columns side by side without a gap: spaces that do not break make one.
    return [_row([f"{name}\u00a0\u00a0" for name in names]), rule, *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _fit(head: str, lines: list[str]) -> str:
    # A long stream's table is cut in its middle: the beginning and the end say most.
    rows = lines[2:]
    dropped = 0
    while rows and len(head) + sum(len(line) + 1 for line in lines[:2] + rows) > MAX_TAG - 200:
        middle = len(rows) // 2
        rows = rows[:middle] + rows[middle + 1 :]
        dropped += 1
    text = head + "\n".join([*lines[:2], *rows]) + "\n"
    return text + (f"\n({dropped} rows in the middle left out.)\n" if dropped else "")


def _at(values: Sequence[Any], number: int) -> Any:
    return values[number - 1] if len(values) >= number else None


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
