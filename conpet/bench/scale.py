"""What a task costs when there have been 10, 50 or 200: the jobs of the workflow, on a tiny model.

Each job runs in a process of its own, forked as the workflow forks them, so that its processor
seconds and its peak memory are its own. Seconds are the processor's, not the clock's: a busy
machine does not change them much.

A method whose cost a task is meant to stay the same learns the few tasks before each number that is
asked for; for the tasks between, the state learnt last stands in. What a job costs depends on how
many states it is given, not on what they have learnt.
"""

from __future__ import annotations

import json
import os
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from conpet.bench.scale_world import METHODS, make_world
from conpet.errors import UserError
from conpet.jobs import learn

SEED = 100
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


@dataclass
class Curve:
    """One method's tasks."""

    method: str
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class _Used:
    seconds: float
    peak_mb: float
    said: Any


def _forked(work: Callable[[], Any]) -> _Used:
    """Run ``work`` in a copy of this process; return what it took, and what it returned (JSON)."""
    with tempfile.TemporaryFile("w+") as file:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                json.dump(work(), file)
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


def _quietly(job: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    def run() -> Any:
        null = os.open(os.devnull, os.O_WRONLY)
        kept = os.dup(2)
        os.dup2(null, 2)  # progress lines of hundreds of jobs
        try:
            return job(*args)
        except BaseException:
            os.dup2(kept, 2)
            raise

    return run


def _measure_prediction(
    cell: learn.Cell, snapshot: Path, encoded: Path, states: Sequence[Path], selector: Path | None
) -> dict[str, float]:
    import time

    start = time.process_time()
    learner = learn.build(cell, snapshot, [encoded], [], "evaluate")
    learner.load(states, selector)
    loaded = time.process_time()
    indices = learner.stream.of("test", range(1, cell.task + 1))
    # one text of every task: whatever is made at its first use is made, as in a served learner
    learner.predict(indices[:: max(1, len(indices) // cell.task)])
    before = time.process_time()
    learner.predict(indices)
    return {
        "load": loaded - start,
        "text": 1000 * (time.process_time() - before) / len(indices),
    }


def _one(
    make: tuple[Any, Path, Path], method: str, tasks: int, points: Sequence[int], out: Path
) -> Curve:
    experiment, snapshot, encoded = make
    learner, replay, flat = METHODS[method]
    curve = Curve(method)
    states: list[Path] = []
    memories: list[Path] = []
    selector: Path | None = None
    for task in range(1, tasks + 1):
        if flat and task > 2 and not any(point - WINDOW < task <= point for point in points):
            states.append(states[-1])
            continue
        cell = learn.Cell(experiment, "stream", "tiny", method, SEED, task)
        place, row = out / f"{task:03d}", Row(task)
        folders = []
        if learner == "experts" and task > 1:
            new = place / "selector"
            used = _forked(_quietly(learn.select, cell, snapshot, [encoded], [], selector, new))
            selector = new
            folders.append(new)
            row.train_seconds += used.seconds
        earlier = states if learner == "experts" else states[-1:]
        state = place / "state"
        job = (cell, snapshot, [encoded], earlier, memories, selector, state)
        used = _forked(_quietly(learn.train, *job))
        row.train_seconds += used.seconds
        row.train_peak_mb = used.peak_mb
        folders.append(state)
        states.append(state)
        for folder in folders:
            about = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            row.samples_passed += about["samples_passed"]
            row.stored_kb += about["stored_bytes"] / 1024
        now = states if learner == "experts" else states[-1:]
        if replay == "memory":
            memory = place / "memory.json"
            _forked(_quietly(learn.remember, cell, snapshot, [encoded], now, memory))
            memories.append(memory)
            row.stored_kb += memory.stat().st_size / 1024
        if task in points:
            ask = (cell, snapshot, encoded, now, selector)
            used = _forked(_quietly(_measure_prediction, *ask))
            row.load_seconds, row.text_milliseconds = used.said["load"], used.said["text"]
            row.predict_peak_mb = used.peak_mb
        curve.rows.append(row)
    return curve


def measure(tasks: Sequence[int], methods: Sequence[str]) -> list[Curve]:
    """Learn a stream of ``max(tasks)`` tasks by each method; of ``min(tasks)`` where cost grows.

    Raises:
        UserError: a job failed, or this system cannot fork.
    """
    if not hasattr(os, "fork"):
        raise UserError("scale: needs a system that forks processes: Linux or macOS")
    import peft  # noqa: F401  imported once, not in every forked job
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)  # a process with threads must not be forked
    curves = []
    with tempfile.TemporaryDirectory(prefix="conpet-scale-") as name:
        world = make_world(Path(name), max(tasks))
        for method in methods:
            last = max(tasks) if METHODS[method][2] else min(tasks)
            curves.append(_one(world, method, last, tasks, Path(name) / method))
    return curves


def near(curve: Curve, task: int, value: Callable[[Row], float]) -> float:
    """Return the median of a value over the last tasks up to ``task``: single jobs vary."""
    found = [value(row) for row in curve.rows if max(1, task - WINDOW) < row.task <= task]
    return float(np.median(found))
