"""Rows of a table, whatever its file: .csv, .tsv, .txt, .json, .jsonl, .parquet."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from conpet.config.raw import RawFile
from conpet.data.readers._files import (
    at_line,
    check_line_end,
    read_json,
    read_json_lines,
    read_text,
    refuse_mark_line,
)
from conpet.data.report import Report
from conpet.errors import UserError

SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".parquet")
_SHOWN = 60  # letters of a cell
_FEW = 0.05  # of the lines: texts that are meant to span lines are more
_NO_QUOTES = "where quotes are letters, say quotes: false in options (--option quotes=false)"
_SPANNING = "rows that span lines"
ROWS_IN_A_TEXT = "rows that seem to hold others"
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LOOKED_AT = 5  # rows that must agree on a delimiter where no header says it
csv.field_size_limit(2**31 - 1)  # else a long document is "larger than field limit (131072)"


class ColumnError(UserError):
    """A table has not the columns that are asked for.

    ``found`` says so without a remedy, ``header`` whether line 1 was read as a header.
    """

    def __init__(self, found: str, header: bool) -> None:
        # names out of a file may hold line breaks
        self.found, self.header = " ".join(found.splitlines()), header
        more = ", or options: {header: false} where line 1 is a sample" if header else ""
        super().__init__(f"{self.found}: name the right one{more}")


@dataclass(frozen=True)
class Form:
    """How a .csv, .tsv or .txt is written; no delimiter: by the suffix, or as the file shows it."""

    delimiter: str | None = None
    quotes: bool = True
    header: bool = True

    def dialect(self, delimiter: str) -> dict[str, Any]:
        """Return the keywords of csv.reader."""
        quoting = csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE
        return {"delimiter": delimiter, "quoting": quoting}


def column_name(name: str) -> str:
    """Return a column's name as names are compared: one spelling of an accented letter (NFC)."""
    return unicodedata.normalize("NFC", name)


@dataclass(frozen=True)
class Row:
    """One row: where it begins, its values by column, and how many blank lines are before it."""

    number: int
    place: str
    values: dict[str, Any]
    blanks: int = 0

    def value(self, column: str) -> str:
        """Return a cell as text; null and not-a-number are empty."""
        if column not in self.values:
            have = ", ".join(self.values) or "nothing"
            raise UserError(f"{self.place}: {column}: missing: found {have}")
        value = self.values[column]
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise UserError(
                f"{self.place}: {column}: {value!r} is neither text nor a whole number: write it "
                f"as text, {json.dumps(str(value))}"
            )
        return str(value)


def read_rows(
    raw: Path, file: RawFile, form: Form, columns: Sequence[str], report: Report
) -> Iterator[Row]:
    """Yield the rows of a file that has these columns; without a header they are 1, 2, 3, ...

    Raises:
        UserError: a kind of file that is not read, or one that is not what its suffix says.
    """
    suffix = PurePosixPath(file.name).suffix.lower()
    if suffix in (".csv", ".tsv", ".txt"):
        text = read_text(raw, file, mixed_line_ends=True)
        if not text.endswith(("\n", "\r")):
            report.note(f"{file.name}: last line", "has no line end: complete?")
        yield from _csv_rows(text, file, form, columns, report)
    elif suffix == ".json":
        yield from _json_rows(raw, file)
    elif suffix == ".jsonl":
        last = 0
        for number, value in read_json_lines(raw, file):
            if not isinstance(value, dict):
                raise UserError(f"{at_line(file, number)}: not this format: expected an object")
            yield _row(number, at_line(file, number), value, number - last - 1)
            last = number
    elif suffix == ".parquet":
        yield from _parquet_rows(raw, file, columns)
    else:
        kinds = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise UserError(f"{file.name}: unknown kind of table: use {kinds}")


