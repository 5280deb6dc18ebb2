"""One's own table of texts and labels: CSV, TSV, JSON (lines, or a list) or Parquet.

Format, by the file's suffix: .csv (comma), .tsv and .txt (tab) with a header line and the quoting
of RFC 4180; .jsonl with one object a line; .json with a list of objects; .parquet. The options name
the columns: ``text``, ``label``, and optionally ``split`` (train, valid, test; otherwise the file's
split), ``task`` (the name of the row's task) and ``id`` (otherwise ``FILE:LINE``, for Parquet
``FILE:ROW``, for .json ``FILE:PLACE``). Several columns make a text of several fields: ``text:
[premise, hypothesis]``, or ``{premise: COLUMN, hypothesis: COLUMN}``; ``lines: [premise,
hypothesis]`` takes the lines of one text for its fields. ``header: false`` reads a file without
header line, whose columns are 1, 2, 3, ...: the text is 1 and the label 2 where nothing else is
said. ``delimiter`` is another separator; where the usual one does not give the columns and just one
other does, that is taken. ``quotes: false`` reads without quoting: a row a line, a quote is a
letter. Labels may be whole numbers. A row with an empty (null) label, text or field is dropped, and
counted. A last line without its line end is kept, and noted; so are rows that span lines: stray
quotes make some.

Licence and citation: those of your own data. Files: yours; give their paths in the config.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, field_validator, model_validator

from conpet.config.raw import RawFile
from conpet.data.readers import _common
from conpet.data.readers._common import Record, by_line, check_named, one_split, stem
from conpet.data.readers._rows import Form, Row, column_name, read_rows
from conpet.data.report import Report
from conpet.data.schema import join_fields, shows
from conpet.errors import UserError


def _columns(value: Any) -> Any:
    named = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not isinstance(value, str | list | dict) or not all(isinstance(n, str) for n in named):
        raise ValueError("give a column, a list of columns, or {field: column, ...}")
    return value


def _one_character(value: Any) -> Any:
    if value is not None and (not isinstance(value, str) or len(value) != 1):
        raise ValueError(f"{value!r}: give one character")
    return value


class Options(_common.Options):
    """Names of the columns, and how a .csv file is written."""

    text: Annotated[str | list[str] | dict[str, str], BeforeValidator(_columns)] = "text"
    label: str = "label"
    split: str | None = None
    task: str | None = None
    id: str | None = None
    lines: list[str] | None = None
    header: bool = True
    delimiter: Annotated[str | None, BeforeValidator(_one_character)] = None
    quotes: bool = True

    @model_validator(mode="before")
    @classmethod
    def _by_place(cls, value: Any) -> Any:
        """Take a number for the name of a column without header; of two, the text is first."""
        if not isinstance(value, dict):
            return value
        header = value.get("header", True)
        usual = {} if header in (True, "true", "yes") else {"text": "1", "label": "2"}
        return usual | {name: _named(column) for name, column in value.items()}

    @field_validator("text", "lines")
    @classmethod
    def _fields_have_names(cls, value: Any) -> Any:
        if not isinstance(value, str | None):
            check_named(value)
        return value

    @model_validator(mode="after")
    def _lines_are_of_one_text(self) -> Options:
        if self.lines and not isinstance(self.text, str):
            raise ValueError("lines goes with one column of text")
        return self

    @model_validator(mode="after")
    def _text_is_no_label(self) -> Options:
        if self.label in self.sources().values():
            raise ValueError(f"text and label are one column, {self.label!r}: the answer is read")
        return self

    def sources(self) -> dict[str, str]:
        """Return the columns of the text by field; of a plain text, one without a name."""
        if isinstance(self.text, str):
            return {"": self.text}
        return self.text if isinstance(self.text, dict) else {name: name for name in self.text}

    def fields(self) -> list[str]:
        """Return the names of a text's fields; none of a plain text."""
        return self.lines or [name for name in self.sources() if name]

    def columns(self) -> list[str]:
        """Return the names of all columns that are read."""
        others = (self.label, self.split, self.task, self.id)
        return [*self.sources().values(), *(name for name in others if name is not None)]

    def form(self) -> Form:
        """Return how a .csv file is written."""
        return Form(self.delimiter, self.quotes, self.header)


def _named(column: Any) -> Any:
    """Return names as they are compared, whole numbers as text, and other values as they are."""
    if isinstance(column, list):
        return [_named(each) for each in column]
    if isinstance(column, dict):
        return {name: _named(each) for name, each in column.items()}
    if isinstance(column, str):
        return column_name(column)
    return str(column) if isinstance(column, int) and not isinstance(column, bool) else column


def fits(raw: Path, file: RawFile, options: Options) -> bool:
    """Say whether a file can be read so, as far as its first row tells: has it the columns?"""
    try:
        next(iter(read_rows(raw, file, options.form(), options.columns(), Report())), None)
    except UserError:
        return False
    return True


def records(
    raw: Path, files: Sequence[RawFile], options: Options, report: Report
) -> Iterator[Record]:
    """Yield one record a row, in file order."""
    for file in files:
        for row in read_rows(raw, file, options.form(), options.columns(), report):
            split: str = file.split
            if options.split is not None:
                split = one_split(file, row.value(options.split), row.place)
            name = f"{stem(file)}:{row.number}"
            if options.id is not None:
                name = row.value(options.id)
                if not name:
                    raise UserError(
                        f"{row.place}: {options.id}: missing: give every row its own id"
                    )
            task = ""
            if options.task is not None and not (task := row.value(options.task).strip()):
                raise UserError(f"{row.place}: {options.task}: missing: give every row its task")
            found = _text(row, options)
            if isinstance(found, str):
                report.drop(found, row.place)
                continue
            text, spans = found
            yield Record(row.place, name, row.value(options.label), split, text, spans, task)


def _text(row: Row, options: Options) -> tuple[str, tuple[tuple[str, int, int], ...]] | str:
    """Return a row's text, empty where a field is, and its fields as spans; or why it has none."""
    values = {name: row.value(column) for name, column in options.sources().items()}
    if options.lines:
        (text,) = values.values()
        found = by_line(text, options.lines)
        if isinstance(found, str):
            return found
        values = found
    elif "" in values:
        return values[""], ()
    return join_fields(values)


def texts(
    raw: Path, file: RawFile, options: Options, report: Report
) -> Iterator[tuple[str, str | dict[str, str]]]:
    """Yield (place, text) of each row, read as for training, for those who want an answer a row.

    A text of several fields is a mapping of their names.

    Raises:
        UserError: what training refuses; a row without text, or a blank line before a row.
    """
    columns = list(options.sources().values())
    for row in read_rows(raw, file, options.form(), columns, report):
        if row.blanks:
            raise UserError(f"{row.place}: a blank line before it: take it out: an answer is a row")
        if blank := [name for name in columns if not shows(row.value(name))]:
            raise UserError(f"{row.place}: no text in column {blank[0]}: give every row one")
        found = _text(row, options)
        if isinstance(found, str):
            raise UserError(f"{row.place}: {found}: give every row one of so many")
        text, spans = found
        yield row.place, {name: text[a:b] for name, a, b in spans} if spans else text
