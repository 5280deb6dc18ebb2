"""Methods that train nothing, and which trained ones they are above: shown, whoever it pleases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from conpet.reporting.collect import Results
from conpet.reporting.significance import best, finished_mean
from conpet.run import STATE_FILE
from conpet.run.reading import Run


def trains_nothing(runs: list[Run]) -> bool:
    """Say whether a method's finished runs, of which there are some, have tuned no weight."""
    found = [t.state.get("trainable_parameters") for r in runs if r.finished for t in r.trainings]
    return bool(found) and all(count == 0 for count in found)


def surpassed(results: Results, dataset: str, model: str) -> Iterator[tuple[str, str]]:
    """Yield (method, trained one) where the best method that trains nothing is above, by the mean.

    Of whole accuracy after the last task, over the seeds that each has finished.
    """
    runs = {m: results.of(dataset, model, m) for m in results.methods}
    free = [method for method, found in runs.items() if trains_nothing(found)]
    top = best(results, dataset, model, free)
    for method, found in runs.items():
        if top and method not in free and finished_mean(runs[top]) > finished_mean(found):
            yield top, method


def untrained_notes(results: Results) -> tuple[list[str], list[Path]]:
    """Return the footnotes on methods that train nothing, and the files read for them."""
    notes = []
    several = len(results.models) > 1
    for dataset, model in results.places():
        runs = {m: results.of(dataset, model, m) for m in results.methods}
        free = [results.name(m) for m, found in runs.items() if trains_nothing(found)]
        if not free:
            continue
        where = results.name(dataset) + (f", {results.name(model)}" if several else "")
        note = f"{where}, nothing is trained by {', '.join(free)}"
        pairs = list(surpassed(results, dataset, model))
        if pairs:
            below = ", ".join(results.name(method) for _, method in pairs)
            top = results.name(pairs[0][0])
            note += f": by the mean {top} is above {below} (table claims: which are told apart)"
        notes.append(f"{note}.")
    return notes, results.training_files(STATE_FILE) if notes else []
