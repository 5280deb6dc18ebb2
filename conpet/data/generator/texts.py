"""Reads the generator's texts: relations, patterns, and the parts of names, from ``texts/``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from conpet.config.plain_yaml import parse

SPLITS = ("train", "valid", "test")

Lines = tuple[str, ...]


@dataclass(frozen=True)
class Relation:
    """A relation: the types of head and tail, its domain, and its patterns by split."""

    head: str
    tail: str
    domain: str
    patterns: dict[str, Lines]
    # of people: how often head and tail bear the same family name, and how often the tail is
    # sure to be of the other gender
    shared_surname: float = 0.0
    other_gender: float = 0.0


@dataclass(frozen=True)
class Frames:
    """What may stand before and after a pattern, ``clause`` or ``plain``, and after its head."""

    before: dict[str, Lines]
    after: dict[str, Lines]
    asides: dict[str, Lines]


@dataclass(frozen=True)
class Slots:
    """What a pattern's slots are filled with, besides names; the ranges include both ends."""

    gendered: dict[str, Lines]
    words: dict[str, Lines]
    numbers: dict[str, list[int]]
    years: dict[str, list[int]]
    months: Lines


@dataclass(frozen=True)
class Texts:
    """All texts; ``relations`` has the standard ones first, then the reserved ones."""

    standard: Lines
    reserved: Lines
    relations: dict[str, Relation]
    clauses: dict[str, Lines]
    names: dict[str, Lines]
    frames: Frames
    slots: Slots


def _lines(text: str) -> Lines:
    # an empty line is for the reader's eye only
    return tuple(line for line in text.splitlines() if line)


def _each(texts: dict[str, str]) -> dict[str, Lines]:
    return {key: _lines(text) for key, text in texts.items()}


def _words(texts: dict[str, str]) -> dict[str, Lines]:
    return {key: tuple(text.split()) for key, text in texts.items()}


def _read(file: Traversable) -> dict[str, Any]:
    return parse(file.read_text(encoding="utf-8"))


def _relations(domain: str, entries: dict[str, Any]) -> Iterator[tuple[str, Relation]]:
    for name, entry in entries.items():
        patterns = {split: _lines(entry.pop(split)) for split in SPLITS}
        yield name, Relation(domain=domain, patterns=patterns, **entry)


@cache
def load_texts() -> Texts:
    """Read the texts once, when the first is asked for."""
    folder = files(__package__) / "texts"
    order = _words(_read(folder / "relations.yaml"))
    clauses: dict[str, Lines] = {}
    found: dict[str, Relation] = {}
    for file in (folder / "domains").iterdir():
        domain, content = file.name.removesuffix(".yaml"), _read(file)
        clauses[domain] = _lines(content["clauses"])
        found.update(_relations(domain, content["relations"]))
    frames, slots = _read(folder / "frames.yaml"), _read(folder / "slots.yaml")
    return Texts(
        **order,
        relations={name: found[name] for name in (*order["standard"], *order["reserved"])},
        clauses=clauses,
        names=_words(_read(folder / "names.yaml")),
        frames=Frames(**{place: _each(texts) for place, texts in frames.items()}),
        slots=Slots(
            gendered=_words(slots["gendered"]),
            words=_words(slots["words"]),
            numbers=slots["numbers"],
            years=slots["years"],
            months=tuple(slots["months"].split()),
        ),
    )
