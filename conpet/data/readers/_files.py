"""Raw files as strict text: lines, columns, tagged sentences, JSON; one clear line an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from conpet.config.raw import RawFile
from conpet.data.report import Report
from conpet.errors import UserError

NO_LINE_END = "last line without line end"  # perhaps cut off inside its last value
_TABLES = (".csv", ".tsv")
_UNPACK = "is packed ({}): unpack it first"
#: how files begin that are no text
_OTHERS = {
    b"\x1f\x8b": _UNPACK.format("gzip"),
    b"BZh": _UNPACK.format("bzip2"),
    b"\xfd7zXZ\x00": _UNPACK.format("xz"),
    b"\x28\xb5\x2f\xfd": _UNPACK.format("zstd"),
    b"PK\x03\x04": "is packed (zip, or a workbook): unpack it, or save it as text",
    b"PAR1": "is a Parquet file: call it .parquet",
    b"\xff\xfe": "not UTF-8 but UTF-16: convert the file to UTF-8",
    b"\xfe\xff": "not UTF-8 but UTF-16: convert the file to UTF-8",
}
#: of so many bytes, one is zero where a file is UTF-16
_ZEROS = 100
_LINE_END = re.compile(r"\r\n|\n|\r")


def at_line(file: RawFile, line: int) -> str:
    """Return the place of a line, counted from 1, as messages and reports name it."""
    return f"{file.name}: line {line}"


def read_text(raw: Path, file: RawFile, mixed_line_ends: bool = False) -> str:
    """Return a file's text, strictly UTF-8 (a byte order mark is skipped), line ends untouched.

    Raises:
        UserError: missing, empty, not UTF-8, zero bytes, or (unless allowed) mixed line ends.
    """
    try:
        data = (raw / file.name).read_bytes()
    except OSError as error:
        raise UserError(f"{file.name}: cannot be read ({error.strerror}): fetch it again") from None
    if not data.strip():
        raise UserError(f"{file.name}: line 1: the file is empty: get it again")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse_others(data, file)
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{at_line(file, line)}: not UTF-8 ({error.reason}): convert the file to UTF-8"
        ) from None
    if (zero := text.find("\0")) >= 0:
        _refuse_others(data, file)
        line = text.count("\n", 0, zero) + 1
        raise UserError(f"{at_line(file, line)}: zero byte: the file is damaged: get it again")
    if "\r" in text and not mixed_line_ends:
        _check_line_ends(text, file)
    return text


def _refuse_others(data: bytes, file: RawFile) -> None:
    """Say what kind of file it is, if it is no text."""
    if kind := next((kind for magic, kind in _OTHERS.items() if data.startswith(magic)), ""):
        raise UserError(f"{file.name}: {kind}")
    if order := _unmarked_utf16(data):
        raise UserError(
            f"{file.name}: looks like UTF-16 ({order}) without a mark at its start, not UTF-8: "
            "convert the file to UTF-8"
        )


def _unmarked_utf16(data: bytes) -> str:
    """Return which UTF-16 a file with zero bytes looks like; nothing where they are damage.

    In it the zeros, halves of ASCII letters, line ends and delimiters, lie at odd places, or at
    even ones; only few other letters have one in their other half.
    """
    for first, order in ((1, "little-endian"), (0, "big-endian")):
        zeros, others = data[first::2].count(0), data[1 - first :: 2].count(0)
        if zeros > max(1, len(data) // _ZEROS) and zeros > 2 * others:
            try:
                data.decode("utf-16-le" if first else "utf-16-be")
            except UnicodeDecodeError:
                continue
            return order
    return ""


def _check_line_ends(text: str, file: RawFile) -> None:
    first: str | None = None
    for number, end in enumerate(_LINE_END.finditer(text), start=1):
        first = first or end.group()
        check_line_end(end.group(), first, at_line(file, number))


def check_line_end(end: str, first: str, place: str) -> None:
    r"""Refuse a line that ends otherwise (``\n``, ``\r\n``, ``\r``) than the first line does."""
    if end != first:
        raise UserError(
            f"{place}: ends in {end!r} where line 1 ends in {first!r}: mixed line ends: "
            "convert the file to one kind"
        )


def read_lines(raw: Path, file: RawFile) -> list[str]:
    """Return all lines without their ends; the last is empty unless its end is missing."""
    return _LINE_END.split(read_text(raw, file))


def read_columns(
    raw: Path, file: RawFile, columns: Sequence[str], optional: int = 0
) -> Iterator[tuple[int, list[str], bool]]:
    """Yield (line number, tab-separated values, has a line end); a blank line has no values.

    Raises:
        UserError: a line has fewer values than ``columns``, or more than these and ``optional``.
    """
    lines = read_lines(raw, file)
    for number, line in enumerate(lines, start=1):
        values = line.split("\t") if line.strip() else []
        if values and not len(columns) <= len(values) <= len(columns) + optional:
            missing = columns[len(values) :]
            what = f"missing {', '.join(missing)}" if missing else "too many values"
            raise UserError(
                f"{at_line(file, number)}: {what}: expected {' TAB '.join(columns)}, "
                f"found {len(values)} values"
            )
        yield number, values, number < len(lines)


def read_sentences(
    raw: Path, file: RawFile, report: Report
) -> Iterator[tuple[list[int], list[str], list[str]]]:
    """Yield (line numbers, tokens, tags) of each sentence of a ``token<TAB>tag`` file.

    A last sentence that breaks off without a line end is dropped, and counted.
    """
    lines: list[int] = []
    tokens: list[str] = []
    tags: list[str] = []
    for number, values, _ in read_columns(raw, file, ("token", "tag")):
        if values:
            if not values[0]:
                raise UserError(f"{at_line(file, number)}: missing token: expected token TAB tag")
            lines.append(number)
            tokens.append(values[0])
            tags.append(values[1].strip())
        elif tokens:
            yield lines, tokens, tags
            lines, tokens, tags = [], [], []
    if tokens:
        report.drop(NO_LINE_END, at_line(file, lines[-1]))


def read_json(raw: Path, file: RawFile) -> Any:
    """Return a JSON file's value; a key that an object has twice is refused."""
    return parse_json(read_text(raw, file), file)


