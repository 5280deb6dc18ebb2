"""What `conpet describe` is asked about: a name, a YAML or a data file, as datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conpet.commands.checks import DataChecks, LibraryChecks, open_experiment
from conpet.config import Dataset, Experiment
from conpet.config.experiment import load_data
from conpet.config.experiment_file import DataFile, ExperimentFile, own_file
from conpet.config.strict import is_yaml, read_yaml, validate
from conpet.data import readers
from conpet.errors import UserError
from conpet.names import name_of

MODELS = ["minilm"]


def open_dataset(
    name: str, models: list[str] | None, config_dir: Path, max_length: int | None = None
) -> list[tuple[Experiment, str]]:
    """Return each dataset that ``name`` means, in an experiment with the given models.

    ``name`` is one of config/datasets, or a YAML: a dataset's own, or an experiment's, whose
    datasets, models and encoding are meant. Without ``models`` and an experiment it is minilm.
    """
    path = Path(name)
    settings: dict[str, Any] = {}
    datasets: list[str] | dict[str, Any] = [name]
    where = "describe"
    if is_yaml(path):
        where = name
        value = read_yaml(path)
        if "datasets" in value:
            _check_whole(name, value, models, config_dir)
            models = models or value.get("models")
            datasets = value["datasets"]
            encoding = (value.get("settings") or {}).get("encoding")
            settings = {"encoding": encoding} if encoding else {}
        else:
            validate(Dataset, value, where)
            # what its own file leaves unsaid has the defaults of such a file
            datasets = {path.stem: {"split": {"scheme": "official"}, **value}}
    elif path.is_file():
        raise UserError(f"{name}: a data file: say how it reads: --format table, marked, ...")
    elif not (config_dir / "datasets" / f"{name}.yaml").is_file():
        if path.is_dir() or path.suffix.lower() in readers.SUFFIXES or len(path.parts) > 1:
            what = "is a folder" if path.is_dir() else "no such file"
            raise UserError(f"{name}: {what}: give the path of a data file, or a dataset's name")
        if meant := own_file(name):
            raise UserError(f"describe: unknown dataset {name!r}: {meant}")
    return _opened(datasets, models or MODELS, config_dir, where, settings, max_length)


def compared(name: str, models: list[str] | None, config_dir: Path) -> Experiment | None:
    """Return the experiment that a YAML is, where it has methods, and models of its own."""
    path = Path(name)
    if models or not is_yaml(path) or not {"datasets", "methods"} <= read_yaml(path).keys():
        return None
    return open_experiment(name, config_dir, DataChecks())


def _check_whole(
    name: str, value: dict[str, Any], models: list[str] | None, config_dir: Path
) -> None:
    """Refuse an experiment that could not be run, though its data can be looked at.

    One without methods is for a look alone; with other models, its form alone is held.
    """
    if "methods" not in value:
        validate(DataFile, value, name)
    elif models:
        validate(ExperimentFile, value, name)
    else:
        open_experiment(name, config_dir)


def open_file(
    path: Path,
    about: dict[str, Any],
    models: list[str],
    config_dir: Path,
    max_length: int | None = None,
) -> list[tuple[Experiment, str]]:
    """Return one local file as a dataset; ``about`` is what else its YAML would say."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise UserError(f"{path}: {what}: give the path of a data file")
    form = str(about.get("format", "table"))
    kind = about.get("kind") or readers.kind_of(form, about.get("options") or {})
    if form in readers.FORMATS and kind is None:
        raise UserError(f"--kind: {form} leaves it open: give relation or entity")
    name = name_of(path.stem)
    value = {**about, "files": [str(path.absolute())]}
    return _opened({name: value}, models, config_dir, str(path), {}, max_length)


def _opened(
    datasets: list[str] | dict[str, Any],
    models: list[str],
    config_dir: Path,
    where: str,
    settings: dict[str, Any],
    max_length: int | None,
) -> list[tuple[Experiment, str]]:
    if max_length is not None:
        settings = {"encoding": {**settings.get("encoding", {}), "max_length": max_length}}
    experiment = load_data(datasets, models, config_dir, where, settings, LibraryChecks())
    return [(experiment, dataset) for dataset in experiment.datasets]
