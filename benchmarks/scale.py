"""What a task costs when there have been many: learners' jobs on a tiny model (docs/scale.md).

Each job runs in a process of its own, forked as the workflow forks them, so that its processor
seconds and its peak memory are its own. Seconds are the processor's, not the clock's: a busy
machine does not change them much.

A method whose cost a task is meant to stay the same learns the few tasks before each number that is
asked for; for the tasks between, the state learnt last stands in. What a job costs depends on how
many states it is given, not on what they have learnt.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import platform
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library import Earlier, Setup, ask, learn, prepare_process
from benchmarks.models import save_model
from benchmarks.report import Report, positive, table
from benchmarks.texts import make_stream, until
from conpet.errors import UserError
from conpet.temporary import scratch

#: method: learner and replay; whether its cost a task is meant to stay the same
METHODS: dict[str, tuple[str, str, bool]] = {
    "static_emr": ("linear", "dynamic", True),
    "dynamic": ("experts", "dynamic", True),
    "emr": ("linear", "memory", False),
    "joint": ("linear", "full", False),
}
CLASSES, COUNTS = 2, (16, 8, 8)  # of each task; training, validation and test texts of each class
SETTINGS: dict[str, dict[str, Any]] = {
    "training": {"epochs": 2, "batch_size": 8, "lr": 0.01},
    "replay": {"batches": 20, "valid_batch_size": 8},
    "memory": {"per_class": 6, "base_frequency": 1},
    # one thread, float32: what is compared are tasks of one run
    "compute": {"device": "cpu", "precision": "float32", "threads": 1},
}
WINDOW = 3  # jobs that the median is taken of


@dataclass
class Row:
    """One task of one method."""

    task: int
    train_seconds: float = 0.0
    samples_passed: int = 0
    stored_kb: float = 0.0
    train_peak_mb: float = 0.0
    load_seconds: float | None = None  # backbone, adapters and heads, before the first text
    text_milliseconds: float | None = None
    predict_peak_mb: float | None = None


@dataclass(frozen=True)
class _Used:
    seconds: float
    peak_mb: float
    said: Any


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be asked for."""
    parser.add_argument(
        "--tasks", type=positive, nargs="+", default=[10, 50, 200], help="default: 10 50 200"
    )
    parser.add_argument(
        "--methods", nargs="+", default=list(METHODS), choices=list(METHODS),
        help="default: all; the last two learn as many tasks as the fewest asked for",
    )  # fmt: skip


def _learnt(*told: Any) -> int:
    """Learn a task; return the samples that passed the model with a gradient."""
    return learn(*told).backbone.passed.trained_samples


def _forked(work: Callable[..., Any], *args: Any) -> _Used:
    """Run ``work`` in a copy of this process; return what it took, and what it returned (JSON)."""
    with tempfile.TemporaryFile("w+") as file:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                json.dump(work(*args), file)
                file.flush()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        _, status, used = os.wait4(child, 0)
        if status:
            raise UserError("scale: a job failed: its error stands above")
        file.seek(0)
        return _Used(used.ru_utime + used.ru_stime, used.ru_maxrss / 2**10, json.load(file))


def _stored_kb(folder: Path) -> float:
    kept = [*folder.rglob("*.safetensors"), *folder.rglob("memory.json")]
    return sum(p.stat().st_size for p in kept) / 1024


def _task(setup: Setup, method: str, earlier: Earlier, place: Path) -> tuple[Row, Earlier]:
    """Learn one task; return what it took, and what the next task finds there."""
    learner, replay, _ = METHODS[method]
    experts, row = learner == "experts", Row(setup.stream.tasks)

    def job(found: Earlier, out: Path, what: str) -> None:
        used = _forked(_learnt, setup, learner, replay, found, out, what)
        row.train_seconds += used.seconds
        row.train_peak_mb = used.peak_mb
        row.samples_passed += used.said
        row.stored_kb += _stored_kb(out)

    state, selector = place / "state", earlier.selector
    if experts and row.task > 1:
        # a selector goes on from the one before and asks no expert
        selector = place / "selector"
        job(Earlier(selector=earlier.selector), selector, "train_selector")
    job(dataclasses.replace(earlier, selector=selector), state, "train")
    return row, Earlier([*earlier.states, state] if experts else [state], selector)


