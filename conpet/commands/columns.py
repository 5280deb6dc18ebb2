"""Columns that a table has not: which options of the command line name those that it has."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conpet.data import readers
from conpet.data.guess import look
from conpet.data.report import Report
from conpet.errors import UserError
from conpet.predicting import outside


@contextmanager
def named_as_typed(file: Path, keys: Sequence[str] = ("text", "label")) -> Iterator[None]:
    """Say what to type, where a reader would have the right columns named in a YAML."""
    try:
        yield
    except readers.ColumnError as error:
        typed = " ".join(f"--option {_option(key, value)}" for key, value in _guess(file, keys))
        more = ", or --option header=false where line 1 is a sample" if error.header else ""
        raise UserError(f"{error.found}: give {typed}{more}") from None


def read_texts(path: Path, options: dict[str, Any], report: Report) -> list[str | dict[str, str]]:
    """Return the texts of a file that someone asks about.

    Raises:
        UserError: what ``conpet.predicting.outside.read_texts`` refuses.
    """
    with named_as_typed(path, ["text"]):
        return outside.read_texts(path, options, report)


def _guess(file: Path, keys: Sequence[str]) -> list[tuple[str, Any]]:
    try:
        found = look(file).options
    except UserError:
        found = {}
    if found.get("header") is False:  # its columns have numbers then, and no names
        found = {}
    return [(key, found.get(key, "COLUMN")) for key in keys]


def _option(key: str, value: Any) -> str:
    return shlex.quote(f"{key}={value if isinstance(value, str) else json.dumps(value)}")
