"""What is claimed of methods, by their authors or their YAML, and whether it holds here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from conpet.reporting.collect import Results
from conpet.reporting.cost import Slope, by_task, run_costs, slope
from conpet.reporting.numbers import DASH, PENDING, number, points, points_interval, spread
from conpet.reporting.significance import best, comparison, family_choice, inputs, pairs
from conpet.reporting.table import Table
from conpet.reporting.table_parts import cards, dataset_rules, pending_note, threads
from conpet.reporting.told_apart import t_interval
from conpet.reporting.untrained import surpassed
from conpet.run import STATE_FILE
from conpet.run.reading import Run

HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"
#: growth a task, as a share of a task's mean cost, below which none is said to be there
FLAT = 0.01
_NOTES = [
    "Differences are of whole accuracy after the last task, in points: mean over seeds ± sample "
    "standard deviation; 95 % intervals of the mean by Student's t over seeds, and of a paired "
    "bootstrap over test samples. Growth is in samples passed a further task: slope over tasks 2 "
    "to T, ± over the seeds' own slopes, 95 % interval of the least-squares line over tasks, on "
    "means over seeds.",
    f"{HOLDS}: both intervals are wholly on the claim's side. {FAILS}: both are wholly on the "
    f"other side. {OPEN}: neither, so also where seeds and samples disagree, and with one seed. "
    f"Samples do not grow ({HOLDS}) where the interval of their growth ends below "
    f"{100 * FLAT:.0f} % of a task's mean; they do ({FAILS}) where it is above zero; {OPEN} where "
    "it is too wide to say either. The claim of training samples is the paper's; that of "
    "equivalent samples counts what passes forward only too.",
    "Samples: training samples passed over all tasks, as a multiple of the other method's (equal "
    "cost is 1). Equivalent: the same with forward-only samples, each as one third of one trained "
    "on.",
]
_UNTRAINED = (
    "Trains nothing: the best of such methods here, a choice that favours it, against every "
    "trained one whose mean it is above."
)
_MEASURED = (
    "Value",
    "95 % over seeds",
    "95 % over samples, tasks",
    "Samples",
    "Equivalent",
    "Seeds",
)
#: unit of a claim that a cost does not grow -> which samples, and their cost: what is trained on
#: alone would have a cost that is all forward passes hold
_GROWING = {"samples": ("Training", "samples"), "equivalent": ("Equivalent", "equivalent_samples")}
Interval = tuple[float, float]


@dataclass(frozen=True)
class Claim:
    """One claim on one dataset and model, measured. ``unit`` is ``points`` (as a fraction of 1) or
    ``samples``, trained on, or ``equivalent``; ``above`` is how much is claimed.

    ``low`` and ``high`` are over test samples, of a growth over tasks.
    """

    dataset: str
    model: str
    claim: str
    method: str
    baseline: str
    above: float
    unit: str
    value: float
    std: float
    low: float
    high: float
    seeds_low: float
    seeds_high: float
    samples_ratio: float
    equivalent_ratio: float
    seeds: int
    verdict: str


def verdict(value: float, *intervals: Interval, above: float = 0.0) -> str:
    """Say whether a value, with the intervals of all tests, is above something.

    Returns:
        '' without a value; undecided where a test cannot tell, or two say different things.
    """
    if math.isnan(value):
        return ""
    if all(high < above for _, high in intervals):
        return FAILS
    return HOLDS if all(low > above for low, _ in intervals) else OPEN


def independent(fit: Slope, mean: float) -> str:
    """Say whether growth is none; '' without a slope.

    Args:
        fit: a slope and its interval.
        mean: a task's mean cost, against which growth is much or little.
    """
    if math.isnan(fit.value):
        return ""
    if fit.low > 0:
        return FAILS
    return HOLDS if fit.high <= FLAT * mean else OPEN


def found_claims(results: Results) -> list[Claim]:
    """Measure every claim that the methods at hand allow."""
    return [
        claim for dataset, model in results.places() for claim in _claims(results, dataset, model)
    ]


def _claims(results: Results, dataset: str, model: str) -> Iterator[Claim]:
    methods = [m for m in results.methods if results.of(dataset, model, m)]
    named = list(pairs(results, dataset, model))
    for method, baseline in named:
        yield difference(results, dataset, model, method, baseline)
    for method, trained in surpassed(results, dataset, model):
        if (method, trained) not in named:
            yield difference(results, dataset, model, method, trained, what=_tag(results, method))
    for rivals in _families(results, methods):
        method = best(results, dataset, model, rivals)
        for baseline, ahead in results.method(method).ahead.items():
            if baseline in methods:
                yield difference(results, dataset, model, method, baseline, ahead / 100)
    for method in methods:
        if results.method(method).flat_cost:
            yield from (_growth(results, dataset, model, method, unit) for unit in _GROWING)


def _tag(results: Results, method: str) -> str:
    # most titles of such methods say it themselves
    return "" if "(no training)" in results.name(method) else " (trains nothing)"


def _families(results: Results, methods: Sequence[str]) -> list[list[str]]:
    """Return the methods by family; one without a family is alone."""
    found: dict[tuple[str, str], list[str]] = {}
    for method in methods:
        of = results.method(method).family
        found.setdefault((of, "" if of else method), []).append(method)
    return list(found.values())


def difference(
    results: Results,
    dataset: str,
    model: str,
    method: str,
    baseline: str,
    above: float = 0.0,
    what: str = "",
) -> Claim:
    """Measure whether a method is above another one, by more than ``above``."""
    fact = comparison(results, dataset, model, method, baseline)
    value, std, n = fact["difference_mean"], fact["difference_std"], fact["seeds"]
    over_samples, over_seeds = (fact["low"], fact["high"]), t_interval(value, std, n)
    ours, theirs = results.of(dataset, model, method), results.of(dataset, model, baseline)
    ahead = f" by {round(100 * above, 6):g} points" if above else ""
    return Claim(
        dataset, model,
        f"{results.name(method)}{what} above {results.name(baseline)}{ahead}", method, baseline,
        above, "points", value, std, *over_samples, *over_seeds,
        _ratio(ours, theirs, "samples"), _ratio(ours, theirs, "equivalent_samples"),
        n, verdict(value, over_samples, over_seeds, above=above),
    )  # fmt: skip


def _growth(results: Results, dataset: str, model: str, method: str, unit: str) -> Claim:
    runs = [run for run in results.of(dataset, model, method) if run.finished]
    what, cost = _GROWING[unit]
    costs = by_task(runs, cost)
    fit = slope(costs)
    own = [slope([getattr(one, cost) for one in run_costs(run)]).value for run in runs]
    _, std, _ = spread(own)
    return Claim(
        dataset, model,
        f"{what} samples per task of {results.name(method)} do not grow", method, "",
        0.0, unit, fit.value, std, fit.low, fit.high, math.nan, math.nan, math.nan, math.nan,
        len(runs), independent(fit, spread(costs[1:])[0]),
    )  # fmt: skip


def _total(runs: list[Run], name: str) -> float:
    totals = [sum(getattr(c, name) for c in run_costs(run)) for run in runs if run.finished]
    return float(np.mean(totals)) if totals else math.nan


def _ratio(ours: list[Run], theirs: list[Run], name: str) -> float:
    """Return one cost over all tasks as a multiple of another method's."""
    other = _total(theirs, name)
    return _total(ours, name) / other if other > 0 else math.nan


