"""What an experiment says, in sentences: the best method, what is told apart, what is pending."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from conpet.reporting.claims import FAILS, HOLDS, Claim, difference, found_claims
from conpet.reporting.collect import Results
from conpet.reporting.numbers import percent, spread
from conpet.reporting.significance import finished_mean, pairs
from conpet.reporting.table_parts import unfinished
from conpet.run.reading import Run


@dataclass(frozen=True)
class Verdict:
    """What is best on one dataset and model: a headline, and sentences that qualify it.

    ``where`` names them where an experiment has several.
    """

    where: str
    headline: str
    more: list[str] = field(default_factory=list)


def told(results: Results, found: Iterable[Claim] | None = None) -> Iterator[str]:
    """Yield a sentence for each pair of methods that is to be compared; else on the best two.

    Args:
        found: the claims, where they are measured already.
    """
    measured = list(found_claims(results) if found is None else found)
    for dataset, model in results.places():
        compared = list(pairs(results, dataset, model))
        here = [c for c in measured if (c.dataset, c.model) == (dataset, model) and not c.above]
        shown = [claim for claim in here if (claim.method, claim.baseline) in compared]
        if not compared and (two := _first_two(results, dataset, model)):
            shown = [two]
        named = place(results, dataset, model)
        where = f"{named}: " if named else ""
        yield from (where + sentence(results, claim) for claim in shown if claim.verdict)


def sentence(results: Results, claim: Claim) -> str:
    """Return what was found of two methods, and what tells or does not tell it."""
    ours, theirs = results.name(claim.method), results.name(claim.baseline)
    size = percent(abs(claim.value), claim.std, 1)
    if claim.verdict in (HOLDS, FAILS):
        way = "above" if claim.value > 0 else "below"
        return f"{ours} is {size} points {way} {theirs}: seeds and test texts agree."
    shown = round(100 * claim.value, 1)  # nothing is neither more nor less
    way = "+" if shown > 0 else "−" if shown < 0 else ""
    return f"{ours} and {theirs} are not told apart ({way}{size} points): {_why(claim)}."


def _why(claim: Claim) -> str:
    """Return what does not tell the two methods of a claim apart."""
    if claim.seeds < 2:
        return "one seed says nothing"
    if math.isnan(claim.low):
        return "the answers to the test texts are not there to compare"
    seeds, texts = _side(claim.seeds_low, claim.seeds_high), _side(claim.low, claim.high)
    if seeds and texts:
        return "seeds say one thing, test texts another"
    if seeds or texts:
        tell, not_tell = ("seeds", "test texts") if seeds else ("test texts", "seeds")
        return f"clear over {tell}, not over {not_tell}"
    return "clear neither over seeds nor over test texts"


def _side(low: float, high: float) -> int:
    """Return the side of zero that an interval is on: 1, -1, or 0 where it holds zero."""
    return (low > 0) - (high < 0)


def verdicts(results: Results) -> list[Verdict]:
    """Return what is best on each dataset and model; nothing of one where nothing has finished."""
    found = (_verdict(results, dataset, model) for dataset, model in results.places())
    return [verdict for verdict in found if verdict]


def place(results: Results, dataset: str, model: str) -> str:
    """Return the names of a dataset and model, each where there are several; '' of the only one."""
    names = [results.name(dataset)] if len(results.datasets) > 1 else []
    return ", ".join([*names, *([results.name(model)] if len(results.models) > 1 else [])])


def ranking(results: Results, dataset: str, model: str, bounds: bool = False) -> list[str]:
    """Return the methods that have finished runs, by mean whole accuracy, or the upper bounds."""
    runs = {m: results.of(dataset, model, m) for m in results.methods if results.bound(m) == bounds}
    means = {m: finished_mean(found) for m, found in runs.items()}
    return sorted((m for m in means if means[m] == means[m]), key=lambda m: -means[m])


def most_accurate(results: Results, among: Collection[Run]) -> Run | None:
    """Return a finished run, one of some, of the most accurate method, upper bounds last.

    On the first dataset and model that has one: accuracies on two datasets are not compared.
    """
    for dataset, model in results.places():
        for bounds in (False, True):
            for method in ranking(results, dataset, model, bounds):
                for run in results.of(dataset, model, method):
                    if run.finished and run in among:
                        return run
    return None


def _verdict(results: Results, dataset: str, model: str) -> Verdict | None:
    order, bounds = (ranking(results, dataset, model, bounds) for bounds in (False, True))
    if not order:
        return None
    claims = list(_above_the_others(results, dataset, model, order))
    first = results.name(order[0])
    apart = ", the upper bound apart" if bounds else ""
    way = (
        f"{first} is the most accurate method{apart}"
        if claims and claims[-1].verdict == HOLDS
        else f"{first} has the highest mean accuracy{apart}"
    )
    # the second one, and the first of the others that it is not told from
    said = claims[:1] + [claim for claim in claims[1:] if claim.verdict != HOLDS]
    more = [sentence(results, claim) for claim in said if claim.verdict]
    more += [
        f"{results.name(bound)}, {_why_bound(results, bound)}, comes to "
        f"{reached(results, dataset, model, bound)}."
        for bound in bounds[:1]
    ]
    shown = reached(results, dataset, model, order[0], seeds=True)
    return Verdict(place(results, dataset, model), f"{way}: {shown}.", more)


def _first_two(results: Results, dataset: str, model: str) -> Claim | None:
    """Return the difference between the two best methods; None where there are not two."""
    order = ranking(results, dataset, model)
    return difference(results, dataset, model, order[0], order[1]) if len(order) > 1 else None


def _above_the_others(
    results: Results, dataset: str, model: str, order: Sequence[str]
) -> Iterator[Claim]:
    """Yield whether the first is above each of the others, up to one where that does not hold.

    The second mean may be told from the first where a lower one, of other seeds, is not.
    """
    for other in order[1:]:
        claim = difference(results, dataset, model, order[0], other)
        yield claim
        if claim.verdict != HOLDS:
            return


def _why_bound(results: Results, method: str) -> str:
    whole = results.whole_history(method)
    return "trained on the whole history at every task" if whole else "not ranked (bound: true)"


def reached(results: Results, dataset: str, model: str, method: str, seeds: bool = False) -> str:
    """Return a method's whole accuracy, mean ± sd over its finished seeds, and how many these are.

    Args:
        seeds: whether to say what the numbers are over.
    """
    runs = [run for run in results.of(dataset, model, method) if run.finished]
    mean, std, n = spread(run.summary["whole_accuracy"] for run in runs)
    shown = f"{percent(mean, std)} %"
    what = f"mean ± sd over {n} seeds" if n > 1 else "one seed"
    return f"{shown} ({what})" if seeds else shown


def pending(results: Results) -> str:
    """Return a sentence on the runs that are not finished; '' where all are."""
    items = unfinished(results)
    if not items:
        return ""
    count = sum(not run.finished for run in results.runs)
    are = "is" if count == 1 else "are"
    return f"{count} of {len(results.runs)} runs {are} pending: {'; '.join(items)}."
