"""A name that two experiments give to different data is refused: files are shared by the name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conpet.config.dataset import Dataset, Source
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


def told_apart_by(data: Dataset) -> str:
    """Return a hash of what a dataset's samples come from, wherever its files lie."""
    found = [data.kind, data.duplicates, *(_part(data, part, _name) for part in _own_parts(data))]
    return hashlib.sha256(repr(found).encode()).hexdigest()


def _samples(data: Dataset) -> Any:
    """Return all that a dataset's samples come from, before any addition."""
    return data.kind, data.duplicates, [_part(data, part, _address) for part in _own_parts(data)]


def _own_parts(data: Dataset) -> list[str]:
    return data.parts()[: len(data.tasks) or 1]


def _part(data: Dataset, name: str, place: Callable[[RawFile], str | None]) -> Any:
    source = data.part(name)
    files = [(f.name, f.split, f.member, f.sha256, place(f)) for f in source.sources()]
    # where duplicates go, copies of other classes do not count
    classes = source.classes if isinstance(source, Source) and data.duplicates != "keep" else None
    return files, source.generator, data.reading(name), data.renaming(name), classes


def _address(file: RawFile) -> str | None:
    local = file.local_path()
    return str(local.resolve()) if local else file.url


def _name(file: RawFile) -> str | None:
    return file.name if file.local_path() else file.url
