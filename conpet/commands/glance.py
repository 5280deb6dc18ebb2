"""An experiment at a glance: a line per method, what seeds and texts tell, and what to do next."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from conpet.commands.description_text import columns
from conpet.reporting.claims import FAILS, HOLDS, Claim, found_claims
from conpet.reporting.collect import Results
from conpet.reporting.cost import by_task
from conpet.reporting.numbers import number, percent, spread, waiting
from conpet.reporting.predictions import last_predictions
from conpet.reporting.table_parts import grid
from conpet.run.reading import Run

_HEAD = ("Method", "Accuracy (%)", "Forgets (points)", "Samples per task")


def glance(results: Results) -> list[str]:
    """Return a line per method: accuracy and forgetting, mean ± sd over seeds, and its cost.

    Accuracy is that on all classes after the last task; samples are those trained on.
    """
    rows = []
    several = len(results.datasets) > 1, len(results.models) > 1
    for dataset, model, method, runs in grid(results):
        done = [run for run in runs if run.finished]
        cells = [
            percent(*spread(run.summary[metric] for run in done)[:2])
            for metric in ("whole_accuracy", "forgetting")
        ]
        cells.append(number(spread(by_task(done, "samples"))[0], 0))
        names = zip((results.name(dataset), results.name(model)), several, strict=True)
        title = " ".join([results.name(method), *(name for name, shown in names if shown)])
        rows.append([title, *waiting(cells, not done)])
    return columns([_HEAD, *rows], 1)


def told(results: Results) -> Iterator[str]:
    """Yield a sentence for each pair of methods that is to be compared."""
    several = len(results.datasets) > 1
    for claim in found_claims(results):
        plain = f"{results.name(claim.method)} above {results.name(claim.baseline)}"
        if claim.claim == plain and claim.verdict:
            where = f"{results.name(claim.dataset)}: " if several else ""
            yield where + _sentence(results, claim)


def _sentence(results: Results, claim: Claim) -> str:
    ours, theirs = results.name(claim.method), results.name(claim.baseline)
    size = percent(abs(claim.value), claim.std, 1)
    if claim.verdict in (HOLDS, FAILS):
        way = "above" if claim.value > 0 else "below"
        return f"{ours} is {size} points {way} {theirs}: seeds and test texts agree."
    way = "+" if claim.value > 0 else "−"
    why = "one seed says nothing" if claim.seeds < 2 else "seeds or test texts do not agree"
    return f"{ours} and {theirs} are not told apart ({way}{size} points): {why}."


def following(results: Results, here: Path) -> Iterator[str]:
    """Yield what to do next, a command and what it does, as far as what it needs is there.

    Args:
        here: the experiment's folder.
    """
    conpet = _command()
    answering = [run for run in results.runs if (run.folder.root / "model").is_dir()]
    asked = [(f"{conpet} ui", "all runs in MLflow")] if (here / "tracked.json").is_file() else []
    if (here / "report.html").is_file():
        asked.insert(0, (str(here / "report.html"), "tables, figures and every run on one page"))
    if answering:
        run = answering[0].folder.root
        text = _example(results, answering[0])
        asked.insert(0, (f"{conpet} predict --run {run} --text {text}", "ask what was learnt"))
    asked += [
        (f"{conpet} init YOUR.csv", "a YAML for texts and labels of yours"),
        (f"{conpet} targets", "the experiments that are here, and what can be made of them"),
    ]
    for command, what in asked:
        yield f"{command}\n    {what}"


def _example(results: Results, run: Run) -> str:
    """Return a test text as `conpet predict` wants it, quoted for a shell: one that was right."""
    from conpet.data.samples import read_samples
    from conpet.predicting.texts import as_text

    path = results.root / "data" / run.key.dataset / "base" / "samples.parquet"
    frame = last_predictions(run)
    if frame is None or not path.is_file():
        return "TEXT"
    right = [row for part, row in frame.index[frame["correct"].astype(bool)] if part == 0]
    found = read_samples(path)
    return shlex.quote(as_text(found[right[0]])) if right and right[0] < len(found) else "TEXT"


def _command() -> str:
    """Return how `conpet` is called from here."""
    conpet = Path(sys.executable).parent / "conpet"
    near = conpet.is_relative_to(Path.cwd())
    return str(conpet.relative_to(Path.cwd())) if near else "conpet"
