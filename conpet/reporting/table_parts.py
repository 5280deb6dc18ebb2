"""What tables are put together from: rows of the matrix, their names, marks and footnotes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from conpet.reporting.collect import Results
from conpet.reporting.numbers import PENDING, percent, spread, waiting
from conpet.reporting.told_apart import BySeed, told_apart
from conpet.run.reading import Run

_NAMED = 12  # methods that a note on what is pending names


def grid(results: Results) -> Iterator[tuple[str, str, str, list[Run]]]:
    """Yield (dataset, model, method, runs of all seeds) in the matrix's order."""
    for key in dict.fromkeys(run.key.cell for run in results.runs):
        yield *key, results.of(*key)


def key_columns(results: Results) -> list[tuple[str, str]]:
    """Return the header of :func:`key_cells`."""
    names = ["Dataset"] if len(results.datasets) > 1 else []
    names += ["Model"] if len(results.models) > 1 else []
    return [("", name) for name in [*names, "Method"]]


def key_cells(results: Results, dataset: str, model: str, method: str) -> list[str]:
    """Return a row's names: the dataset and the model only where there are several."""
    names = [results.name(dataset)] if len(results.datasets) > 1 else []
    names += [results.name(model)] if len(results.models) > 1 else []
    return [*names, results.name(method)]


def dataset_rules(datasets: Sequence[str]) -> frozenset[int]:
    """Return the rows that start another dataset, given every row's dataset."""
    return frozenset(i for i in range(1, len(datasets)) if datasets[i] != datasets[i - 1])


def threads(results: Results) -> tuple[int, ...]:
    """Return the thread counts the runs were trained with."""
    timings = [training.timing for run in results.runs for training in run.trainings]
    return tuple(sorted({int(t["threads"]) for t in timings if "threads" in t}))


def cards(results: Results) -> tuple[str, ...]:
    """Return the devices that the runs were trained on, but for the CPU."""
    timings = [training.timing for run in results.runs for training in run.trainings]
    return tuple(sorted({str(t["device"]) for t in timings if t.get("device", "cpu") != "cpu"}))


def by_seed(runs: Sequence[Run], value: Callable[[Run], float | None]) -> BySeed:
    """Return a number of each finished run, by its seed."""
    found = {run.key.seed: value(run) for run in runs if run.finished}
    return {seed: float(v) for seed, v in found.items() if v is not None and not math.isnan(v)}


def rank(
    values: Sequence[BySeed], ranked: Sequence[bool], higher: bool = True
) -> tuple[set[int], set[int]]:
    """Return the row with the best mean and the one with the second, each where that is known.

    Marked is what seeds tell from the next one (:func:`told_apart`): nothing with one seed.
    """
    sign = 1 if higher else -1
    contest = [i for i, (v, ok) in enumerate(zip(values, ranked, strict=True)) if ok and v]
    order = sorted(contest, key=lambda i: -sign * spread(values[i].values())[0])
    apart = [_ahead(values[a], values[b], sign) for a, b in itertools.pairwise(order)]
    first = {order[0]} if apart[:1] == [True] else set()
    return first, {order[1]} if apart[:2] == [True, True] else set()


def _ahead(ours: BySeed, theirs: BySeed, sign: int) -> bool:
    """Say whether the seeds that both have tell that ours is the better."""
    shared = [sign * (ours[seed] - theirs[seed]) for seed in ours if seed in theirs]
    return sum(shared) > 0 and told_apart(ours, theirs)


def marks(
    columns: Mapping[int, tuple[Sequence[BySeed], bool]],
    ranked: Sequence[bool],
    blocks: Sequence[str] | None = None,
) -> dict[str, frozenset[tuple[int, int]]]:
    """Rank columns ({position: (numbers of every row, higher is better)}) for a table's marks.

    With ``blocks`` (a key for every row) only rows of one block are in contest with each other.
    """
    best, second = set(), set()
    keys = blocks or [""] * len(ranked)
    for column, (values, higher) in columns.items():
        for block in dict.fromkeys(keys):
            here = [ok and key == block for ok, key in zip(ranked, keys, strict=True)]
            first, then = rank(values, here, higher)
            best |= {(row, column) for row in first}
            second |= {(row, column) for row in then}
    return {"best": frozenset(best), "second": frozenset(second)}


