"""tasks.json: which classes and which rows of the samples a task has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from conpet.config.strict import validate
from conpet.errors import UserError
from conpet.files import read_json, sha256

Rows = list[Annotated[int, Field(ge=0)]]


class _Task(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    task: Annotated[int, Field(ge=1)]
    classes: list[str]
    train: Rows
    valid: Rows
    test: Rows


class _File(BaseModel):
    """What else stands in the file says where it comes from."""

    model_config = ConfigDict(strict=True)

    tasks: Annotated[list[_Task], Field(min_length=1)]


class Groups(RootModel[dict[str, list[str]]]):
    """A raw file that maps names of groups to classes."""

    model_config = ConfigDict(strict=True)


def read_tasks(path: Path) -> list[dict[str, Any]]:
    """Return the tasks of a part: number, classes, and the rows of train, valid and test.

    Raises:
        UserError: the file is missing or is not such a file.
    """
    return [task.model_dump() for task in validate(_File, read_json(path), str(path)).tasks]


def check_samples(samples: Path, tasks: Path) -> None:
    """Refuse tasks that were cut from other samples; those that do not say pass.

    Raises:
        UserError: they were.
    """
    said = read_json(tasks).get("samples_sha256")
    if said and said != sha256(samples):
        raise UserError(f"{tasks}: cut from other samples than {samples}: run `conpet split`")


def check_rows(tasks: list[dict[str, Any]], samples: int, path: Path) -> None:
    """Raise a UserError unless all rows are rows of so many samples."""
    last = max((row for t in tasks for k in ("train", "valid", "test") for row in t[k]), default=-1)
    if last >= samples:
        raise UserError(
            f"{path}: row {last} of {samples} samples: made of other samples: run `conpet split`"
        )
