"""Steps that all readers share: options, checked entries, and records into samples.

What every format does with bad input:

- the file cannot be trusted (not UTF-8, empty, zero bytes, mixed line ends, not the format, a
  field missing, an id twice): a :class:`UserError` with file and line, or file and record;
- one record is of no use (empty text or label, a span outside the text, blank or overlapping
  spans): dropped, counted and placed in the report;
- a label that no training sample carries: kept, and named in the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from conpet.config.raw import RawFile
from conpet.data.readers._files import at_line
from conpet.data.report import Report
from conpet.data.schema import Mention, Sample, check_field, own_name, shows
from conpet.errors import UserError

_Model = TypeVar("_Model", bound=BaseModel)
_SPLITS = {"train": "train", "valid": "valid", "test": "test", "dev": "valid", "val": "valid"}
_SPLITS |= {"validation": "valid", "": ""}


class Options(BaseModel):
    """Options of a format; this base is for formats without any."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(BaseModel):
    """A record of a JSON file; fields that a reader does not need are ignored."""

    model_config = ConfigDict(strict=True)


@dataclass(frozen=True)
class Record:
    """A record as a reader found it; ``place`` is its file and line or key, for messages.

    ``text`` is a string with ``spans`` (role, start, end) in characters, or a list of tokens with
    spans in tokens; end exclusive, neither checked.
    """

    place: str
    id: str
    label: str
    split: str
    text: str | Sequence[str]
    spans: tuple[tuple[str, int, int], ...] = ()
    task: str = ""


def check_named(value: list[str] | dict[str, str]) -> None:
    """Raise a ValueError unless these are fields of a text: names that a template can have."""
    if not value or len(set(value)) < len(value):
        raise ValueError("give fields of different names")
    for name in value:
        check_field(name)


def by_line(text: str, names: Sequence[str]) -> dict[str, str] | str:
    """Return the lines of a text as its fields; or why they are none."""
    found = text.strip().splitlines()
    if len(found) != len(names):
        return f"text of other than {len(names)} lines"
    return dict(zip(names, found, strict=True))


def stem(file: RawFile) -> str:
    """Return the file's name without its suffix: the beginning of ids made from positions."""
    return PurePosixPath(file.name).with_suffix("").as_posix()


def mention_record(
    file: RawFile, line: int, tokens: Sequence[str], start: int, end: int, label: str
) -> Record:
    """Return the record of one mention (token ``start`` up to ``end``) found on ``line``."""
    spans = (("entity", start, end),)
    return Record(at_line(file, line), f"{stem(file)}:{line}", label, file.split, tokens, spans)


def is_split(value: str) -> bool:
    """Say whether a value is a split as datasets write it."""
    return value.strip().lower() in _SPLITS


def split_name(value: str, place: str) -> str:
    """Return train, valid, test or "" for a split as datasets write it (dev, val, ...)."""
    try:
        return _SPLITS[value.strip().lower()]
    except KeyError:
        raise UserError(f"{place}: unknown split {value!r}: use train, valid or test") from None


def one_split(file: RawFile, value: str, place: str) -> str:
    """Return the split that a record of ``file`` says.

    Raises:
        UserError: the file as a whole is said to be of another.
    """
    found = split_name(value, place)
    if file.split not in ("", found):
        raise UserError(
            f"{place}: its split is {value!r}, but files says split: {file.split} of {file.name}: "
            "take one of the two away"
        )
    return found


