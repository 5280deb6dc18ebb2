"""Whose results lie in results/NAME: those of one experiment's file, as it is now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from conpet.config import Experiment
from conpet.config.stages import Learn
from conpet.config.strict import validate
from conpet.errors import UserError
from conpet.files import read_json, write_text
from conpet.run import STATE_FILE, RunKey
from conpet.run.folder import RunFolder

_NAMED = 3


def _mark(name: str, results: Path) -> Path:
    return results.parent / ".snakemake/conpet/owners" / name


def check_owner(experiment: Experiment, results: Path) -> None:
    """Refuse results that the workflow made of another file with the same name.

    Raises:
        UserError: that file is still there, so that this is not the same one, moved.
    """
    mark = _mark(experiment.name, results)
    if not mark.is_file():
        return
    # seen from the project, so that a copy of it is its own
    project = results.parent.resolve()
    other = (project / mark.read_text(encoding="utf-8")).resolve()
    if other.is_file() and other != experiment.path.resolve():
        raise UserError(
            f"{experiment.path}: {results / experiment.name} holds what was made of {other}: "
            "give one of the two files another name"
        )


def claim(experiment: Experiment, results: Path) -> None:
    """Note whose results these are."""
    project, path = results.parent.resolve(), experiment.path.resolve()
    seen = path.relative_to(project) if path.is_relative_to(project) else path
    write_text(_mark(experiment.name, results), seen.as_posix())


def outdated(experiment: Experiment, results: Path) -> str:
    """Say which finished runs were learnt with other settings than the config has now."""
    found = list(dict.fromkeys(_outdated(experiment, results)))
    if not found:
        return ""
    more = ", ..." if len(found) > _NAMED else ""
    return (
        f"{len(found)} runs were learnt with other settings than {experiment.path} has now: "
        f"{', '.join(found[:_NAMED])}{more}: snakemake makes them again"
    )


def _outdated(experiment: Experiment, results: Path) -> Iterator[str]:
    for dataset, model, method in experiment.cells():
        for task in range(1, experiment.tasks(dataset) + 1):
            now = experiment.learn(dataset, model, method, task).text()
            for seed in experiment.seeds:
                key = RunKey(experiment.name, dataset, model, method, seed)
                path = RunFolder(results / key.path).state(task) / STATE_FILE
                if not path.is_file():
                    continue
                if _settings(path) != now:
                    yield f"{dataset} {model} {method} seed {seed}"


def _settings(path: Path) -> str:
    """Return what a state was learnt with, as its stage's text; empty where that cannot be read."""
    state = read_json(path)
    try:
        return validate(Learn, state["settings"], str(path)).text()
    except (UserError, KeyError, TypeError):
        return ""  # of another version: told as other settings
