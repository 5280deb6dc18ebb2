"""An experiment at a glance: a line per method, and what to do next."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from conpet.commands.description_text import columns
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