def check_entry(model: type[_Model], value: Any, place: str) -> _Model:
    """Return ``value`` as a ``model``; the first field missing or wrong is a UserError."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "record"
        what = "missing" if first["type"] == "missing" else first["msg"]
        raise UserError(f"{place}: {field}: {what}: correct the file or its format") from None


def check_dict(value: Any, file: RawFile) -> dict[str, Any]:
    """Return ``value``, the content of a JSON file that has to be one object."""
    if not isinstance(value, dict):
        raise UserError(f"{at_line(file, 1)}: not this format: expected a JSON object")
    return value


def check_list(value: Any, place: str) -> list[Any]:
    """Return ``value``, a part of a JSON file that has to be a list."""
    if not isinstance(value, list):
        raise UserError(f"{place}: not this format: expected a list")
    return value


def pair_markers(
    markers: Iterable[tuple[str, bool, int]],
) -> tuple[tuple[str, int, int], ...] | str:
    """Return the spans of (role, opens, position) markers, or the reason why there are none.

    Each role's markers open and close in turn, and mark an entity, or a head and a tail.
    """
    opened: dict[str, int] = {}
    spans = []
    for role, opens, position in markers:
        if opens == (role in opened):
            return "marker not closed" if opens else "marker not opened"
        if opens:
            opened[role] = position
        else:
            spans.append((role, opened.pop(role), position))
    if opened:
        return "marker not closed"
    if {role for role, _, _ in spans} not in ({"entity"}, {"head", "tail"}):
        return "marker missing"
    return tuple(spans)


def _own_id(place: str, first: str) -> str:
    """Return what to do about an id that stands at two places."""
    one, other = (PurePosixPath(where.partition(":")[0]) for where in (first, place))
    if one != other and one.with_suffix("") == other.with_suffix(""):
        return f"rename {one} or {other}: ids are made of a file's name without its ending"
    return "give every record its own id"


def build(records: Iterable[Record], report: Report) -> list[Sample]:
    """Turn records into samples: drop and count what is of no use, refuse ids that stand twice."""
    samples = []
    places: dict[str, str] = {}
    for record in records:
        if record.id in places:
            raise UserError(
                f"{record.place}: duplicate id {record.id!r} (first at {places[record.id]}): "
                + _own_id(record.place, places[record.id])
            )
        places[record.id] = record.place
        sample = _sample(record)
        if isinstance(sample, str):
            report.drop(sample, record.place)
        else:
            samples.append(sample)
    trained = {sample.label for sample in samples if sample.split in ("train", "")}
    untrained = {sample.label for sample in samples} - trained
    if trained and untrained:
        report.note("labels_without_training_samples", sorted(untrained))
    return samples


def _sample(record: Record) -> Sample | str:
    """Return the sample, or the reason why there is none."""
    text, spans = record.text, record.spans
    inside = _inside(text, spans)
    if not isinstance(text, str):
        text, spans = _join(text, spans if inside else ())
    _check_characters(text, record.place)
    label = record.label.strip()
    _check_characters(own_name(label, record.place), record.place)
    if not label:
        return "empty label"
    if not shows(text):
        return "empty text"
    if not inside:
        return "span outside the text"
    mentions = as_mentions(text, spans)
    if isinstance(mentions, str):
        return mentions
    return Sample(record.id, text, label, record.split, mentions, record.task)


def as_mentions(text: str, spans: Iterable[tuple[str, int, int]]) -> tuple[Mention, ...] | str:
    """Return (role, start, end) in characters of a text as mentions, or why they are none."""
    once = list(dict.fromkeys(spans))
    if not _inside(text, once):
        return "span outside the text"
    if any(not text[start:end].strip() for _, start, end in once):
        return "blank mention"
    in_order = sorted(once, key=lambda span: span[1])
    if any(left[2] > right[1] for left, right in pairwise(in_order)):
        return "overlapping spans"
    return tuple(Mention(*span) for span in once)


def _inside(text: str | Sequence[str], spans: Iterable[tuple[str, int, int]]) -> bool:
    return all(0 <= start < end <= len(text) for _, start, end in spans)


def _join(
    tokens: Sequence[str], spans: Sequence[tuple[str, int, int]]
) -> tuple[str, tuple[tuple[str, int, int], ...]]:
    """Join tokens by single spaces; return the text and the spans in characters."""
    starts = []
    position = 0
    for token in tokens:
        starts.append(position)
        position += len(token) + 1
    ends = [start + len(token) for start, token in zip(starts, tokens, strict=True)]
    return " ".join(tokens), tuple((role, starts[a], ends[b - 1]) for role, a, b in spans)


def _check_characters(text: str, place: str) -> None:
    if "\0" in text:
        raise UserError(f"{place}: zero byte in the text: the file is damaged: get it again")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UserError(f"{place}: half a surrogate pair: write the file as UTF-8") from None