def _row(number: int, place: str, found: dict[str, Any], blanks: int = 0) -> Row:
    values = {column_name(name): value for name, value in found.items()}
    if len(values) < len(found):
        raise UserError(f"{place}: two keys are one name, but for how accents are coded: keep one")
    return Row(number, place, values, blanks)


def _json_rows(raw: Path, file: RawFile) -> Iterator[Row]:
    entries = read_json(raw, file)
    if isinstance(entries, dict) and "Instances" in entries:
        raise UserError(f"{file.name}: holds Instances: say format: instructions")
    if not isinstance(entries, list):
        raise UserError(f"{at_line(file, 1)}: not this format: expected a list of objects")
    for number, value in enumerate(entries):
        place = f"{file.name}: [{number}]"
        if not isinstance(value, dict):
            raise UserError(f"{place}: not this format: expected an object")
        yield _row(number, place, value)


def _delimiter(lines: list[str], file: RawFile, form: Form, columns: Sequence[str]) -> str:
    """Return the delimiter: the one said, that of the suffix, or the only one that fits."""
    usual = "," if PurePosixPath(file.name).suffix.lower() == ".csv" else "\t"
    if form.delimiter is not None:
        return form.delimiter

    def fits(delimiter: str) -> bool:
        if form.header:
            names = next(_cut(lines, form, delimiter), [])
            named = [column_name(name) for name in names]
            return bool(named) and all(named.count(name) == 1 for name in columns)
        width = _width(lines, form, delimiter)
        return width > 0 and all(name.isdecimal() and int(name) <= width for name in columns)

    if fits(usual):
        if not form.header:
            _check_one_column(lines, file, form, usual)
        return usual
    others = [delimiter for delimiter in DELIMITERS if delimiter != usual and fits(delimiter)]
    return others[0] if len(others) == 1 else usual


def _cut(lines: list[str], form: Form, delimiter: str) -> Iterator[list[str]]:
    """Yield the first rows that a delimiter cuts lines into; none where it cannot."""
    found = csv.reader(lines, **form.dialect(delimiter))
    try:
        yield from [row for row in itertools.islice(found, _LOOKED_AT) if row]
    except csv.Error:
        return


def _width(lines: list[str], form: Form, delimiter: str) -> int:
    """Return how many cells each line has; 0 where that differs."""
    widths = {len(row) for row in _cut(lines, form, delimiter)}
    return widths.pop() if len(widths) == 1 else 0


def _check_one_column(lines: list[str], file: RawFile, form: Form, usual: str) -> None:
    """Refuse lines without names that are one cell, and several where they are cut otherwise."""
    if _width(lines, form, usual) != 1:
        return
    for mark, name in DELIMITERS.items():
        if mark != usual and (width := _width(lines, form, mark)) > 1:
            raise UserError(
                f"{at_line(file, 1)}: one column, or {width} cut at each {name}: say "
                f"which it is: delimiter: {mark!r}, or {usual!r}"
            )


def _csv_rows(
    text: str, file: RawFile, form: Form, columns: Sequence[str], report: Report
) -> Iterator[Row]:
    # newline="" keeps line ends: inside quotes they are text, after a row they must not vary
    refuse_mark_line(text, file)
    lines = list(io.StringIO(text, newline=""))
    ends = [line[len(line.rstrip("\r\n")) :] for line in lines]
    delimiter = _delimiter(lines, file, form, columns)
    if form.delimiter is None and delimiter not in (",", "\t"):
        report.note(f"{file.name}: delimiter", DELIMITERS[delimiter])
    reader = csv.reader(lines, strict=True, **form.dialect(delimiter))
    header: list[str] | None = None
    number, blanks, first_end = 1, 0, ""
    spanning: list[tuple[int, list[str]]] = []
    try:
        for values in reader:
            place = at_line(file, number)
            end = ends[reader.line_num - 1]
            first_end = first_end or end
            if end:
                check_line_end(end, first_end, at_line(file, reader.line_num))
            begins = header is None
            if header is None:
                first_row = values
                header = [str(n + 1) for n in range(len(values))]
                if form.header:
                    header = [column_name(name) for name in values]
                _check_columns(header, file, columns, delimiter, form.header)
            elif values == first_row and len(header) > 1 and form.header:
                raise UserError(f"{place}: the header once more: of two files in one, take it out")
            if values and not (begins and form.header):
                _check_width(header, values, place, form.header)
                if reader.line_num > number:
                    spanning.append((number, values))
                yield Row(number, place, dict(zip(header, values, strict=True)), blanks)
                blanks = 0
            elif not begins:
                blanks += 1
            number = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{at_line(file, number)}: not CSV ({error}): truncated, or a quote out of place: "
            f"{_NO_QUOTES}"
        ) from None
    if spanning:
        of_rows = any(_holds_rows(values, delimiter) for _, values in spanning)
        what = ROWS_IN_A_TEXT if of_rows and len(spanning) <= _FEW * number else _SPANNING
        report.note(f"{file.name}: {what}", _shown(spanning))