def _rows(setup: Setup, method: str, tasks: int, points: Sequence[int], out: Path) -> list[Row]:
    learner, _, flat = METHODS[method]
    rows, now = [], Earlier()
    for task in range(1, tasks + 1):
        if flat and task > 2 and not any(point - WINDOW < task <= point for point in points):
            if learner == "experts":
                now = dataclasses.replace(now, states=[*now.states, now.states[-1]])
            continue
        here = dataclasses.replace(setup, stream=until(setup.stream, task))
        row, now = _task(here, method, now, out / f"{task:03d}")
        if task in points:
            used = _forked(ask, here, learner, now)
            row = dataclasses.replace(row, **used.said, predict_peak_mb=used.peak_mb)
        rows.append(row)
    return rows


def measure(tasks: Sequence[int], methods: Sequence[str]) -> dict[str, list[Row]]:
    """Learn a stream of ``max(tasks)`` tasks by each method; of ``min(tasks)`` where cost grows.

    Raises:
        UserError: a job failed, a stream has one task only, or this system cannot fork.
    """
    if min(tasks) < 2:
        raise UserError(f"--tasks {min(tasks)}: a stream has 2 tasks or more")
    if not hasattr(os, "fork"):
        raise UserError("scale: needs a system that forks processes: Linux or macOS")
    import peft  # noqa: F401  imported once, not in every forked job

    found = {}
    with scratch() as place:
        snapshot = save_model("tiny-bert", place / "model")
        stream = make_stream("few", snapshot, max(tasks), CLASSES, COUNTS)
        setup = Setup(snapshot, stream, pooling="mean").but(**SETTINGS)
        prepare_process(setup.settings.compute)  # one thread: with more it must not be forked
        for method in methods:
            last = max(tasks) if METHODS[method][2] else min(tasks)
            found[method] = _rows(setup, method, last, tasks, place / method)
    return found


def near(rows: Sequence[Row], task: int, value: str) -> float:
    """Return the median of a value over the last tasks up to ``task``: single jobs vary."""
    last = [row for row in rows if max(1, task - WINDOW) < row.task <= task]
    return float(np.median([getattr(row, value) for row in last]))


def markdown(found: dict[str, list[Row]], tasks: Sequence[int]) -> str:
    """Return one line for each method after each number of tasks."""
    columns = (
        "Method", "Tasks", "Train (s)", "Samples passed", "Load (s)", "Per text (ms)",
        "Stored (KB per task)", "Peak, training (MB)", "Peak, predicting (MB)",
    )  # fmt: skip
    lines = []
    for method, rows in found.items():
        for row in (row for row in rows if row.task in tasks):
            middle = functools.partial(near, rows, row.task)
            lines.append(
                [method, row.task, f"{middle('train_seconds'):.2f}",
                 f"{middle('samples_passed'):.0f}", f"{row.load_seconds:.2f}",
                 f"{row.text_milliseconds:.3f}", f"{middle('stored_kb'):.1f}",
                 f"{middle('train_peak_mb'):.1f}", f"{row.predict_peak_mb:.1f}"]
            )  # fmt: skip
    return table(columns, lines)


def run(args: argparse.Namespace) -> Report:
    """Measure, and keep every task's row."""
    tasks = sorted(set(args.tasks))
    found = measure(tasks, args.methods)
    about = {
        "tasks": tasks,
        "machine": platform.machine(),
        "python": platform.python_version(),
        "methods": {
            method: [dataclasses.asdict(row) for row in rows] for method, rows in found.items()
        },
    }
    return Report(markdown(found, tasks), about)
