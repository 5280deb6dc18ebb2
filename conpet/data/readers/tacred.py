"""TACRED: relations between a subject and an object, the LDC's JSON.

Format: a list of objects with ``id``, ``token``, ``subj_start``, ``subj_end``, ``obj_start``,
``obj_end`` (token indices, end inclusive) and ``relation``; other fields are ignored. The subject
is the head, the object the tail. ``no_relation`` is dropped, and counted; the 41 relations left
get the names of the published class order: ``org:`` reads organization, ``per:`` reads person,
and _ and / read as spaces (org:number_of_employees/members is "organization number of employees
members"). Ids are the file's own.

Licence: LDC2018T24. Citation: Zhang et al. 2017, "Position-aware Attention and Supervised Data
Improve Slot Filling", EMNLP.
Files: train.json, dev.json and test.json of data/json in LDC2018T24; users bring them themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from conpet.config.raw import RawFile
from conpet.data.readers._common import Entry, Options, Record, check_entry, check_list
from conpet.data.readers._files import read_json
from conpet.data.report import Report
from conpet.errors import UserError

_KINDS = {"org": "organization", "per": "person"}


class _Entry(Entry):
    id: str
    token: list[str]
    subj_start: int
    subj_end: int
    obj_start: int
    obj_end: int
    relation: str


def label_name(relation: str, place: str) -> str:
    """Return the published class name of a TACRED relation (an empty one stays empty)."""
    kind, _, rest = relation.partition(":")
    if relation.strip() and (kind not in _KINDS or not rest):
        raise UserError(f"{place}: relation {relation!r}: expected org:NAME or per:NAME")
    return f"{_KINDS[kind]} {rest}".replace("_", " ").replace("/", " ") if rest else ""


def records(
    raw: Path, files: Sequence[RawFile], options: Options, report: Report
) -> Iterator[Record]:
    """Yield one record an example that has a relation, in file order."""
    for file in files:
        for index, value in enumerate(check_list(read_json(raw, file), file.name)):
            place = f"{file.name}: [{index}]"
            entry = check_entry(_Entry, value, place)
            if entry.relation == "no_relation":
                report.drop("no_relation", place)
                continue
            yield Record(
                place=place,
                id=entry.id,
                label=label_name(entry.relation, place),
                split=file.split,
                text=entry.token,
                spans=(
                    ("head", entry.subj_start, entry.subj_end + 1),
                    ("tail", entry.obj_start, entry.obj_end + 1),
                ),
            )
