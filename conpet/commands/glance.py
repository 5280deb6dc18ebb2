"""An experiment at a glance: a line per method, and what to do next."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from conpet.commands.description_text import columns
from conpet.reporting.collect import Results
from conpet.reporting.cost import by_task
from conpet.reporting.numbers import number, percent, spread, waiting
from conpet.reporting.predictions import last_predictions
from conpet.reporting.table_parts import grid
from conpet.reporting.verdict import most_accurate
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


def following(results: Results, here: Path, named: str) -> Iterator[str]:
    """Yield what to do next, a command and what it does: to look at what is there, make the rest.

    Args:
        here: the experiment's folder.
        named: the experiment, as commands are told it: a name or a YAML.
    """
    conpet = _command("conpet")
    answering = [run for run in results.runs if run.folder.package.is_dir()]
    asked = [
        ("learners", "make the learners ready to be asked"),
        ("report", "make a page of tables, figures and every run"),
        ("mlflow", "log all runs in MLflow"),
    ]
    ready = {}
    if answering:
        best = most_accurate(results, answering) or answering[0]
        words = f"--run {shlex.quote(str(best.folder.root))} --text {_example(results, best)}"
        what = f"ask what {results.name(best.key.method)} learnt"
        ready["learners"] = (f"{conpet} predict {words}", what)
    page = here / "report.html"
    if page.is_file() and not _older(page, results.metrics_files()):
        ready["report"] = (shlex.quote(str(page)), "tables, figures and every run on one page")
    elif page.is_file():
        command = f"{_command('snakemake')} report --config experiment={shlex.quote(named)}"
        ready["report"] = (command, f"make the page again: {page} is older than the results")
    tracked = here / "tracked.json"
    if tracked.is_file() and not _older(tracked, results.metrics_files()):
        ready["mlflow"] = (f"{conpet} ui", "all runs in MLflow")
    elif tracked.is_file():
        command = f"{_command('snakemake')} mlflow --config experiment={shlex.quote(named)}"
        ready["mlflow"] = (command, "log in MLflow again: it is older than the results")
    make = f"--config experiment={shlex.quote(named)}"
    commands = [
        ready.get(target, (f"{_command('snakemake')} {target} {make}", what))
        for target, what in asked
    ]
    commands += [
        (f"{conpet} init YOUR.csv", "a YAML for texts and labels of yours"),
        (f"{conpet} targets", "the experiments that are here, and what can be made of them"),
    ]
    for command, what in commands:
        yield f"{command}\n    {what}"


def _older(file: Path, files: Iterable[Path]) -> bool:
    """Say whether a file is older than one of those that it was made from."""
    made = file.stat().st_mtime
    return any(one.stat().st_mtime > made for one in files if one.is_file())


def _example(results: Results, run: Run) -> str:
    """Return a test text as `conpet predict` wants it, quoted for a shell: one that was right."""
    from conpet.data.marks import as_text
    from conpet.data.samples import read_samples

    path = results.root / "data" / run.key.dataset / "base" / "samples.parquet"
    frame = last_predictions(run)
    if frame is None or not path.is_file():
        return "TEXT"
    right = [row for part, row in frame.index[frame["correct"].astype(bool)] if part == 0]
    found = read_samples(path)
    return shlex.quote(as_text(found[right[0]])) if right and right[0] < len(found) else "TEXT"


def _command(name: str) -> str:
    """Return how a command of this environment is called from here."""
    path = Path(sys.executable).parent / name
    near = path.is_relative_to(Path.cwd())
    return str(path.relative_to(Path.cwd())) if near else name
