"""Options that several commands share, and where their settings come from.

The workflow hands a job its settings as a file: those that triggered it. By hand they are resolved
from the experiment's config first, by the same code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from typer import Argument, Option

from conpet.config import Experiment
from conpet.config.checks import Checks
from conpet.config.stages import Stage
from conpet.config.strict import choose, validate_text
from conpet.errors import UserError

ConfigDir = Annotated[Path, Option(help="folder of the config")]
Named = Annotated[str, Argument(help="the experiment, by name or YAML")]
Name = Annotated[str, Option("--experiment", help="a name in config/experiments, or a YAML file")]
Handed = Annotated[
    Path | None, Option("--settings", help="resolved settings; no config is read then")
]
Dataset = Annotated[str, Option(help="a dataset of the experiment")]
Model = Annotated[str, Option(help="a model of the experiment")]
Method = Annotated[str, Option(help="a method of the experiment")]
Part = Annotated[str, Option(help="base, or add1, add2, ... for later additions to the stream")]
Seed = Annotated[int, Option(help="the run's seed", min=0, max=2**32 - 1)]
Task = Annotated[int, Option(help="the task, from 1", min=1)]
Mirror = Annotated[Path | None, Option(help="local folder that holds the same bytes")]
Results = Annotated[Path, Option(help="folder of results")]
Snapshot = Annotated[Path, Option(help="model folder")]
Encoded = Annotated[list[Path], Option(help="encoded file; again for every part up to the task")]
States = Annotated[
    list[Path] | None, Option("--state", help="earlier state; again for each, oldest first")
]
Selector = Annotated[Path | None, Option(help="the task's selector")]
Out = Annotated[Path, Option(help="what is written")]
Store = Annotated[str, Option(help="MLflow's store")]
Artifacts = Annotated[Path, Option(help="folder of MLflow's artifacts")]

CONFIG = Path("config")
RESULTS = Path("results")
STORE = "sqlite:///results/mlflow.db"
ARTIFACTS = Path("results/mlartifacts")
ReaderOption = Annotated[
    list[str] | None, Option(help="KEY=VALUE of the reader, like quotes=false; again for each")
]

S = TypeVar("S", bound=Stage)


def one_of(name: str, experiment: str) -> str:
    """Return the experiment that was given by position, or as an option.

    Raises:
        UserError: it was given both ways.
    """
    if name and experiment:
        raise UserError(f"{name} and --experiment {experiment}: give one of them")
    return name or experiment


def required(name: str, experiment: str) -> str:
    """Return the experiment that was given.

    Raises:
        UserError: it was given in both ways, or in none.
    """
    if not (found := one_of(name, experiment)):
        raise UserError("give an experiment: a name in config/experiments, or a YAML file")
    return found


def told(
    kind: type[S],
    settings: Path | None,
    experiment: tuple[str, Path],
    resolve: Callable[[Experiment], S],
    checks: Checks | None = None,
) -> S:
    """Return a job's settings: those that it was handed, else those of the experiment.

    Args:
        experiment: its name (or YAML), and the config folder.
        checks: what the config is held against where it is read (all that there is by default).

    Raises:
        UserError: the file holds no such settings, or the config has a mistake.
    """
    if settings is not None:
        return read_settings(kind, settings)
    from conpet.commands.checks import open_experiment

    found = resolve(open_experiment(required("", experiment[0]), experiment[1], checks))
    # as the workflow hands it over, so that a job by hand leaves the same bytes
    return validate_text(kind, found.text().encode(), experiment[0])


def read_settings(kind: type[S], path: Path) -> S:
    """Read a file of settings; one named by its SHA-256 must have that.

    Raises:
        UserError: no such file, not such settings, or not what its name says.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    if len(path.stem) == 64 and hashlib.sha256(text).hexdigest() != path.stem:
        raise UserError(f"{path}: was changed: run the workflow again")
    return validate_text(kind, text, str(path))


def known(experiment: Experiment, **names: str) -> Experiment:
    """Return the experiment, if it has a dataset, model, method or part of these names.

    Raises:
        UserError: it has not, with the closest name that it has.
    """
    for kind, name in names.items():
        if kind == "part":
            there = experiment.datasets[names["dataset"]].parts()
        else:
            there = list(getattr(experiment, f"{kind}s"))
        choose(kind, name, there, f"--{kind}")
    return experiment


def pairs(option: str, given: list[str] | None, form: str = "KEY=VALUE") -> dict[str, str]:
    """Return what an option, given again for each, says in pairs.

    Raises:
        UserError: one is no pair, or names a key again.
    """
    if wrong := [pair for pair in given or [] if "=" not in pair]:
        raise UserError(f"--{option} {wrong[0]}: give {form}")
    names = [pair.split("=", 1)[0] for pair in given or []]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"--{option} {twice[0]}: given twice: give it once")
    return dict(pair.split("=", 1) for pair in given or [])


def reader_options(given: list[str] | None) -> dict[str, Any]:
    """Return KEY=VALUE pairs as a dictionary; a list or a mapping is JSON."""
    found: dict[str, Any] = {**pairs("option", given)}
    for key, value in found.items():
        if value.startswith(("[", "{")):
            try:
                found[key] = json.loads(value)
            except ValueError as error:
                raise UserError(f"--option {key}: not JSON: {error}") from None
    return found
