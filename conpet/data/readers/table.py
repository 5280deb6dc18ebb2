"""One's own table of texts and labels: CSV, TSV, JSON lines or Parquet.

Format, by the file's suffix: .csv (comma) or .tsv (tab) with a header line, both with the quoting
of RFC 4180; .jsonl with one object a line; .parquet. The options name the columns: ``text``,
``label``, and optionally ``split`` (train, valid, test; otherwise the file's split) and ``id``
(otherwise ``FILE:LINE``, for Parquet ``FILE:ROW``); ``delimiter`` is another separator for .csv;
``quotes: false`` reads a .csv or .tsv without quoting: a row a line, a quote is a letter. Labels
may be whole numbers. A row with an empty (null) label or text is dropped, and counted. A last CSV
line without its line end is kept, and noted; so are rows that span lines: stray quotes make some.

Licence and citation: those of your own data. Files: yours; give their paths in the config.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from conpet.config.raw import RawFile
from conpet.data.readers import _common
from conpet.data.readers._common import Record, split_name, stem
from conpet.data.readers._files import at_line, check_line_end, read_json_lines, read_text
from conpet.data.report import Report
from conpet.errors import UserError

_SHOWN = 60  # letters of a cell
csv.field_size_limit(2**31 - 1)  # else a long document is "larger than field limit (131072)"


class Options(_common.Options):
    """Names of the columns, the separator of a .csv file, and whether quotes hold a value."""

    text: str = "text"
    label: str = "label"
    split: str | None = None
    id: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quotes: bool = True

    def columns(self) -> list[str]:
        """Return the names of all columns that are read."""
        return [name for name in (self.text, self.label, self.split, self.id) if name is not None]


@dataclass(frozen=True)
class _Row:
    """One row: where it begins, its values by column, and how many blank lines are before it."""

    number: int
    place: str
    values: dict[str, Any]
    blanks: int = 0


def records(
    raw: Path, files: Sequence[RawFile], options: Options, report: Report
) -> Iterator[Record]:
    """Yield one record a row, in file order."""
    for file in files:
        for row in _rows(raw, file, options, options.columns(), report):
            split: str = file.split
            if options.split is not None:
                split = split_name(_value(row, options.split), row.place)
            name = f"{stem(file)}:{row.number}"
            if options.id is not None:
                name = _value(row, options.id)
                if not name:
                    raise UserError(
                        f"{row.place}: {options.id}: missing: give every row its own id"
                    )
            label = _value(row, options.label)
            yield Record(row.place, name, label, split, _value(row, options.text))


def texts(raw: Path, file: RawFile, options: Options, report: Report) -> Iterator[tuple[str, str]]:
    """Yield (place, text) of each row, read as for training, for those who want an answer a row.

    Raises:
        UserError: what training refuses; a row without text, or a blank line before a row.
    """
    for row in _rows(raw, file, options, [options.text], report):
        if row.blanks:
            raise UserError(f"{row.place}: a blank line before it: take it out: an answer is a row")
        text = _value(row, options.text)
        if not text.strip():
            raise UserError(f"{row.place}: no text in column {options.text}: give every row one")
        yield row.place, text


def _rows(
    raw: Path, file: RawFile, options: Options, columns: Sequence[str], report: Report
) -> Iterator[_Row]:
    suffix = PurePosixPath(file.name).suffix.lower()
    if suffix in (".csv", ".tsv"):
        delimiter = options.delimiter or ("," if suffix == ".csv" else "\t")
        text = read_text(raw, file, mixed_line_ends=True)
        if not text.endswith(("\n", "\r")):
            report.note(f"{file.name}: last line", "has no line end: complete?")
        quoting = csv.QUOTE_MINIMAL if options.quotes else csv.QUOTE_NONE
        yield from _csv_rows(
            text, file, {"delimiter": delimiter, "quoting": quoting}, columns, report
        )
    elif suffix == ".jsonl":
        last = 0
        for number, value in read_json_lines(raw, file):
            if not isinstance(value, dict):
                raise UserError(f"{at_line(file, number)}: not this format: expected an object")
            yield _Row(number, at_line(file, number), value, number - last - 1)
            last = number
    elif suffix == ".parquet":
        yield from _parquet_rows(raw, file, columns)
    else:
        raise UserError(f"{file.name}: unknown kind of table: use .csv, .tsv, .jsonl or .parquet")


def _csv_rows(
    text: str, file: RawFile, dialect: dict[str, Any], columns: Sequence[str], report: Report
) -> Iterator[_Row]:
    # newline="" keeps line ends: inside quotes they are text, after a row they must not vary
    lines = list(io.StringIO(text, newline=""))
    ends = [line[len(line.rstrip("\r\n")) :] for line in lines]
    reader = csv.reader(lines, strict=True, **dialect)
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
            if header is None:
                header = values
                _check_columns(header, file, columns)
            elif values == header and len(header) > 1:
                raise UserError(f"{place}: the header once more: of two files in one, take it out")
            elif values:
                _check_width(header, values, place)
                if reader.line_num > number:
                    spanning.append((number, values))
                yield _Row(number, place, dict(zip(header, values, strict=True)), blanks)
                blanks = 0
            else:
                blanks += 1
            number = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{at_line(file, number)}: not CSV ({error}): truncated, or a quote out of place"
        ) from None
    if spanning:
        report.note(f"{file.name}: rows that span lines", _shown(spanning))


def _shown(spanning: list[tuple[int, list[str]]]) -> str:
    """Say how many rows span lines, and show the first: two stray quotes make one of many."""
    number, values = spanning[0]
    cell = next(value for value in values if "\n" in value or "\r" in value)
    lines = len(cell.splitlines())
    return (
        f"{len(spanning)}, the first at line {number} with {lines} lines ({cell[:_SHOWN]!r}): "
        "where quotes are letters, say options: {quotes: false}"
    )


def _check_width(header: list[str], values: list[str], place: str) -> None:
    if len(values) < len(header):
        raise UserError(
            f"{place}: {header[len(values)]}: missing: found {len(values)} of "
            f"{len(header)} values: truncated, or another delimiter"
        )
    if len(values) > len(header):
        raise UserError(
            f"{place}: {len(values)} values where the header has {len(header)}: "
            "put quotes around a text that contains the delimiter"
        )


def _check_columns(found: Sequence[str], file: RawFile, columns: Sequence[str]) -> None:
    for name in columns:
        if list(found).count(name) != 1:
            what = "twice in" if name in found else "not among"
            raise UserError(
                f"{at_line(file, 1)}: column {name!r} is {what} the columns "
                f"({', '.join(found)}): name the right one"
            )


def _parquet_rows(raw: Path, file: RawFile, columns: Sequence[str]) -> Iterator[_Row]:
    try:
        with pq.ParquetFile(raw / file.name) as opened:
            _check_columns(opened.schema_arrow.names, file, columns)
            table = opened.read(columns=list(columns))
    except (OSError, ValueError, pa.ArrowException) as error:
        why = str(error).splitlines()[0]
        raise UserError(
            f"{file.name}: not a readable Parquet file ({why}): write it again"
        ) from None
    found = {name: table.column(name) for name in columns}
    for row in range(table.num_rows):
        place = f"{file.name}: row {row}"
        try:
            values = {name: column[row].as_py() for name, column in found.items()}
        except UnicodeDecodeError as error:
            raise UserError(f"{place}: not UTF-8 ({error.reason}): write it as UTF-8") from None
        yield _Row(row, place, values)


def _value(row: _Row, column: str) -> str:
    """Return a cell as text; null and not-a-number are empty."""
    if column not in row.values:
        have = ", ".join(row.values) or "nothing"
        raise UserError(f"{row.place}: {column}: missing: found {have}")
    value = row.values[column]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UserError(f"{row.place}: {column}: {value!r} is neither text nor a whole number")
    return str(value)
