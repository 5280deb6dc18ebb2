"""How numbers and lists stand in sentences."""

from __future__ import annotations

from collections.abc import Sequence

NAMED = 5


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with what is counted: ``1 task``, ``1,440 samples``, ``2 classes``."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def some(names: Sequence[str], most: int = NAMED, between: str = ", ") -> str:
    """Return the first of many names as a list, ``a, b, c, ...``; all where they are few."""
    return between.join([*names[:most], "..."] if len(names) > most else names)
