"""ACE 2005: relation subtypes between two entities, JSON lines.

The LDC's release is XML; two forms made from it are read, each line of a file in either:

- a document, ``{"doc_key": ..., "sentences": [[token, ...], ...], "relations": [[[head first, head
  last, tail first, tail last, relation], ...] for each sentence]}``, token indices counted through
  the document, last inclusive: the form DyGIE++ and the ConPET authors use;
- one relation, ``{"tokens": [...], "head": [start, end], "tail": [start, end], "relation": ...}``
  with ends exclusive, in tokens; or the same with ``"text": "..."`` and ends in characters; ``id``
  is optional.

The label is the subtype: of ORG-AFF:Employment or ORG-AFF.Employment the part after the last : or
. (Employment). Ids, where the file has none, are ``FILE:LINE`` or ``FILE:LINE:SENTENCE:INDEX``.

Licence: LDC2006T06. Citation: Walker et al. 2006, "ACE 2005 Multilingual Training Corpus".
Files: users bring ace2005.jsonl themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from conpet.config.raw import RawFile
from conpet.data.readers._common import Entry, Options, Record, check_entry, stem
from conpet.data.readers._files import at_line, read_json_lines
from conpet.data.report import Report
from conpet.errors import UserError

# lax, because JSON has lists only; what is inside stays strict
_Span = Annotated[tuple[int, int], Field(strict=False)]
_Link = Annotated[tuple[int, int, int, int, str], Field(strict=False)]


class _Document(Entry):
    sentences: list[list[str]]
    relations: list[list[_Link]]


class _Relation(Entry):
    tokens: list[str] | None = None
    text: str | None = None
    head: _Span
    tail: _Span
    relation: str
    id: str | None = None


def records(
    raw: Path, files: Sequence[RawFile], options: Options, report: Report
) -> Iterator[Record]:
    """Yield one record a relation, in file order."""
    for file in files:
        for number, value in read_json_lines(raw, file):
            if isinstance(value, dict) and "sentences" in value:
                yield from _document(file, number, value)
            else:
                yield _relation(file, number, value)


def _document(file: RawFile, number: int, value: Any) -> Iterator[Record]:
    place = at_line(file, number)
    document = check_entry(_Document, value, place)
    if len(document.sentences) != len(document.relations):
        raise UserError(f"{place}: relations: expected one list for each sentence")
    offset = 0
    for row, tokens in enumerate(document.sentences):
        for index, (*ends, relation) in enumerate(document.relations[row]):
            head, head_last, tail, tail_last = (end - offset for end in ends)
            yield Record(
                place=f"{place}: relations[{row}][{index}]",
                id=f"{stem(file)}:{number}:{row}:{index}",
                label=_subtype(relation),
                split=file.split,
                text=tokens,
                spans=(("head", head, head_last + 1), ("tail", tail, tail_last + 1)),
            )
        offset += len(tokens)


def _relation(file: RawFile, number: int, value: Any) -> Record:
    place = at_line(file, number)
    entry = check_entry(_Relation, value, place)
    text = entry.tokens if entry.tokens is not None else entry.text
    if text is None:
        raise UserError(f"{place}: tokens or text: missing: correct the file or its format")
    return Record(
        place=place,
        id=entry.id or f"{stem(file)}:{number}",
        label=_subtype(entry.relation),
        split=file.split,
        text=text,
        spans=(("head", *entry.head), ("tail", *entry.tail)),
    )


def _subtype(relation: str) -> str:
    return re.split(r"[:.]", relation)[-1]