def _holds_rows(values: list[str], delimiter: str) -> bool:
    """Say whether a cell has a line with as many delimiters as a row: a stray quote opened it."""
    between = [line for value in values for line in value.splitlines()[1:-1]]
    return any(line.count(delimiter) >= len(values) - 1 for line in between)


def _shown(spanning: list[tuple[int, list[str]]]) -> str:
    """Say how many rows span lines, and show the first: two stray quotes make one of many."""
    number, values = spanning[0]
    cell = next(value for value in values if "\n" in value or "\r" in value)
    lines = len(cell.splitlines())
    return (
        f"{len(spanning)}, the first at line {number} with {lines} lines ({cell[:_SHOWN]!r}): "
        f"{_NO_QUOTES}"
    )


def _check_width(header: list[str], values: list[str], place: str, named: bool) -> None:
    if len(values) < len(header):
        raise UserError(
            f"{place}: {header[len(values)]}: missing: found {len(values)} of "
            f"{len(header)} values: truncated, or another delimiter"
        )
    if len(values) > len(header):
        raise UserError(
            f"{place}: {len(values)} values where {'the header' if named else 'line 1'} has "
            f"{len(header)}: "
            "put quotes around a text that contains the delimiter"
        )


def _check_columns(
    found: Sequence[str],
    file: RawFile,
    columns: Sequence[str],
    delimiter: str = "",
    header: bool = False,
) -> None:
    for name in columns:
        if list(found).count(name) == 1:
            continue
        if name in found:
            raise UserError(
                f"{at_line(file, 1)}: column {name!r} is twice in the columns: rename one of them"
            )
        cut = f", cut at each {DELIMITERS.get(delimiter, delimiter)}" if delimiter else ""
        shown = ", ".join(
            value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..." for value in found
        )
        raise ColumnError(
            f"{at_line(file, 1)}: column {name!r} is not among the columns ({shown}{cut})", header
        )


def _parquet_rows(raw: Path, file: RawFile, columns: Sequence[str]) -> Iterator[Row]:
    try:
        with pq.ParquetFile(raw / file.name) as opened:
            names = {column_name(name): name for name in reversed(opened.schema_arrow.names)}
            _check_columns([column_name(n) for n in opened.schema_arrow.names], file, columns)
            table = opened.read(columns=[names[name] for name in columns])
    except (OSError, ValueError, pa.ArrowException) as error:
        why = str(error).splitlines()[0]
        raise UserError(
            f"{file.name}: not a readable Parquet file ({why}): write it again"
        ) from None
    found = {name: table.column(names[name]) for name in columns}
    for row in range(table.num_rows):
        place = f"{file.name}: row {row}"
        try:
            values = {name: column[row].as_py() for name, column in found.items()}
        except UnicodeDecodeError as error:
            raise UserError(f"{place}: not UTF-8 ({error.reason}): write it as UTF-8") from None
        yield Row(row, place, values)
