"""What reading raw files tells beside the samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_PLACES_KEPT = 5


class Report:
    """What was dropped on the way from raw files to samples, and what else is worth knowing."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._places: dict[str, list[str]] = {}
        self._notes: dict[str, Any] = {}

    def drop(self, reason: str, where: str) -> None:
        """Count one dropped record; the first five places of each reason are kept."""
        self._counts[reason] = self._counts.get(reason, 0) + 1
        places = self._places.setdefault(reason, [])
        if len(places) < _PLACES_KEPT:
            places.append(where)

    def note(self, key: str, value: Any) -> None:
        """Keep one JSON-able fact; a later note of the same key replaces it."""
        self._notes[key] = value

    @property
    def dropped(self) -> int:
        """How many records were dropped in all."""
        return sum(self._counts.values())

    def lines(self) -> Iterator[str]:
        """Yield a line for each reason and each note, for a user."""
        for reason, count in self._counts.items():
            yield f"left out: {count} rows, {reason}: {', '.join(self._places[reason])}"
        for about, note in self._notes.items():
            yield f"note: {about}: {note}"

    def as_dict(self) -> dict[str, Any]:
        """Return ``{"dropped": {reason: {"count", "first"}}, "notes": {...}}``, JSON-able."""
        return {
            "dropped": {
                reason: {"count": count, "first": list(self._places[reason])}
                for reason, count in self._counts.items()
            },
            "notes": dict(self._notes),
        }
