"""What a run has cost, task by task: the numbers behind the cost table and figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from conpet.reporting.collect import Run, Step


@dataclass(frozen=True)
class TaskCost:
    """The cost of one task, selector included; NaN where a file or a field is absent.

    ``flops`` is an estimate for forward and backward passes: 2 N a token forward, 2 N back
    through the activations, 2 a tuned weight for its gradient (Kaplan et al. 2020, section 2.1).
    """

    tunable: float
    share: float
    samples: float
    tokens: float
    flops: float
    seconds: float
    peak_memory_mb: float
    stored_bytes: float


FIELDS = tuple(TaskCost.__dataclass_fields__)


def task_cost(run: Run, task: int) -> TaskCost:
    """Return the cost of one task (1-based) of a run."""
    steps = [run.states[task - 1], run.selectors[task - 1]]
    steps = [step for step in steps if step.state is not None]
    tunable = _total(steps, "trainable_parameters")
    total = max((_state(step, "total_parameters") for step in steps), default=math.nan)
    return TaskCost(
        tunable=tunable,
        share=tunable / total,
        samples=_total(steps, "samples_passed"),
        tokens=_total(steps, "tokens_passed"),
        flops=sum(_flops(step) for step in steps) if steps else math.nan,
        seconds=sum(_timing(step, "seconds") for step in steps) if steps else math.nan,
        peak_memory_mb=max((_timing(step, "peak_memory_mb") for step in steps), default=math.nan),
        stored_bytes=_total(steps, "stored_bytes"),
    )


def _state(step: Step, key: str) -> float:
    return float((step.state or {}).get(key, math.nan))


def _timing(step: Step, key: str) -> float:
    return float((step.timing or {}).get(key, math.nan))


def _total(steps: list[Step], key: str) -> float:
    return sum(_state(step, key) for step in steps) if steps else math.nan


def _flops(step: Step) -> float:
    weights = 4 * _state(step, "total_parameters") + 2 * _state(step, "trainable_parameters")
    return weights * _state(step, "tokens_passed")


def run_costs(run: Run) -> list[TaskCost]:
    """Return the cost of every task of a run."""
    return [task_cost(run, task) for task in range(1, run.cell.n_tasks + 1)]


def deployed_bytes(run: Run) -> float:
    """Return what must be kept to predict after the last task.

    Experts need all their states and the last selector; any other learner its last state.
    """
    last = run.states[-1].state
    if last is None:
        return math.nan
    if last.get("learner") != "experts":
        return _state(run.states[-1], "stored_bytes")
    chosen = run.selectors[-1].state
    router = _state(run.selectors[-1], "stored_bytes") if chosen is not None else 0.0
    return sum(_state(step, "stored_bytes") for step in run.states) + router


def by_task(runs: list[Run], name: str) -> list[float]:
    """Return one cost of every task, the mean over the seeds that have it; NaN for none."""
    if not runs:
        return []
    table = np.array([[getattr(cost, name) for cost in run_costs(run)] for run in runs])
    there = ~np.isnan(table)
    totals, counts = np.where(there, table, 0.0).sum(axis=0), there.sum(axis=0)
    return [float(t / n) if n else math.nan for t, n in zip(totals, counts, strict=True)]


@dataclass(frozen=True)
class Slope:
    """Cost a further task costs more: least squares over tasks 2..T, with a 95 % interval."""

    value: float
    low: float
    high: float


def slope(costs: list[float]) -> Slope:
    """Fit a line to the costs of tasks 1..T, leaving out task 1, which has no history to replay.

    The costs are means over seeds: seeds share their tasks, so they are not further points. The
    interval (Student's t with points - 2 degrees of freedom) needs three points, else it is NaN.
    """
    tasks = np.arange(1, len(costs) + 1)[1:]
    values = np.array(costs[1:], dtype=np.float64)
    known = ~np.isnan(values)
    x, y = tasks[known], values[known]
    if len(x) < 2:
        return Slope(math.nan, math.nan, math.nan)
    if len(x) > 2 and np.ptp(y) == 0:
        return Slope(0.0, 0.0, 0.0)
    from scipy import stats

    fit = stats.linregress(x, y)
    if len(x) < 3:
        return Slope(float(fit.slope), math.nan, math.nan)
    half = float(stats.t.ppf(0.975, len(x) - 2)) * float(fit.stderr)
    return Slope(float(fit.slope), float(fit.slope) - half, float(fit.slope) + half)
