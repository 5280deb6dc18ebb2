"""Class names that a reader would take for one: other case, accents put together otherwise, ..."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_NAMED = 3


def _seen(name: str) -> str:
    """Return a name as an eye takes it in: no case, no signs that are not drawn, one kind of blank.

    NFKC makes one of a letter with its accent and a letter followed by it (Unicode Annex 15).
    """
    drawn = "".join(
        c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf"
    )
    seen = " ".join(drawn.casefold().split())
    # a column of whole numbers with one missing is written as 1.0; some tools drop leading zeros
    number = seen.removesuffix(".0")
    return str(int(number)) if number.isdecimal() else seen


def twins(names: Iterable[str]) -> str:
    """Say which different class names look alike; nothing where none do."""
    alike: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        alike.setdefault(_seen(name), []).append(name)
    found = [" and ".join(map(ascii, group)) for group in alike.values() if len(group) > 1]
    if not found:
        return ""
    more = ", ..." if len(found) > _NAMED else ""
    named = ", ".join(found[:_NAMED])
    return f"classes look alike: {named}{more}: where they are one class, write them alike"
