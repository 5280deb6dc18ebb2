"""What tables are put together from: rows of the matrix, their names, marks and footnotes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from conpet.reporting.collect import Results
from conpet.reporting.numbers import PENDING, percent, waiting
from conpet.run.reading import Run


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


def rank(
    values: Sequence[float], ranked: Sequence[bool], higher: bool = True, digits: int = 4
) -> tuple[set[int], set[int]]:
    """Return the indices of the best and of the second-best values.

    Values that look alike once rounded to ``digits`` decimals (the four of a fraction shown as a
    percentage with two) tie. With fewer than two values in the contest nothing is marked.
    """
    sign = 1 if higher else -1
    contest = {
        i: round(sign * v, digits)
        for i, (v, ok) in enumerate(zip(values, ranked, strict=True))
        if ok and not math.isnan(v)
    }
    levels = sorted(set(contest.values()), reverse=True)
    if len(contest) < 2:
        return set(), set()
    best = {i for i, v in contest.items() if v == levels[0]}
    second = {i for i, v in contest.items() if len(levels) > 1 and v == levels[1]}
    return best, second if len(best) == 1 else set()


def marks(
    columns: Mapping[int, tuple[Sequence[float], bool]],
    ranked: Sequence[bool],
    blocks: Sequence[str] | None = None,
) -> dict[str, frozenset[tuple[int, int]]]:
    """Rank columns ({position: (values of every row, higher is better)}) for a table's marks.

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
        labels + i: ([fact[f"{metric}_mean"] for fact in facts], higher)
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
        **marks(contest, [not results.bound(fact["method"]) for fact in facts], datasets),
    }


def pending_note(results: Results) -> list[str]:
    """Return the footnote on runs that are not finished, if there are any."""
    unready = [run for run in results.runs if not run.finished]
    if not unready:
        return []
    cells: dict[tuple[str, str, str], list[Run]] = {}
    for run in unready:
        cells.setdefault(run.key.cell, []).append(run)
    several = len(results.models) > 1
    items = []
    for (dataset, model, method), runs in cells.items():
        seeds = ", ".join(str(run.key.seed) for run in runs)
        where = f"{dataset}/{model}" if several else dataset
        items.append(f"{results.name(method)} on {where} (seed {seeds})")
    more = f"; and {len(items) - 12} more" if len(items) > 12 else ""
    return [
        f"{PENDING} pending; where some seeds are there, the mean over these: {len(unready)} of "
        f"{len(results.runs)} runs are not finished: {'; '.join(items[:12])}{more}."
    ]


def bound_note(results: Results) -> list[str]:
    """Return the footnote on upper bounds, if there are any."""
    names = [results.name(m) for m in results.methods if results.bound(m)]
    if not names:
        return []
    return [f"Not ranked, trained on the whole history at every task: {', '.join(names)}."]
