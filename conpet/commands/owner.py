"""Whose results lie in results/NAME: those of one experiment's file, as it is now."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conpet.config import Experiment
from conpet.config.model_source import FolderSource
from conpet.config.raw import MANIFEST
from conpet.config.stages import Learn
from conpet.config.strict import validate
from conpet.data.encoding import read_part
from conpet.data.sources import read_manifest
from conpet.errors import UserError
from conpet.files import read_json, sha256, write_text
from conpet.models.snapshot import RECORD, has_changed
from conpet.run import STATE_FILE, RunKey
from conpet.run.folder import RunFolder
from conpet.run.inputs import Inputs
from conpet.wording import counted, some

_SAID = {"logs", "benchmarks"}  # what is there after a run that made nothing


def _mark(name: str, results: Path) -> Path:
    return results.parent / ".snakemake/conpet/owners" / name


def check_owner(experiment: Experiment, results: Path) -> None:
    """Refuse results that the workflow made of another file with the same name.

    Raises:
        UserError: that file is still there, so that this is not the same one, moved.
    """
    mark, here = _mark(experiment.name, results), results / experiment.name
    made = {path.name for path in here.iterdir()} - _SAID if here.is_dir() else set()
    if not mark.is_file() or not made:
        return
    # seen from the project, so that a copy of it is its own
    project = results.parent.resolve()
    other = (project / mark.read_text(encoding="utf-8")).resolve()
    if other.is_file() and other != experiment.path.resolve():
        raise UserError(
            f"{experiment.path}: {here} holds what was made of {other}: "
            "give one of the two files another name"
        )


def claim(experiment: Experiment, results: Path) -> None:
    """Note whose results these are."""
    project, path = results.parent.resolve(), experiment.path.resolve()
    seen = path.relative_to(project) if path.is_relative_to(project) else path
    write_text(_mark(experiment.name, results), seen.as_posix())


def outdated(experiment: Experiment, results: Path) -> Iterator[str]:
    """Yield a line each for what is there, but was made with other settings or from other data."""
    if names := [*_changed_files(experiment, results), *_changed_models(experiment, results)]:
        yield f"{', '.join(names)}: changed since the results were made: {_again(experiment)}"
    for found, what in (
        (_other_models(experiment, results), ("model", "models")),
        (_other_data(experiment, results), ("part of the data", "parts of the data")),
        (_other_settings(experiment, results), ("run", "runs")),
    ):
        if names := list(dict.fromkeys(found)):
            yield (
                f"{counted(len(names), *what)} made with other settings or from other data "
                f"than {experiment.path} has now: {some(names, 3)}: {_again(experiment)}"
            )


def _again(experiment: Experiment) -> str:
    return f"snakemake tables --config experiment={experiment.path} makes them again"


def _changed_files(experiment: Experiment, results: Path) -> Iterator[str]:
    """Yield the user's own files that are not those that were read."""
    for dataset, data in experiment.datasets.items():
        for part in experiment.parts(dataset):
            raw = results / "data" / dataset / part / "raw"
            if not (raw / MANIFEST).is_file():
                continue
            read = {entry.name: entry for entry in read_manifest(raw)}
            for file in data.part(part).sources():
                path, entry = file.local_path(), read.get(file.name)
                if not path or not path.is_file():
                    continue
                was = entry and (entry.archive if file.member else entry.sha256)
                # an archive's own bytes were not noted always
                if sha256(path) != was and not (file.member and entry and was is None):
                    yield str(path)


def _changed_models(experiment: Experiment, results: Path) -> Iterator[str]:
    """Yield the user's own model folders that no longer hold what was copied from them."""
    for name, model in experiment.models.items():
        if isinstance(model.source, FolderSource) and has_changed(
            model.source.path, results / "models" / name
        ):
            yield model.source.path


def _other_models(experiment: Experiment, results: Path) -> Iterator[str]:
    """Yield the models that were fetched from elsewhere, or are another version."""
    for name, model in experiment.models.items():
        path = results / "models" / name / RECORD
        record = read_json(path) if path.is_file() else {}
        pin = model.source.model_dump()
        if any(record[key] != value for key, value in pin.items() if key in record):
            yield name


def _other_files(experiment: Experiment, results: Path, dataset: str, part: str) -> bool:
    """Say whether a part's raw files are not those whose bytes the config names now."""
    raw = results / "data" / dataset / part / "raw"
    if not (raw / MANIFEST).is_file():
        return False
    read = {entry.name: entry.sha256 for entry in read_manifest(raw)}
    files = experiment.fetch_dataset(dataset, part).files
    # of an archive's member the config names the archive's bytes
    pins = {file.name: file.sha256 for file in files if file.sha256 and not file.member}
    return any(read.get(name, pin) != pin for name, pin in pins.items())


def _other_data(experiment: Experiment, results: Path) -> Iterator[str]:
    for dataset in experiment.datasets:
        for part in experiment.parts(dataset):
            own = results / experiment.name / dataset
            stages = [
                (results / "data" / dataset / part / "prepare.json", experiment.prepare),
                (own / f"{part}.tasks.json", experiment.split),
            ]
            told = [(_told(path), of(dataset, part).text()) for path, of in stages]
            for model in experiment.models:
                path = own / model / f"{part}.safetensors"
                if path.is_file():
                    about = read_part(path).about
                    told.append((about.get("settings"), experiment.encode(dataset, model).text()))
            other = _other_files(experiment, results, dataset, part)
            if other or any(then not in (None, now) for then, now in told):
                yield f"{dataset} ({part})"


def _told(path: Path) -> Any:
    """Return the settings that a file says it was made with; None where it says none."""
    return _value(path, "settings")


def _value(path: Path, key: str) -> Any:
    value = read_json(path) if path.is_file() else None
    return value.get(key) if isinstance(value, dict) else None


def _other_settings(experiment: Experiment, results: Path) -> Iterator[str]:
    for dataset, model, method in experiment.cells():
        inputs = _inputs(experiment, results, dataset, model)
        for task in range(1, experiment.tasks(dataset) + 1):
            now = experiment.learn(dataset, model, method, task).text()
            for seed in experiment.seeds:
                key = RunKey(experiment.name, dataset, model, method, seed)
                path = RunFolder(results / key.path).state(task) / STATE_FILE
                if path.is_file() and not _is_of(path, now, inputs):
                    yield f"{dataset} {model} {method} seed {seed}"


def _inputs(experiment: Experiment, results: Path, dataset: str, model: str) -> Inputs:
    folder = results / experiment.name / dataset / model
    paths = [folder / f"{part}.safetensors" for part in experiment.parts(dataset)]
    there = itertools.takewhile(Path.is_file, paths)
    return Inputs(results / "models" / model, list(there))


def _is_of(path: Path, now: str, inputs: Inputs) -> bool:
    """Say whether a state was learnt with these settings, from these files, as far as it tells."""
    try:
        state = read_json(path)
        then = validate(Learn, state["settings"], str(path)).text()
    except (UserError, KeyError, TypeError):
        return False  # of another version
    encoded = state.get("encoded_sha256")
    return then == now and (not inputs.encoded or not encoded or inputs.knows(encoded))
