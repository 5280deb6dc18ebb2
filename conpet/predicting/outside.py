"""Texts of none of the classes, and the texts of a file that someone asks about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conpet.config.dataset import Outside
from conpet.errors import UserError
from conpet.reading import read_object


def read_outside(raw: Path, rule: Outside) -> list[str]:
    """Return the texts that a dataset names as outside of all classes."""
    path = raw / rule.file
    if not path.is_file():
        raise UserError(f"{path}: missing: the dataset's outside.file names it")
    entries = read_object(path).get(rule.key)
    if not isinstance(entries, list):
        raise UserError(f"{path}: {rule.key}: missing: the dataset's outside.key names it")
    return [entry[0] if isinstance(entry, list) else entry for entry in entries]


def read_texts(path: Path, column: str) -> list[str]:
    """Return the texts of a file, one a row, or one a line of a .txt.

    Raises:
        UserError: no such file, a kind that is not read, not UTF-8, no such column, or no text.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        if path.suffix == ".txt":
            return path.read_text(encoding="utf-8").splitlines()
        texts = _column(path, column)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start}: not UTF-8: save it as UTF-8") from None
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise UserError(f"{path}: row {number}: no text in column {column}")
    return texts


def _column(path: Path, column: str) -> list[Any]:
    import pandas as pd

    readers = {".csv": ",", ".tsv": "\t"}
    try:
        if path.suffix in readers:
            frame = pd.read_csv(path, sep=readers[path.suffix], dtype=str, keep_default_na=False)
        elif path.suffix == ".jsonl":
            frame = pd.read_json(path, lines=True, dtype=False)
        elif path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            raise UserError(f"{path}: give .csv, .tsv, .jsonl, .parquet or .txt")
    except UnicodeDecodeError:
        raise
    except (ValueError, OSError) as error:
        # pandas and pyarrow say what is wrong in their own classes, all of them ValueErrors
        raise UserError(f"{path}: not readable as {path.suffix}: {error}".split("\n")[0]) from None
    if column not in frame.columns:
        have = ", ".join(map(str, frame.columns))
        raise UserError(f"{path}: no column {column}: has {have}: give --column")
    return list(frame[column])
