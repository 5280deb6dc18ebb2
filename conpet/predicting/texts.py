"""Texts that someone asks about -> samples -> a stream that a learner can score."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from conpet.card import Card
from conpet.data.readers import as_mentions, parse_marked
from conpet.data.schema import Mention, Sample, join_fields, shows
from conpet.data.stream import Stream
from conpet.data.template import CannotFitError, Vocabulary, encode
from conpet.errors import UserError

MARKS = {
    "relation": "<e1>head</e1> and <e2>tail</e2>",
    "entity": "<e>mention</e>",
}


def listed(values: object, what: str) -> list[Any]:
    """Return several texts or labels as a list, whatever holds them in an order.

    Raises:
        UserError: it is one text, a table, a mapping, or nothing that holds several.
    """
    if isinstance(values, str | bytes):
        raise UserError(f"{what}: one text: give a list of {what}")
    if hasattr(values, "columns"):  # iterating over a table gives the names of its columns
        raise UserError(f'{what}: a table: give one of its columns, as in frame["text"]')
    if isinstance(values, Mapping | Set) or not isinstance(values, Iterable):
        raise UserError(f"{what}: of type {type(values).__name__}: give a list of {what}")
    return list(values)


def as_sample(text: object, kind: str, place: str, fields: Sequence[str] = ()) -> Sample:
    """Return one text as a sample; relations and entities are marked in the text.

    Args:
        fields: the names that the template has for a text of several fields, which is a mapping
            of them, or such a mapping as JSON.

    Raises:
        UserError: not a text, nothing that shows in it, or not marked as its kind asks: one mention
            of each role, which show, side by side.
    """
    if kind == "fields":
        return _of_fields(text, place, fields)
    if not isinstance(text, str):
        raise UserError(f"{place}: of type {type(text).__name__}: give a text")
    _check_text(text, place)
    if kind == "sentence":
        return Sample(place, text, "")
    parsed = parse_marked(text)
    if isinstance(parsed, str):
        raise UserError(f"{place}: {parsed}: mark it as {MARKS[kind]}")
    plain, spans = parsed
    mentions = as_mentions(plain, spans)
    if isinstance(mentions, str):
        raise UserError(f"{place}: {mentions}: mark it as {MARKS[kind]}")
    wanted = ["head", "tail"] if kind == "relation" else ["entity"]
    roles = sorted(m.role for m in mentions)
    if set(roles) != set(wanted):
        raise UserError(f"{place}: not a marked {kind}: mark it as {MARKS[kind]}")
    if roles != wanted:
        twice = next(role for role in roles if roles.count(role) > 1)
        raise UserError(f"{place}: {roles.count(twice)} mentions of one {twice}: mark one of them")
    if not all(shows(plain[m.start : m.end]) for m in mentions):
        raise UserError(f"{place}: blank mention: mark it as {MARKS[kind]}")
    return Sample(place, plain, "", mentions=mentions)


def _check_text(text: str, place: str) -> None:
    if not shows(text):
        raise UserError(f"{place}: empty: give a text")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise UserError(f"{place}: holds bytes that are not UTF-8: give it as UTF-8")


def _of_fields(text: object, place: str, fields: Sequence[str]) -> Sample:
    like = "{" + ", ".join(f'"{name}": "..."' for name in fields) + "}"
    found = text
    if isinstance(text, str):
        try:
            found = json.loads(text)
        except ValueError:
            found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise UserError(f"{place}: a text of several fields: give {like}")
    for name in fields:
        if name not in found:
            raise UserError(f"{place}: no field {name}: give {like}")
        _check_text(found[name], f"{place}: {name}")
    joined, spans = join_fields({name: found[name] for name in fields})
    return Sample(place, joined, "", mentions=tuple(Mention(*span) for span in spans))


def as_stream(
    texts: Sequence[object], about: Card, tokenizer: Any, vocab: Vocabulary, first: int = 0
) -> Stream:
    """Return texts as test samples of no known label; messages count from ``first``.

    Raises:
        UserError: a text is none, or its mentions and the cloze alone are too long.
    """
    ids: list[int] = []
    offsets = [0]
    pool: list[int] = []
    fields = about.fields
    for number, text in enumerate(texts, first):
        place = f"text {number + 1}"
        sample = as_sample(text, about.kind, place, fields)
        try:
            found, at = encode(sample, about.template, tokenizer, vocab, about.max_length)
        except CannotFitError:
            raise UserError(
                f"{place}: its mentions do not fit into {about.max_length} tokens: shorten them"
            ) from None
        pool.append(len(found) - 1 if about.backbone.pooling == "last" else at)
        ids += found
        offsets.append(len(ids))
    nothing = np.zeros(len(texts), np.int32)
    return Stream(
        ids=np.array(ids, np.int32),
        offsets=np.array(offsets, np.int64),
        pool=np.array(pool, np.int32),
        label=nothing,
        task=nothing,
        split=np.full(len(texts), 2, np.int8),
        row=nothing,
        part=nothing,
        classes=about.classes,
        later=[],
        pad=vocab.pad,
    )