def claims(results: Results) -> Table:
    """Each claim, what was measured, and whether it holds."""
    found = found_claims(results)
    places = dict.fromkeys((claim.dataset, claim.model) for claim in found)
    free = [_UNTRAINED] if any(next(surpassed(results, *p), None) for p in places) else []
    several = len(results.datasets) > 1, len(results.models) > 1
    names = [name for name, there in zip(("Dataset", "Model"), several, strict=True) if there]
    columns = [("", name) for name in (*names, "Claim")]
    return Table(
        name="claims",
        experiment=results.experiment,
        caption=f"{results.caption}: what is claimed, and whether it holds here.",
        data=pd.DataFrame([vars(c) for c in found], columns=[f.name for f in fields(Claim)]),
        columns=[
            *columns,
            *(("Measured", name) for name in _MEASURED),
            ("", "Verdict"),
        ],
        rows=[[*_names(results, claim, several), *_cells(claim)] for claim in found],
        labels=len(columns),
        rules=dataset_rules([claim.dataset for claim in found]),
        footnotes=[*_NOTES, *family_choice(results), *free, *pending_note(results)],
        inputs=results.hashes([*inputs(results), *results.training_files(STATE_FILE)]),
        threads=threads(results),
        cards=cards(results),
    )


def _names(results: Results, claim: Claim, several: tuple[bool, bool]) -> list[str]:
    keys = (results.name(claim.dataset), results.name(claim.model))
    return [*(key for key, there in zip(keys, several, strict=True) if there), claim.claim]


def _cells(claim: Claim) -> list[str]:
    if math.isnan(claim.value):
        # what has run in vain: growth is over the tasks after the first, and there are too few
        mark = DASH if claim.seeds else PENDING
        return [*[mark] * 5, str(claim.seeds), mark]
    ratios = [claim.samples_ratio, claim.equivalent_ratio]
    shown = [DASH if math.isnan(ratio) else f"{ratio:.2f} ×" for ratio in ratios]
    over_seeds = points_interval(claim.seeds_low, claim.seeds_high)
    return [
        _value(claim), over_seeds, _interval(claim), *shown, str(claim.seeds), claim.verdict,
    ]  # fmt: skip


def _value(claim: Claim) -> str:
    if claim.unit == "points":
        return points(claim.value, claim.std)
    shown = number(claim.value, 1)
    return shown if math.isnan(claim.std) else f"{shown} ± {number(claim.std, 1)}"


def _interval(claim: Claim) -> str:
    if claim.unit == "points" or math.isnan(claim.low):
        return points_interval(claim.low, claim.high)
    return f"[{number(claim.low, 1)}, {number(claim.high, 1)}]"
