"""The decision table: what every format does with ten kinds of bad input.

A case is a bad file (read as the test split beside a good file, the training split) and what must
come of it: ``Error`` (a UserError of one line), ``Drop`` (counted in the report), ``Note`` (kept,
and reported), or ``Never`` with the reason why the format cannot have it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

TRUNCATED = "truncated file"
ENCODING = "wrong encoding"
NO_LABEL = "empty label"
OUTSIDE = "span outside the sentence"
OVERLAP = "overlapping spans"
MISSING = "missing field"
TWICE = "duplicate id"
TEST_ONLY = "label in test only"
LINE_ENDS = "mixed line ends"
ZERO = "zero bytes"
EMPTY = "empty file"
KINDS = (
    *(TRUNCATED, ENCODING, NO_LABEL, OUTSIDE, OVERLAP, MISSING, TWICE, TEST_ONLY, LINE_ENDS, ZERO),
    EMPTY,
)


@dataclass(frozen=True)
class Error:
    """The message says this, after the file and its line or record."""

    where: str
    what: str


@dataclass(frozen=True)
class Drop:
    """One record is dropped for this reason, at this place."""

    where: str
    reason: str


@dataclass(frozen=True)
class Note:
    """Nothing is dropped; the report names these labels."""

    labels: tuple[str, ...]


@dataclass(frozen=True)
class Never:
    """The format cannot have this fault."""

    why: str


Outcome = Error | Drop | Note


@dataclass
class Format:
    """A format's good files, and its bad ones with what must come of them."""

    suffix: str
    good: bytes
    bad: dict[str, tuple[bytes, Outcome] | Never]
    format: str = ""
    options: dict[str, Any] = field(default_factory=dict)


def line_of(text: str, position: int) -> str:
    """The place of the line with this position."""
    return f"line {text.count(chr(10), 0, position) + 1}"


def text_faults(text: str) -> dict[str, tuple[bytes, Outcome] | Never]:
    """The faults that all text files share; ``text`` has two lines or more, and a "café"."""
    data = text.encode()
    mixed = data.replace(b"\n", b"\r\n", 1)
    line = line_of(text, text.index("café"))
    return {
        ENCODING: (text.encode("latin-1"), Error(line, "not UTF-8")),
        LINE_ENDS: (mixed, Error("line 2", "mixed line ends")),
        ZERO: (data.replace(b"caf", b"ca\0f"), Error(line, "zero byte")),
        EMPTY: (b"", Error("line 1", "empty")),
    }


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def edit(value: Any, change: Callable[[Any], Any]) -> bytes:
    """The JSON of a changed copy of ``value``."""
    copy = json.loads(json.dumps(value))
    change(copy)
    return to_json(copy).encode()


def position(what: str) -> Never:
    return Never(f"ids are made from {what}")


NO_SPANS = Never("the format has no spans")
