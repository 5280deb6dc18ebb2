"""Texts of none of the classes, and the texts of a file that someone asks about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conpet.config.dataset import Outside
from conpet.data import readers
from conpet.data.report import Report
from conpet.errors import UserError
from conpet.files import read_json


def read_outside(raw: Path, rule: Outside) -> list[str]:
    """Return the texts that a dataset names as outside of all classes.

    Raises:
        UserError: no such file, no such key in it, or an entry that is no text.
    """
    path = raw / rule.file
    if not path.is_file():
        raise UserError(f"{path}: missing: the dataset's outside.file names it")
    found = read_json(path)
    entries = found.get(rule.key) if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise UserError(f"{path}: {rule.key}: missing: the dataset's outside.key names it")
    texts = [entry[0] if isinstance(entry, list) and entry else entry for entry in entries]
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise UserError(
                f"{path}: {rule.key}[{number}]: expected a text, or a list that begins so"
            )
    return texts


def read_texts(
    path: Path, options: dict[str, Any] | None = None, report: Report | None = None
) -> list[str | dict[str, str]]:
    """Return the texts of a file, one a row (options of the format ``table``) or a line of a .txt.

    A text of several fields is a mapping of their names.

    Raises:
        UserError: no such file, a kind that is not read, or what training would refuse too.
    """
    if not path.is_file():
        if path.is_dir():
            raise UserError(f"{path}: is a folder: give a file")
        if str(path) == "-" or path.exists():
            raise UserError(f"{path}: only files are read: write the texts into one")
        raise UserError(f"{path}: no such file")
    kinds = readers.SUFFIXES
    if path.suffix.lower() not in kinds:
        raise UserError(f"{path}: give {', '.join(kinds[:-1])} or {kinds[-1]}")
    return readers.read_texts(path, options or {}, report or Report())
