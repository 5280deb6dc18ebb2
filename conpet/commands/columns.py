"""Columns of a table as the command line names them, and what to type where they are others."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conpet.data import readers
from conpet.data.guess import look
from conpet.data.report import Report
from conpet.errors import UserError
from conpet.predicting import outside

if TYPE_CHECKING:
    from conpet.predicting.predictor import Predictor


@contextmanager
def named_as_typed(file: Path, keys: Sequence[str] = ("text", "label")) -> Iterator[None]:
    """Say what to type, where a reader would have the right columns named in a YAML."""
    try:
        yield
    except readers.ColumnError as error:
        typed = " ".join(f"--option {_option(key, value)}" for key, value in _guess(file, keys))
        raise UserError(f"{error.found}: give {typed}{_headerless(error)}") from None


def _headerless(error: readers.ColumnError) -> str:
    return ", or --option header=false where line 1 is a sample" if error.header else ""


def read_texts(path: Path, options: dict[str, Any], report: Report) -> list[str | dict[str, str]]:
    """Return the texts of a file that someone asks about.

    Raises:
        UserError: what ``conpet.predicting.outside.read_texts`` refuses.
    """
    try:
        return outside.read_texts(path, options, report)
    except readers.ColumnError as error:
        ((_, guess),) = _guess(path, ["text"])
        columns = guess if isinstance(guess, list) else [guess]
        typed = " ".join(f"--column {shlex.quote(str(name))}" for name in columns)
        raise UserError(f"{error.found}: give {typed}{_headerless(error)}") from None


def read_kept(path: Path, options: dict[str, Any], names: Sequence[str]) -> dict[str, list[Any]]:
    """Return further columns of a file that someone asks about, by name.

    Raises:
        UserError: the file has no such column.
    """
    try:
        return readers.read_columns(path, options, names)
    except readers.ColumnError as error:
        raise UserError(f"--keep: {error.found}: name a column that it has") from None


def asks_for_fields(file: Path | None, options: dict[str, Any]) -> bool:
    """Say whether the learner must be asked which columns of a file it reads."""
    table = file is not None and file.is_file() and file.suffix.lower() != ".txt"
    return table and not options.keys() & {"text", "header", "lines"}


def trained_columns(predictor: Predictor, file: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Return the reader's option ``text`` as in training, where the file can be read so."""
    own = predictor.about.column
    if predictor.fields:
        return {"text": predictor.fields}
    if not own or options.keys() & {"text", "header", "lines"}:
        return {}
    # where a file has neither, it is the learner's own that it lacks
    has_own, has_plain = (readers.has_column(file, options, name) for name in (own, "text"))
    return {"text": own} if has_own or not has_plain else {}


def check_columns(file: Path | None, texts: list[Any], fields: list[str]) -> None:
    """Refuse a file whose columns are not the fields that a learner reads.

    Raises:
        UserError: they are not, with what to type.
    """
    found = list(texts[0]) if texts and isinstance(texts[0], dict) else []
    if file is None or sorted(found) == sorted(fields) or (not found and not fields):
        return
    if not fields:
        raise UserError(f"{file}: columns {', '.join(found)}: this learner reads one column")
    like = json.dumps(dict.fromkeys(fields, "COLUMN"))
    said = f"columns {', '.join(found)} are" if found else "one column is"
    raise UserError(
        f"{file}: {said} not the fields {', '.join(fields)}: give a --column each where they are "
        f"called so, else --option 'text={like}'"
    )


def check_lines(file: Path | None, texts: list[Any], names: Sequence[str]) -> None:
    """Refuse a .txt that is a table: its rows, labels and all, would be taken for texts.

    Args:
        names: what the column of the texts may be called.

    Raises:
        UserError: its first line has such a column among others.
    """
    if file is None or file.suffix.lower() != ".txt":
        return
    cells = str(texts[0]).split("\t")
    if len(cells) > 1 and (found := [name for name in names if name in cells]):
        raise UserError(
            f"{file}: line 1 has a column {found[0]}: of a .txt every line is a text: call a table "
            f"{file.stem}.tsv"
        )


def _guess(file: Path, keys: Sequence[str]) -> list[tuple[str, Any]]:
    try:
        found = look(file, labelled="label" in keys).options
    except UserError:
        found = {}
    if found.get("header") is False:  # its columns have numbers then, and no names
        found = {}
    return [(key, found.get(key, "COLUMN")) for key in keys]


def _option(key: str, value: Any) -> str:
    return shlex.quote(f"{key}={value if isinstance(value, str) else json.dumps(value)}")