def read_json_lines(raw: Path, file: RawFile) -> Iterator[tuple[int, Any]]:
    """Yield (line number, value) of each line that is not blank."""
    for number, line in enumerate(read_lines(raw, file), start=1):
        if line.strip():
            yield number, parse_json(line, file, first_line=number)


def parse_json(text: str, file: RawFile, first_line: int = 1) -> Any:
    """Parse one JSON text that begins on ``first_line`` of ``file``."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            place = _place_of_second(text, twice, file, first_line)
            raise UserError(f"{place}: key {twice!r} stands twice in one object: remove one")
        return value

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        line = error.lineno + first_line - 1
        raise UserError(
            f"{at_line(file, line)}: column {error.colno}: not JSON ({error.msg}): "
            f"{_remedy(error, file)}"
        ) from None
    except (RecursionError, ValueError) as error:
        raise UserError(f"{at_line(file, first_line)}: not this format: {error}") from None


def _remedy(error: json.JSONDecodeError, file: RawFile) -> str:
    suffix, more = Path(file.name).suffix, error.msg == "Extra data"
    if suffix in _TABLES:
        return "this format reads JSON: say format: table for a table"
    if suffix == ".json" and more:
        return "one value is expected: a file of one per line is called .jsonl"
    line = error.doc.strip()
    if suffix == ".jsonl" and (more or line == "{" or line.startswith("[")):
        return (
            "one object per line is expected, and nothing else: no comma behind it, no list around "
            "them, no object over several lines (a list is called .json)"
        )
    return "truncated or damaged: get the file again"


def _place_of_second(text: str, key: str, file: RawFile, first_line: int) -> str:
    if "\n" not in text:
        return at_line(file, first_line)
    found = [match.start() for match in re.finditer(re.escape(json.dumps(key)) + r"\s*:", text)]
    if len(found) != 2:
        return file.name  # other objects have the key too: which line it is cannot be told
    return at_line(file, text.count("\n", 0, found[1]) + first_line)


def refuse_mark_line(text: str, file: RawFile) -> None:
    """Refuse a first line that tells Excel the delimiter: it would be taken for the header.

    Raises:
        UserError: there is one.
    """
    if found := re.match(r"sep=(.)[\r\n]", text, re.IGNORECASE):
        raise UserError(
            f"{at_line(file, 1)}: {found[0].strip()} tells Excel the delimiter, and is no row: "
            "take the line out"
        )
