"""The measured curves as Markdown and JSON."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conpet.bench.scale import Curve, near
from conpet.files import atomic, write_json

_COLUMNS = (
    "Method", "Tasks", "Train (s)", "Samples passed", "Load (s)", "A text (ms)",
    "Stored (KB a task)", "Peak, training (MB)", "Peak, predicting (MB)",
)  # fmt: skip


def _cells(curve: Curve, task: int) -> list[str]:
    row = next(row for row in curve.rows if row.task == task)
    values = [
        near(curve, task, lambda r: r.train_seconds),
        near(curve, task, lambda r: r.samples_passed),
        row.load_seconds,
        row.text_milliseconds,
        near(curve, task, lambda r: r.stored_kb),
        near(curve, task, lambda r: r.train_peak_mb),
        row.predict_peak_mb,
    ]
    digits = (2, 0, 2, 3, 1, 1, 1)
    found = [f"{v:.{d}f}" for v, d in zip(values, digits, strict=True) if v is not None]
    return [curve.method, str(task), *found]


def markdown(curves: Sequence[Curve], tasks: Sequence[int]) -> str:
    """Return one line for each method after each number of tasks."""
    lines = ["| " + " | ".join(_COLUMNS) + " |", "|" + " --- |" * len(_COLUMNS)]
    for curve in curves:
        for task in tasks:
            if any(row.task == task for row in curve.rows):
                lines.append("| " + " | ".join(_cells(curve, task)) + " |")
    return "\n".join(lines) + "\n"


def write(curves: Sequence[Curve], tasks: Sequence[int], out: Path) -> None:
    """Write OUT.md and OUT.json, the latter with every task."""
    about: dict[str, Any] = {
        "tasks": list(tasks),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "curves": [dataclasses.asdict(curve) for curve in curves],
    }
    write_json(out.with_suffix(".json"), about)
    with atomic(out.with_suffix(".md")) as temporary:
        temporary.write_text(markdown(curves, tasks), encoding="utf-8")
