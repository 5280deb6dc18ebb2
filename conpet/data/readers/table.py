"""One's own table of texts and labels: CSV, TSV, JSON lines or Parquet.

Format, by the file's suffix: .csv (comma) or .tsv (tab) with a header line, both with the quoting
of RFC 4180; .jsonl with one object a line; .parquet. The options name the columns: ``text``,
``label``, and optionally ``split`` (train, valid, test; otherwise the file's split) and ``id``
(otherwise ``FILE:LINE``, for Parquet ``FILE:ROW``); ``delimiter`` is another separator for .csv.
Labels may be whole numbers. A row with an empty (null) label or text is dropped, and counted. A
last CSV line without its line end is kept, and noted.

Licence and citation: those of your own data. Files: yours; give their paths in the config.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
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


class Options(_common.Options):
    """Names of the columns, and the separator of a .csv file."""

    text: str = "text"
    label: str = "label"
    split: str | None = None
    id: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)

    def columns(self) -> list[str]:
        """Return the names of all columns that are read."""
        return [name for name in (self.text, self.label, self.split, self.id) if name is not None]


def records(
    raw: Path, files: Sequence[RawFile], options: Options, report: Report
) -> Iterator[Record]:
    """Yield one record a row, in file order."""
    for file in files:
        for number, place, row in _rows(raw, file, options, report):
            split: str = file.split
            if options.split is not None:
                split = split_name(_value(row, options.split, place), place)
            name = f"{stem(file)}:{number}"
            if options.id is not None:
                name = _value(row, options.id, place)
                if not name:
                    raise UserError(f"{place}: {options.id}: missing: give every row its own id")
            label = _value(row, options.label, place)
            yield Record(place, name, label, split, _value(row, options.text, place))


def _rows(
    raw: Path, file: RawFile, options: Options, report: Report
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield (number, place, values by column) of each row."""
    suffix = PurePosixPath(file.name).suffix.lower()
    if suffix in (".csv", ".tsv"):
        delimiter = options.delimiter or ("," if suffix == ".csv" else "\t")
        text = read_text(raw, file, mixed_line_ends=True)
        if not text.endswith(("\n", "\r")):
            report.note(f"{file.name}: last line", "has no line end: complete?")
        yield from _csv_rows(text, file, delimiter, options)
    elif suffix == ".jsonl":
        for number, value in read_json_lines(raw, file):
            if not isinstance(value, dict):
                raise UserError(f"{at_line(file, number)}: not this format: expected an object")
            yield number, at_line(file, number), value
    elif suffix == ".parquet":
        yield from _parquet_rows(raw, file, options)
    else:
        raise UserError(f"{file.name}: unknown kind of table: use .csv, .tsv, .jsonl or .parquet")


def _csv_rows(
    text: str, file: RawFile, delimiter: str, options: Options
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    # newline="" keeps line ends: inside quotes they are text, after a row they must not vary
    lines = list(io.StringIO(text, newline=""))
    ends = [line[len(line.rstrip("\r\n")) :] for line in lines]
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    number = 1
    first_end = ""
    try:
        for values in reader:
            place = at_line(file, number)
            end = ends[reader.line_num - 1]
            first_end = first_end or end
            if end:
                check_line_end(end, first_end, at_line(file, reader.line_num))
            if header is None:
                header = values
                _check_columns(header, file, options)
            elif values:
                _check_width(header, values, place)
                yield number, place, dict(zip(header, values, strict=True))
            number = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{at_line(file, number)}: not CSV ({error}): truncated, or a quote out of place"
        ) from None


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


def _check_columns(found: Sequence[str], file: RawFile, options: Options) -> None:
    for name in options.columns():
        if list(found).count(name) != 1:
            what = "twice in" if name in found else "not among"
            raise UserError(
                f"{at_line(file, 1)}: column {name!r} is {what} the columns "
                f"({', '.join(found)}): name it in the options"
            )


def _parquet_rows(
    raw: Path, file: RawFile, options: Options
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    names = options.columns()
    try:
        with pq.ParquetFile(raw / file.name) as opened:
            _check_columns(opened.schema_arrow.names, file, options)
            table = opened.read(columns=names)
    except (OSError, ValueError, pa.ArrowException) as error:
        why = str(error).splitlines()[0]
        raise UserError(
            f"{file.name}: not a readable Parquet file ({why}): write it again"
        ) from None
    columns = {name: table.column(name) for name in names}
    for row in range(table.num_rows):
        place = f"{file.name}: row {row}"
        try:
            values = {name: column[row].as_py() for name, column in columns.items()}
        except UnicodeDecodeError as error:
            raise UserError(f"{place}: not UTF-8 ({error.reason}): write it as UTF-8") from None
        yield row, place, values


def _value(row: dict[str, Any], column: str, place: str) -> str:
    """Return a cell as text; null and not-a-number are empty."""
    if column not in row:
        raise UserError(f"{place}: {column}: missing: found {', '.join(row) or 'nothing'}")
    value = row[column]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if not isinstance(value, str | int):
        raise UserError(f"{place}: {column}: {value!r} is neither text nor a whole number")
    return str(value)
