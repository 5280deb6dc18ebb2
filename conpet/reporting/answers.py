"""What a section of the page begins with: its question's answer, from the numbers below it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from conpet.provenance import CHANGED
from conpet.reporting.claims import FAILS, HOLDS, OPEN, Claim
from conpet.reporting.collect import Results
from conpet.reporting.cost import by_task, kept_bytes
from conpet.reporting.numbers import duration, number, percent, spread
from conpet.reporting.verdict import place, ranking, reached
from conpet.run.reading import Run
from conpet.wording import some


def ends(results: Results) -> Iterator[str]:
    """Yield the highest and the lowest whole accuracy after the last task, bounds included."""
    for dataset, model in results.places():
        both = [*ranking(results, dataset, model), *ranking(results, dataset, model, bounds=True)]
        means = {m: reached(results, dataset, model, m) for m in both}
        order = sorted(both, key=lambda m: -spread(_whole(results, dataset, model, m))[0])
        if order:
            low = f", {results.name(order[-1])} lowest ({means[order[-1]]})" if order[1:] else ""
            said = f"{results.name(order[0])} ends highest ({means[order[0]]}){low}."
            yield _at(results, dataset, model, said)


def forgotten(results: Results) -> Iterator[str]:
    """Yield which method forgets least and which most, and where the most accurate is weakest."""
    for dataset, model in results.places():
        order = ranking(results, dataset, model)
        shown, means = {}, {}
        for method in order:
            values = [r.summary["forgetting"] for r in _finished(results, dataset, model, method)]
            mean, std, _ = spread(values)
            if not math.isnan(mean):
                means[method] = mean
                shown[method] = f"({percent(mean, std)} points)"
        if not means:
            continue
        least, most = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        said = f"{results.name(least)} forgets least {shown[least]}"
        said += f", {results.name(most)} most {shown[most]}" if most != least else ""
        weak = _weakest(results, dataset, model, order[0])
        yield _at(results, dataset, model, f"{said}. {weak}")


def _weakest(results: Results, dataset: str, model: str, method: str) -> str:
    runs = _finished(results, dataset, model, method)
    # None of a task without a test sample
    ends = [np.array(run.metrics[-1]["task_accuracy"], dtype=float) for run in runs]
    accuracy = np.mean(ends, axis=0)
    low, high = int(np.nanargmin(accuracy)), int(np.nanargmax(accuracy))
    if accuracy[low] == accuracy[high]:
        same = percent(float(accuracy[low]), digits=1)
        return f"The most accurate, {results.name(method)}, ends at {same} % on each task."
    return (
        f"The most accurate, {results.name(method)}, ends weakest on task {low + 1} "
        f"({percent(float(accuracy[low]), digits=1)} %) and strongest on task "
        f"{high + 1} ({percent(float(accuracy[high]), digits=1)} %)."
    )


def found_tasks(results: Results) -> Iterator[str]:
    """Yield how often each selector takes a sample for its own task."""
    for dataset, model in results.places():
        items = []
        for method in results.methods:
            runs = _finished(results, dataset, model, method)
            rates = [(run.metrics[-1]["selector_accuracy"] or {}).get("1") for run in runs]
            mean, std, _ = spread(rates)
            if not math.isnan(mean):
                items.append(f"{results.name(method)} {percent(mean, std)} %")
        if items:
            yield _at(results, dataset, model, f"Right task first: {', '.join(items)}.")


def spent(results: Results) -> Iterator[str]:
    """Yield who trains on fewest and most samples per task, and what the most accurate takes."""
    for dataset, model in results.places():
        order = ranking(results, dataset, model)
        every = [*order, *ranking(results, dataset, model, bounds=True)]
        samples = {m: _per_task(results, dataset, model, m, "samples") for m in every}
        samples = {m: value for m, value in samples.items() if not math.isnan(value)}
        if not samples:
            continue
        few, many = (end(samples, key=samples.__getitem__) for end in (min, max))
        said = f"Fewest samples trained on per task: {results.name(few)}, {number(samples[few], 0)}"
        if few != many:
            said += f"; most: {results.name(many)}, {number(samples[many], 0)}"
        best = f" {_taken(results, dataset, model, order[0])}" if order else ""
        yield _at(results, dataset, model, f"{said}.{best}")


def _taken(results: Results, dataset: str, model: str, method: str) -> str:
    runs = _finished(results, dataset, model, method)
    samples, seconds = (
        _per_task(results, dataset, model, method, name) for name in ("samples", "seconds")
    )
    kept = spread(kept_bytes(run) for run in runs)[0]
    items = [
        f"{number(samples, 0)} samples" if not math.isnan(samples) else "",
        f"{duration(seconds)} per task" if not math.isnan(seconds) else "",
        f"{number(kept / 1000, 0)} kB of states that answer" if not math.isnan(kept) else "",
    ]
    found = ", ".join(item for item in items if item)
    return f"The most accurate, {results.name(method)}: {found}." if found else ""


def trained(results: Results) -> str:
    """Return how long all trainings took; '' where no clock has said."""
    found = [t for run in results.runs for t in run.trainings if t.timing]
    seconds = sum(training.own_seconds for training in found)
    return f"{duration(seconds)} of training in all, {len(found):,} trainings" if found else ""


def tested(claims: Sequence[Claim]) -> str:
    """Return how many claims hold; '' where none could be tested."""
    counts = Counter(claim.verdict for claim in claims if claim.verdict)
    total = sum(counts.values())
    if not total:
        return ""
    are = {HOLDS: "hold", FAILS: "do not hold", OPEN: "are undecided"}
    one = {HOLDS: "holds", FAILS: "does not hold", OPEN: "is undecided"}
    items = [f"{counts[v]} {(one if counts[v] == 1 else are)[v]}" for v in are if counts[v]]
    return f"Of {total} {'claim' if total == 1 else 'claims'} measured, {_listed(items)}."


def _listed(items: Sequence[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else items[0]


def code(commits: Mapping[str, int]) -> str:
    """Return what is to be known of the commits that trained, by their trainings."""
    if not commits:
        return ""
    plain = {name.partition(CHANGED)[0] for name in commits}
    versions = {name for name in commits if CHANGED in name}
    changed = sum(commits[name] for name in versions)
    said = "All trainings are of one commit" if len(plain) == 1 else (
        f"The trainings are of {len(plain)} commits"
    )  # fmt: skip
    more = f", {changed:,} of {sum(commits.values()):,} with changes not committed"
    if len(versions) > 1:
        more += f", which were not the same for all ({len(versions)} versions)"
    return f"{said}{more if changed else ''}."


def thrown_away(results: Results) -> str:
    """Return a sentence on trainings that came to nothing; '' where there are none."""
    found, lost, tried = [], 0, 0
    for run in results.runs:
        for task in run.tasks:
            # one that takes no steps (nothing is trained) cannot come to nothing
            epochs = [one.best_epoch for one in task.trainings if one.state.get("steps")]
            tried += sum(epoch is not None for epoch in epochs)
            lost += epochs.count(0)
            if 0 in epochs:
                name = results.name(run.key.method)
                found.append(f"{name}, seed {run.key.seed}, task {task.number}")
    if not found:
        return ""
    return (
        f"{lost} of {tried:,} trainings came to nothing, as validation was best before the "
        f"first epoch: {some(found, 3, between='; ')}."
    )


def _at(results: Results, dataset: str, model: str, said: str) -> str:
    where = place(results, dataset, model)
    return f"{where}: {said}".strip() if where else said.strip()


def _finished(results: Results, dataset: str, model: str, method: str) -> list[Run]:
    return [run for run in results.of(dataset, model, method) if run.finished]


def _whole(results: Results, dataset: str, model: str, method: str) -> list[float]:
    runs = _finished(results, dataset, model, method)
    return [run.summary["whole_accuracy"] for run in runs]


def _per_task(results: Results, dataset: str, model: str, method: str, name: str) -> float:
    return spread(by_task(_finished(results, dataset, model, method), name))[0]


#: what a figure shows, and the sentences with its numbers
_SHOWN: dict[str, tuple[str, Callable[[Results], Iterator[str]]]] = {
    "accuracy": ("Lines of accuracy against the number of tasks learnt, one per method", ends),
    "heatmap": ("Squares of accuracy, rows after each task, columns on each task", forgotten),
    "forgetting": ("Bars of forgetting, one per method", forgotten),
    "selector": ("Squares of the share of each task's samples sent to each task", found_tasks),
    "cost": ("Lines of cost against the number of tasks learnt, one per method", spent),
    "pareto": ("Points, one per method, of accuracy against cost", ends),
}


def alternative(results: Results, name: str, meaning: str, claims: Sequence[Claim]) -> str:
    """Return what a figure shows in words, with the numbers that one would read off it.

    Args:
        meaning: what the list of figures says of it, used where nothing better is known.
        claims: those measured, which the figure of claims draws.
    """
    if name == "claims":
        return f"Intervals of every claim's difference beside zero. {tested(claims)}".strip()
    kind, says = _SHOWN.get(name, (f"Drawing of {meaning}", lambda _: iter(())))
    count = len(results.methods)
    methods = f"{count} method{'s' if count != 1 else ''}"
    names = ", ".join(results.name(dataset) for dataset in results.datasets)
    return " ".join([f"{kind} ({methods} on {names}).", *says(results)])
