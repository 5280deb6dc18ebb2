"""FewRel: relations between two marked entities, one JSON file.

Format: an object from relation to its samples, each
``{"tokens": [...], "h": [name, id, [[token indices], ...]], "t": [...]}``; an entity can have
several spans, each a run of token indices. Labels are the keys (Wikidata ids, such as P17); there
is no official split over samples. Sample ids are ``FILE:RELATION:INDEX`` in file order.

Licence: MIT. Citation: Han et al. 2018, "FewRel: A Large-Scale Supervised Few-Shot Relation
Classification Dataset with State-of-the-Art Evaluation", EMNLP.
Files: train_wiki.json (64 relations) and val_wiki.json (16), folder data of
github.com/thunlp/FewRel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from conpet.config.raw import RawFile
from conpet.data.readers._common import (
    Entry,
    Options,
    Record,
    check_dict,
    check_entry,
    check_list,
    stem,
)
from conpet.data.readers._files import read_json
from conpet.data.report import Report
from conpet.errors import UserError

# lax, because JSON has lists only; what is inside stays strict
_Entity = Annotated[tuple[str, Any, list[list[int]]], Field(strict=False)]


class _Entry(Entry):
    tokens: list[str]
    h: _Entity
    t: _Entity


def records(
    raw: Path, files: Sequence[RawFile], options: Options, report: Report
) -> Iterator[Record]:
    """Yield one record a sample, relations and samples in file order."""
    for file in files:
        for relation, entries in check_dict(read_json(raw, file), file).items():
            for index, value in enumerate(check_list(entries, f"{file.name}: {relation}")):
                place = f"{file.name}: {relation}[{index}]"
                entry = check_entry(_Entry, value, place)
                yield Record(
                    place=place,
                    id=f"{stem(file)}:{relation}:{index}",
                    label=relation,
                    split=file.split,
                    text=entry.tokens,
                    spans=(*_spans("head", entry.h[2], place), *_spans("tail", entry.t[2], place)),
                )


def _spans(role: str, runs: list[list[int]], place: str) -> Iterator[tuple[str, int, int]]:
    if not runs:
        raise UserError(f"{place}: no span for the {role} entity: correct the file")
    for run in runs:
        if not run or run != list(range(run[0], run[0] + len(run))):
            raise UserError(f"{place}: {role} span {run} is not a run of token indices")
        yield role, run[0], run[-1] + 1
