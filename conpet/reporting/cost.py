"""What a run has cost, task by task: the numbers behind the cost table and figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from conpet.run.reading import Run, Training

#: what a sample that passes forward only costs, as a share of one trained on: a backward pass is
#: taken as twice a forward one (Kaplan et al. 2020, section 2.1)
FORWARD = 1 / 3


@dataclass(frozen=True)
class TaskCost:
    """The cost of one task, selector included; NaN where a file or a field is absent.

    ``flops`` is :func:`flop` of what is trained on, ``forward_flops`` that of what passes without a
    gradient.
    ``forward_samples`` pass without a gradient; ``equivalent_samples`` are both kinds as one
    figure: those trained on, and of the others :data:`FORWARD`.
    """

    tunable: float
    share: float
    samples: float
    forward_samples: float
    equivalent_samples: float
    tokens: float
    flops: float
    forward_flops: float
    seconds: float
    peak_memory_mb: float
    stored_bytes: float


FIELDS = tuple(TaskCost.__dataclass_fields__)


def task_cost(run: Run, task: int) -> TaskCost:
    """Return the cost of one task (1-based) of a run; NaN until all of it has been trained."""
    ran = run.tasks[task - 1].trainings if run.tasks[task - 1].trained else []
    tunable = _total(ran, "trainable_parameters")
    total = max((_state(one, "total_parameters") for one in ran), default=math.nan)
    samples, forward = (_total(ran, name) for name in ("samples_passed", "forward_samples"))
    return TaskCost(
        tunable=tunable,
        share=tunable / total,
        samples=samples,
        forward_samples=forward,
        equivalent_samples=samples + FORWARD * forward,
        tokens=_total(ran, "tokens_passed"),
        flops=sum(_flops(one) for one in ran) if ran else math.nan,
        forward_flops=sum(_forward_flops(one) for one in ran) if ran else math.nan,
        seconds=sum(_timing(one, "seconds") for one in ran) if ran else math.nan,
        peak_memory_mb=max((_timing(one, "peak_memory_mb") for one in ran), default=math.nan),
        stored_bytes=_total(ran, "stored_bytes"),
    )


def _state(training: Training, key: str) -> float:
    return float(training.state.get(key, math.nan))


def _timing(training: Training, key: str) -> float:
    return float(training.timing.get(key, math.nan))


def _total(ran: list[Training], key: str) -> float:
    return sum(_state(one, key) for one in ran) if ran else math.nan


def flop(every: float, tuned: float, trained: float, forward: float = 0.0) -> float:
    """Return the operations that tokens need: Kaplan et al. 2020, section 2.1.

    Args:
        every: weights of the model, N: 2 N a token forward, 2 N back through the activations.
        tuned: weights that are trained: 2 a token each for their gradient.
        trained: tokens trained on.
        forward: tokens that pass without a gradient.
    """
    return (4 * every + 2 * tuned) * trained + 2 * every * forward


def _flops(training: Training) -> float:
    tuned, every = (_state(training, f"{which}_parameters") for which in ("trainable", "total"))
    return flop(every, tuned, _state(training, "tokens_passed"))


def _forward_flops(training: Training) -> float:
    return flop(_state(training, "total_parameters"), 0, 0, _state(training, "forward_tokens"))


def run_costs(run: Run) -> list[TaskCost]:
    """Return the cost of every task of a run."""
    return [task_cost(run, task) for task in range(1, len(run.tasks) + 1)]


def kept_bytes(run: Run) -> float:
    """Return the bytes of the states that answer after the last task; NaN where not known."""
    kept = run.kept_bytes(len(run.tasks))
    return math.nan if kept is None else float(kept)


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
