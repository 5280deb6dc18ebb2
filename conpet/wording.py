"""How numbers stand in sentences."""

from __future__ import annotations


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with what is counted: ``1 task``, ``1,440 samples``, ``2 classes``."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
