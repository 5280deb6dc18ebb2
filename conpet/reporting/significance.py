"""Is a difference more than chance: paired over seeds, and paired over test samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from conpet.errors import UserError
from conpet.reporting.collect import Results
from conpet.reporting.numbers import DASH, p_value, points, points_interval, spread, waiting
from conpet.reporting.predictions import last_predictions
from conpet.reporting.table import Table
from conpet.reporting.table_parts import (
    cards,
    dataset_rules,
    key_cells,
    key_columns,
    pending_note,
    threads,
)
from conpet.reporting.told_apart import paired_t
from conpet.run.reading import Run
from conpet.seeds import derive

RESAMPLES = 10_000
TESTS = (
    "Differences in whole accuracy after the last task. Tests, both two-sided and not corrected "
    "for the number of comparisons: paired t-test over seeds; paired bootstrap over test samples "
    f"(differences averaged over seeds, {RESAMPLES:,} resamples, percentile interval)."
)


def pairs(results: Results, dataset: str, model: str) -> Iterator[tuple[str, str]]:
    """Yield (method, baseline): each method with what it says that it is compared against.

    Of a family that is the best one that has finished.
    """
    methods = [m for m in results.methods if results.of(dataset, model, m)]
    for method in methods:
        found = []
        for name in results.method(method).against:
            others = [m for m in family(results, name) if m != method]
            found.append(name if name in methods else best(results, dataset, model, others))
        # a method may be named twice: by itself, and as the best of its family
        yield from ((method, one) for one in dict.fromkeys(found) if one not in ("", method))


def family(results: Results, name: str) -> list[str]:
    """Return the methods of a family that the experiment has."""
    return [m for m in results.methods if results.method(m).family == name]


def best(results: Results, dataset: str, model: str, methods: Sequence[str]) -> str:
    """Return the method with the highest mean whole accuracy; '' if none has finished."""
    means = {m: finished_mean(results.of(dataset, model, m)) for m in methods}
    means = {m: mean for m, mean in means.items() if not math.isnan(mean)}
    return max(means, key=lambda m: means[m], default="")


def finished_mean(runs: list[Run]) -> float:
    """Return the mean whole accuracy of the runs that have finished; NaN if none has."""
    return spread(run.summary["whole_accuracy"] for run in runs if run.finished)[0]


def paired_bootstrap(
    differences: NDArray[np.float64], seed: int, resamples: int = RESAMPLES
) -> tuple[float, float, float]:
    """Return (p, low, high) of the mean of per-sample differences (n,): two-sided p, 95 % interval.

    A resample draws n samples with replacement; since the differences take few distinct values,
    drawing how often each value comes (a multinomial) is the same thing and much cheaper.
    """
    values, counts = np.unique(differences, return_counts=True)
    n = len(differences)
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, size=resamples)
    means = drawn @ values / n
    below = (int((means <= 0).sum()) + 1) / (resamples + 1)
    above = (int((means >= 0).sum()) + 1) / (resamples + 1)
    low, high = np.quantile(means, [0.025, 0.975])
    return min(1.0, 2 * min(below, above)), float(low), float(high)


def comparison(
    results: Results, dataset: str, model: str, method: str, baseline: str
) -> dict[str, Any]:
    """Compare two methods on one dataset over the seeds both have finished."""
    ours = _by_seed(results.of(dataset, model, method))
    theirs = _by_seed(results.of(dataset, model, baseline))
    seeds = [seed for seed in ours if seed in theirs]
    deltas = np.array(
        [ours[s].summary["whole_accuracy"] - theirs[s].summary["whole_accuracy"] for s in seeds]
    )
    mean, std, _ = spread(deltas)
    fact: dict[str, Any] = {"dataset": dataset, "model": model, "method": method}
    fact |= {"baseline": baseline, "seeds": len(seeds), "difference_mean": mean}
    fact |= {"difference_std": std, "t_test_p": paired_t(deltas)}
    columns = [_sample_differences(ours[s], theirs[s]) for s in seeds]
    there = [column for column in columns if column is not None]
    fact |= {"samples": 0, "bootstrap_p": math.nan, "low": math.nan, "high": math.nan}
    if there and len(there) == len(seeds):
        # exact in thousandths: the same differences must meet as the same value
        per_sample = pd.concat(there, axis=1, join="inner").mean(axis=1).round(9).to_numpy()
        seed = derive("significance", results.experiment, dataset, model, method, baseline)
        p, low, high = paired_bootstrap(per_sample, seed)
        fact |= {"samples": len(per_sample), "bootstrap_p": p, "low": low, "high": high}
    return fact


def _by_seed(runs: list[Run]) -> dict[int, Run]:
    return {run.key.seed: run for run in runs if run.finished}


def _predictions(run: Run) -> Path:
    return run.folder.predictions(len(run.tasks))


def _sample_differences(ours: Run, theirs: Run) -> pd.Series | None:
    frames = [last_predictions(run) for run in (ours, theirs)]
    found = [frame["correct"].astype(float) for frame in frames if frame is not None]
    if len(found) < len(frames):
        return None
    a, b = found
    if set(a.index) != set(b.index):
        raise UserError(
            f"{_predictions(ours)}: not of the test samples of {_predictions(theirs)}: "
            "evaluate both again"
        )
    return a - b


def facts(results: Results) -> list[dict[str, Any]]:
    """Return every comparison, by dataset and model."""
    return [
        comparison(results, dataset, model, method, baseline)
        for dataset, model in results.places()
        for method, baseline in pairs(results, dataset, model)
    ]


def inputs(results: Results) -> list[Path]:
    """Return the files the comparisons read."""
    return [*results.metrics_files(), *(_predictions(run) for run in results.runs)]


def significance(results: Results) -> Table:
    """Each method against those that it says it is compared against."""
    found = facts(results)
    columns = key_columns(results)
    rows = [
        [
            *key_cells(results, fact["dataset"], fact["model"], fact["method"]),
            results.name(fact["baseline"]),
            *waiting(_cells(fact), fact["seeds"] == 0),
        ]
        for fact in found
    ]
    keys = ["dataset", "model", "method", "baseline", "seeds", "difference_mean", "difference_std"]
    keys += ["t_test_p", "samples", "bootstrap_p", "low", "high"]
    return Table(
        name="significance",
        experiment=results.experiment,
        caption=f"{results.caption}: differences in whole accuracy (points) and their tests.",
        data=pd.DataFrame(found, columns=keys),
        columns=[
            *columns,
            ("", "against"),
            ("", "Difference"),
            ("Over seeds", "n"),
            ("Over seeds", "p (t-test)"),
            ("Over test samples", "95 % interval"),
            ("Over test samples", "p (bootstrap)"),
            ("Over test samples", "n"),
        ],
        rows=rows,
        labels=len(columns) + 1,
        rules=dataset_rules([fact["dataset"] for fact in found]),
        footnotes=[
            " ".join([TESTS, *family_choice(results)]),
            *_empty_note(results),
            *pending_note(results),
        ],
        inputs=results.hashes(inputs(results)),
        threads=threads(results),
        cards=cards(results),
    )


def family_choice(results: Results) -> list[str]:
    """Return a sentence for each family of which the best is compared, and how that is chosen."""
    families = dict.fromkeys(results.method(method).family for method in results.methods)
    choice = "is the one with the highest mean here, a choice that favours it."
    return [f"The best {name} {choice}" for name in families if name]


def _empty_note(results: Results) -> list[str]:
    """Say why nothing is compared, and what to write, where no finished run will change that."""
    methods = results.methods
    named = {name for method in methods for name in results.method(method).against}
    if any(name in methods or family(results, name) for name in named):
        return []
    return [
        f"Nothing is compared: no method here names another one here in its `against`: write "
        f"`against: [{methods[0] if methods else 'METHOD'}]` into the YAML of the method to test."
    ]


def _cells(fact: dict[str, Any]) -> list[str]:
    return [
        points(fact["difference_mean"], fact["difference_std"]),
        str(fact["seeds"]),
        p_value(fact["t_test_p"]),
        points_interval(fact["low"], fact["high"]),
        p_value(fact["bootstrap_p"]),
        f"{fact['samples']:,}" if fact["samples"] else DASH,
    ]


def main_notes(results: Results) -> tuple[list[str], list[Path]]:
    """Return the main table's footnotes on significance, and the files read for them."""
    found = [fact for fact in facts(results) if not math.isnan(fact["difference_mean"])]
    if not found:
        return [], []
    notes = []
    for dataset, model in dict.fromkeys((f["dataset"], f["model"]) for f in found):
        items = [
            f"{results.name(f['method'])} over {results.name(f['baseline'])} "
            f"{points(f['difference_mean'])} "
            f"(p: {p_value(f['t_test_p'])}; {p_value(f['bootstrap_p'])})"
            for f in found
            if (f["dataset"], f["model"]) == (dataset, model)
        ]
        several = len(results.models) > 1
        where = (
            f"{results.name(dataset)}, {results.name(model)}" if several else results.name(dataset)
        )
        notes.append(f"{where}, points of whole accuracy: {'; '.join(items)}.")
    tests = "p: paired t-test over seeds; paired bootstrap over test samples (table significance)."
    return [*notes, tests], inputs(results)