def measured_rows(
    results: Results,
    facts: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, bool],
    labels: int,
    names: Callable[[Mapping[str, Any]], list[str]],
) -> dict[str, Any]:
    """Return a table's rows, mean ± std of metrics behind each row's names, and their marks.

    Args:
        facts: a row each: dataset, model, method, ``n`` finished runs, and of each metric
            ``METRIC_mean`` and ``METRIC_std``.
        metrics: whether higher is better, by metric.
        labels: how many cells come before them.
        names: these cells of a row.
    """
    datasets = [str(fact["dataset"]) for fact in facts]
    contest = {
        labels + i: ([_of(results, fact, metric) for fact in facts], higher)
        for i, (metric, higher) in enumerate(metrics.items())
    }
    rows = []
    for fact in facts:
        shown = [percent(fact[f"{m}_mean"], fact[f"{m}_std"]) for m in metrics]
        rows.append([*names(fact), *waiting(shown, fact["n"] == 0)])
    return {
        "rows": rows,
        "labels": labels,
        "rules": dataset_rules(datasets),
        "inputs": results.hashes(results.metrics_files()),
        "threads": threads(results),
        "cards": cards(results),
        **marks(contest, [not results.bound(fact["method"]) for fact in facts], datasets),
    }


def _of(results: Results, fact: Mapping[str, Any], metric: str) -> BySeed:
    runs = results.of(fact["dataset"], fact["model"], fact["method"])
    return by_seed(runs, lambda run: run.summary.get(metric))


def unfinished(results: Results) -> list[str]:
    """Return the methods that wait for runs: where, and for which seeds."""
    cells: dict[tuple[str, str, str], list[Run]] = {}
    for run in results.runs:
        if not run.finished:
            cells.setdefault(run.key.cell, []).append(run)
    several = len(results.models) > 1
    items = []
    for (dataset, model, method), runs in cells.items():
        seeds = ", ".join(str(run.key.seed) for run in runs)
        where = [results.name(dataset), *([results.name(model)] if several else [])]
        items.append(f"{results.name(method)} on {', '.join(where)} (seed {seeds})")
    return [*items[:_NAMED], f"and {len(items) - _NAMED} more"] if len(items) > _NAMED else items


def pending_note(results: Results) -> list[str]:
    """Return the footnote on runs that are not finished, if there are any."""
    count = sum(not run.finished for run in results.runs)
    if not count:
        return []
    return [
        f"{PENDING} pending; where some seeds are there, the mean over these: {count} of "
        f"{len(results.runs)} runs are not finished: {'; '.join(unfinished(results))}."
    ]


def shared_note(results: Results) -> list[str]:
    """Return the footnote on trainings that several methods share, if there are any."""
    pairs = {
        (run.key.method, str(training.timing["taken_from"])): None
        for run in results.runs
        for training in run.trainings
        if "taken_from" in training.timing
    }
    if not pairs:
        return []
    said = "; ".join(f"{results.name(one)}: {results.name(other)}" for one, other in pairs)
    return [
        "Methods that train alike are trained once, and the training counts in each of their rows "
        f"(method: the one that was trained): {said}."
    ]


def bound_note(results: Results) -> list[str]:
    """Return the footnotes on methods that are not ranked, if there are any, by the reason why."""
    why: dict[str, list[str]] = {}
    for method in filter(results.bound, results.methods):
        whole = results.whole_history(method)
        reason = "trained on the whole history at every task" if whole else "bound: true"
        why.setdefault(reason, []).append(results.name(method))
    return [f"Not ranked, {reason}: {', '.join(names)}." for reason, names in why.items()]
