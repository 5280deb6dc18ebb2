"""What an experiment's YAML may say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from conpet.config.settings import Count, Seed
from conpet.config.strict import Strict, choose, is_yaml
from conpet.errors import UserError
from conpet.files import visible
from conpet.names import name_of

Names = Annotated[list[str], Field(min_length=1)]


class Override(Strict):
    """Settings for a part of the matrix; a list left out means all."""

    datasets: list[str] = []
    models: list[str] = []
    methods: list[str] = []
    settings: dict[str, Any]

    @field_validator("datasets", "models", "methods")
    @classmethod
    def _name_some(cls, value: list[str]) -> list[str]:
        if not value:  # a default is not looked at
            raise ValueError("expected a list of at least 1: one left out means all, found []")
        return value

    def applies(self, dataset: str, model: str, method: str) -> bool:
        """Say whether this override is for that cell of the matrix."""
        pairs = ((self.datasets, dataset), (self.models, model), (self.methods, method))
        return all(not names or name in names for names, name in pairs)


class ExperimentFile(Strict):
    """The whole file."""

    title: str
    datasets: Names | Annotated[dict[str, dict[str, Any] | None], Field(min_length=1)]
    models: Names = ["minilm"]
    methods: Names | Annotated[dict[str, dict[str, Any] | None], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)] = [100]
    tasks: Count | None = None
    settings: dict[str, Any] = {}
    overrides: list[Override] = []

    @field_validator("datasets", "models", "methods", "seeds")
    @classmethod
    def _once_each(cls, value: list[Any]) -> list[Any]:
        if len(set(value)) < len(value):
            raise ValueError("each may stand there only once")
        return value


class DataFile(ExperimentFile):
    """One without methods: nothing is learnt, which is enough for a look at the data."""

    methods: list[str] = []


def check_folder(config_dir: Path) -> None:
    """See that there is a folder of configs.

    Raises:
        UserError: there is none.
    """
    if not config_dir.is_dir():
        raise UserError(f"{config_dir}: no such folder: run in the project, or give --config-dir")


def path_of(name: str, config_dir: Path) -> Path:
    """Return the file of an experiment, given by its name or as a YAML.

    Raises:
        UserError: no such name, with the closest, or the YAML of that name that was meant.
    """
    if is_yaml(Path(name)):
        return Path(name)
    folder = config_dir / "experiments"
    known = [path.stem for path in visible(folder, "*.yaml")]
    if name not in known and (meant := own_file(name)):
        raise UserError(f"{folder}: unknown experiment {name!r}: {meant}")
    choose("experiment", name, known, str(folder))
    return folder / f"{name}.yaml"


def own_file(name: str) -> str:
    """Say which file of one's own to give in place of its name; nothing where none is known of."""
    if (here := Path(f"{name}.yaml")).is_file():
        return f"{here} is here: give {here}"
    if name_of(name) == name and (made := Path("results") / name).is_dir():
        return (
            f"{made} is there, made from a file of yours: give that file's path (.../{name}.yaml)"
        )
    return ""
