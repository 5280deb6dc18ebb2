"""The one form every dataset takes: a text, its label, and marked mentions or named fields."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from conpet.errors import UserError

ROLES = ("head", "tail", "entity")
#: what a learner says of a text that it gives no class
NONE = "none of the seen classes"


def shows(text: str) -> bool:
    """Say whether anything of a text can be seen: zero-width characters are no space to Python."""
    return any(unicodedata.category(letter)[0] in "LNPS" for letter in text)


def own_name(label: str, place: str) -> str:
    """Return a class name, which is not what a learner says of a text of no class.

    Raises:
        UserError: it is.
    """
    if label == NONE:
        raise UserError(
            f"{place}: {label!r} is what is said of a text below a threshold: "
            "call the class otherwise"
        )
    return label


@dataclass(frozen=True)
class Mention:
    """A span of ``Sample.text`` in characters, ``end`` exclusive; role head, tail or entity.

    Of a text of several fields each is a mention, whose role is the field's name.
    """

    role: str
    start: int
    end: int


@dataclass(frozen=True)
class Sample:
    """One labelled text. ``split`` is train, valid or test, or empty without an official split.

    ``task`` names the task where the data do.
    """

    id: str
    text: str
    label: str
    split: str = ""
    mentions: tuple[Mention, ...] = ()
    task: str = ""

    @property
    def has_fields(self) -> bool:
        """Whether the text has named fields."""
        return bool(self.mentions) and self.mentions[0].role not in ROLES


def check_field(name: str) -> None:
    """Raise a ValueError unless a template can name such a field."""
    if not re.fullmatch(r"\w+", name):
        raise ValueError(
            f"field {name!r}: a template names letters, digits and _ alone: say {{NAME: COLUMN}}"
        )
    if name in (*ROLES, "mask"):
        raise ValueError(f"field {name!r}: has a meaning already: say {{NAME: {name}}}")


def join_fields(values: Mapping[str, str]) -> tuple[str, tuple[tuple[str, int, int], ...]]:
    """Return fields as one text, a line each, and their spans (name, start, end); none if blank."""
    text, spans = "", []
    for name, value in values.items():
        if not (stripped := value.strip()):
            return "", ()
        start = len(text) + bool(text)
        text = f"{text}\n{stripped}" if text else stripped
        spans.append((name, start, len(text)))
    return text, tuple(spans)
