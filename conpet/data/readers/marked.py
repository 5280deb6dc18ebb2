"""Marked text: one's own sentences with the entities marked in them, JSON lines.

Format: lines ``{"text": "... <e1>head</e1> ... <e2>tail</e2> ...", "label": "..."}`` for a
relation, or ``{"text": "... <e>mention</e> ...", "label": "..."}`` for an entity type, optionally
with ``id`` and ``split`` (train, valid, test; otherwise the file's split). Several mentions of an
entity may be marked. Markers are taken out of the text, spaces just inside them are no part of the
mention, and a text cannot contain the markers themselves. A text with a marker that is not opened
or not closed, or not both <e1> and <e2>, or <e> beside these, is dropped, and counted. Ids, where
the file has none, are ``FILE:LINE``.

Licence and citation: those of your own data. Files: yours; give their paths in the config.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from conpet.config.raw import RawFile
from conpet.data.readers._common import (
    Entry,
    Options,
    Record,
    check_entry,
    one_split,
    pair_markers,
    stem,
)
from conpet.data.readers._files import at_line, read_json_lines
from conpet.data.report import Report

_TAG = re.compile(r"<(/?)(e[12]?)>")
_ROLES = {"e1": "head", "e2": "tail", "e": "entity"}


class _Entry(Entry):
    text: str
    label: str
    id: str | None = None
    split: str | None = None


def records(
    raw: Path, files: Sequence[RawFile], options: Options, report: Report
) -> Iterator[Record]:
    """Yield one record a line, in file order."""
    for file in files:
        for number, value in read_json_lines(raw, file):
            place = at_line(file, number)
            entry = check_entry(_Entry, value, place)
            parsed = parse_marked(entry.text)
            if isinstance(parsed, str):
                report.drop(parsed, place)
                continue
            text, spans = parsed
            split = file.split if entry.split is None else one_split(file, entry.split, place)
            yield Record(
                place, entry.id or f"{stem(file)}:{number}", entry.label, split, text, spans
            )


def says_split(files: Sequence[Path]) -> bool:
    """Say whether the first record of some file has a split."""
    return any(_first_has_split(file) for file in files if file.is_file())


def _first_has_split(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8-sig") as lines:
            value = json.loads(next((line for line in lines if line.strip()), ""))
    except (OSError, ValueError):
        return False  # it is told where the file is read
    return isinstance(value, dict) and value.get("split") is not None


def parse_marked(marked: str) -> tuple[str, tuple[tuple[str, int, int], ...]] | str:
    """Return the text without markers and its spans, or the reason why there are none."""
    text = ""
    position = 0
    markers = []
    for tag in _TAG.finditer(marked):
        text += marked[position : tag.start()]
        position = tag.end()
        markers.append((_ROLES[tag[2]], not tag[1], len(text)))
    spans = pair_markers(markers)
    if isinstance(spans, str):
        return spans
    return text + marked[position:], tuple((role, *_trim(text, a, b)) for role, a, b in spans)


def has_marks(text: str) -> bool:
    """Say whether a text holds an opening marker and its closing one."""
    found = _TAG.findall(text)
    return any(("", name) in found for slash, name in found if slash)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end]
    if not inner.strip():
        return start, end
    return start + len(inner) - len(inner.lstrip()), end - len(inner) + len(inner.rstrip())
