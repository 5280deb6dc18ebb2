"""One reader a format: raw files in, samples out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from conpet.config.raw import RawFile
from conpet.config.strict import validate
from conpet.data.readers import (
    ace,
    authors,
    clinc150,
    crossner,
    entity_typing,
    fewnerd,
    fewrel,
    instructions,
    marked,
    table,
    tacred,
)
from conpet.data.readers._common import Options, Record, as_mentions, build
from conpet.data.readers._files import at_line, read_lines
from conpet.data.readers._rows import ROWS_IN_A_TEXT, SUFFIXES, ColumnError
from conpet.data.readers.marked import has_marks, parse_marked
from conpet.data.report import Report
from conpet.data.schema import Sample
from conpet.errors import UserError

__all__ = [
    "DOUBTFUL",
    "FORMATS",
    "SUFFIXES",
    "ColumnError",
    "as_mentions",
    "check_options",
    "fields_of",
    "has_marks",
    "kind_of",
    "parse_marked",
    "read",
    "read_columns",
    "read_texts",
    "says_split",
]


#: of texts that are asked about: any column may be one of theirs
_NO_LABEL = {"label": ""}


@dataclass(frozen=True)
class _Reader:
    records: Callable[..., Iterator[Record]]
    options: type[Options] = Options
    kind: str | None = None  # where its texts can be of one kind only
    says_split: Callable[[Sequence[Path]], bool] | None = None  # where records may hold it
    fields: Callable[[Any], list[str]] | None = None  # where options may name those of a text


_READERS = {
    "fewrel": _Reader(fewrel.records, kind="relation"),
    "fewnerd": _Reader(fewnerd.records, kind="entity"),
    "typing": _Reader(entity_typing.records, kind="entity"),
    "tacred": _Reader(tacred.records, kind="relation"),
    "ace": _Reader(ace.records, kind="relation"),
    "crossner": _Reader(crossner.records, kind="entity"),
    "clinc150": _Reader(clinc150.records, clinc150.Options, "sentence", lambda files: True),
    "table": _Reader(table.records, table.Options, fields=lambda o: o.fields()),
    "instructions": _Reader(
        instructions.records, instructions.Options, fields=lambda o: o.fields()
    ),
    "marked": _Reader(marked.records, says_split=marked.says_split),
    "authors": _Reader(authors.records, authors.Options),
}

FORMATS = tuple(_READERS)
#: how notes end that tell what is hardly meant
DOUBTFUL = (ROWS_IN_A_TEXT, instructions.INSTRUCTIONS)


def kind_of(format: str, options: dict[str, Any]) -> str | None:
    """Return the kind of a format's texts with such options; None where the user must say it.

    Raises:
        UserError: there is no such format, or it has no such option or value.
    """
    reader = _READERS.get(format)
    if reader is None or reader.fields is None:
        return reader.kind if reader else None
    return "fields" if fields_of(format, options) else "sentence"


def fields_of(format: str, options: dict[str, Any]) -> list[str]:
    """Return the names of the fields of a text; none where it is a plain one.

    Raises:
        UserError: there is no such format, or it has no such option or value.
    """
    checked = check_options(format, options)
    named = _READERS[format].fields
    return named(checked) if named else []


def says_split(format: str, files: Sequence[Path]) -> bool:
    """Say whether files of a format hold each sample's split; some must be there to tell."""
    reader = _READERS.get(format)
    return bool(reader and reader.says_split and reader.says_split(files))


def check_options(format: str, options: dict[str, Any]) -> Options:
    """Return the options of ``format`` as its own model.

    Raises:
        UserError: there is no such format, or it has no such option or value.
    """
    if format not in _READERS:
        raise UserError(f"format {format!r}: unknown: use one of {', '.join(FORMATS)}")
    try:
        return _READERS[format].options.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            known = list(_READERS[format].options.model_fields)
            said = f"unknown: there are {', '.join(known)}" if known else "unknown: it has none"
        raise UserError(f"format {format}: {f'option {name}: ' if name else ''}{said}") from None


def read(
    format: str, raw: Path, files: Sequence[RawFile], options: dict[str, Any], report: Report
) -> list[Sample]:
    """Read the raw files of one dataset in the order given.

    Unusable records are dropped and counted in ``report``; anything that makes a file doubtful
    ends the reading (see ``conpet.data.readers._common``).

    Raises:
        UserError: one line with the file and its line or record.
    """
    checked = check_options(format, options)
    try:
        samples = build(_READERS[format].records(raw, files, checked, report), report)
    except ColumnError:
        raise
    except UserError as error:
        # names out of a file (a column, a relation) may hold line breaks
        raise UserError(" ".join(str(error).splitlines())) from None
    if not samples:
        names = ", ".join(file.name for file in files)
        dropped = report.as_dict()["dropped"].items()
        why = "".join(f"{d['count']} {reason}, first {d['first'][0]}: " for reason, d in dropped)
        raise UserError(
            f"{names}: no sample left ({report.dropped} dropped): {why}check the format"
        )
    return samples


def has_column(path: Path, options: dict[str, Any], column: str) -> bool:
    """Say whether a table, read with such options, has a column of that name."""
    try:
        file = validate(RawFile, {"name": path.name}, str(path))
        checked = cast(table.Options, check_options("table", _NO_LABEL | options))
        rows = table.read_rows(path.parent, file, checked.form(), [column], Report())
        first = next(rows, None)
    except UserError:
        return False  # whoever reads it says what is wrong
    return first is not None and column in first.values


def read_texts(path: Path, options: dict[str, Any], report: Report) -> list[str | dict[str, str]]:
    """Return the texts of a table, read as for training, or of a .txt, one a line.

    A text of several fields is a mapping of their names.

    Args:
        options: those of the format ``table``; ``text`` names the column.

    Raises:
        UserError: what training refuses; a row without text, or a blank line between rows.
    """
    file = validate(RawFile, {"name": path.name}, str(path))
    checked = cast(table.Options, check_options("table", _NO_LABEL | options))
    if path.suffix.lower() != ".txt":
        return [text for _, text in table.texts(path.parent, file, checked, report)]
    lines = read_lines(path.parent, file)
    while not lines[-1].strip():
        lines.pop()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise UserError(f"{at_line(file, number)}: empty: take it out: an answer is a line")
    return [*lines]


def read_columns(path: Path, options: dict[str, Any], names: Sequence[str]) -> dict[str, list[Any]]:
    """Return further columns of a table as :func:`read_texts` reads its rows: name -> a value each.

    Raises:
        ColumnError: a column is not there, in any row.
    """
    file = validate(RawFile, {"name": path.name}, str(path))
    checked = cast(table.Options, check_options("table", _NO_LABEL | options))
    wanted = [table.column_name(name) for name in names]
    asked = [*checked.sources().values(), *wanted]
    rows = []
    for row in table.read_rows(path.parent, file, checked.form(), asked, Report()):
        for name in wanted:
            if isinstance(value := row.values.get(name), str):
                try:
                    value.encode()
                except UnicodeEncodeError:
                    raise UserError(
                        f"{row.place}: {name}: half a surrogate pair: write the file as UTF-8"
                    ) from None
        rows.append(row.values)
    for name in wanted:
        if rows and not any(name in row for row in rows):
            have = ", ".join(rows[0])
            raise ColumnError(f"{path.name}: no column {name}: it has {have}", header=False)
    return {name: [row.get(name) for row in rows] for name in wanted}
