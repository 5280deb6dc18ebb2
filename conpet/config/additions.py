"""What `conpet extend` adds to a dataset's stream, in a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import field_validator

from conpet.config.dataset import Addition
from conpet.config.strict import Strict, read_yaml, validate


def additions_file(config_dir: Path, dataset: str) -> Path:
    """Return where `conpet extend` writes what it adds to a dataset's stream."""
    return config_dir / "additions" / f"{dataset}.yaml"


class Additions(Strict):
    """Such a file: tasks that come after those that the dataset's own config says.

    ``experiment`` is the YAML that writes the dataset out, where one does, and ``data`` a hash of
    what its samples come from, which says whose additions these are once that YAML is gone.
    """

    experiment: str = ""
    data: str = ""
    additions: list[Addition]

    @field_validator("additions", mode="before")
    @classmethod
    def _none_left(cls, value: Any) -> Any:
        """Take a list whose last entry was deleted for an empty one."""
        return [] if value is None else value


def read_additions(path: Path) -> Additions:
    """Read such a file.

    Raises:
        UserError: it is not one.
    """
    return validate(Additions, read_yaml(path), str(path))
