"""A name that two experiments give to different data is refused: files are shared by the name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from conpet.config.dataset import Dataset
from conpet.config.raw import RawFile
from conpet.errors import UserError


def refuse_other_data(
    data: Dataset, place: str, shared: Path, other: str, there: Callable[[], Dataset | None]
) -> None:
    """Refuse a dataset written out, where another experiment's of that name has other samples.

    Args:
        place: where it is written out, for messages.
        shared: the file or folder that both would have.
        other: the YAML of the experiment that had it first.
        there: gives that one's dataset, or None where it has none of the name.

    Raises:
        UserError: both files, and what to do.
    """
    if place.startswith(f"{other}: ") or not Path(other).is_file():
        return
    try:
        found = there()
    except UserError:  # it can no longer be read: nobody else needs what is shared
        return
    if found is not None and _samples(found) != _samples(data):
        raise UserError(
            f"{place}: {shared} is of other data of that name, which {other} writes out: give one "
            f"of the two another name{f', or delete {shared}' if shared.is_dir() else ''}"
        )


def _samples(data: Dataset) -> Any:
    """Return all that a dataset's samples come from, before any addition."""
    files = [(f.name, f.split, f.member, f.sha256, _address(f)) for f in data.sources()]
    return files, data.generator, data.kind, data.reading("base"), data.duplicates


def _address(file: RawFile) -> str | None:
    local = file.local_path()
    return str(local.resolve()) if local else file.url
