"""The one form every dataset takes: a text, its label, and marked mentions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mention:
    """A span of ``Sample.text`` in characters, ``end`` exclusive; role head, tail or entity."""

    role: str
    start: int
    end: int


@dataclass(frozen=True)
class Sample:
    """One labelled text. ``split`` is train, valid or test, or empty without an official split."""

    id: str
    text: str
    label: str
    split: str = ""
    mentions: tuple[Mention, ...] = ()
