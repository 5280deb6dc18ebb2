"""What a job computes on: a state says which model and which encoded files it was learnt from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from conpet.errors import UserError
from conpet.files import sha256
from conpet.models.snapshot import digest
from conpet.run.states import State


@dataclass(frozen=True)
class Inputs:
    """A model's snapshot, and the encoded parts of a stream, in order."""

    snapshot: Path
    encoded: Sequence[Path]

    @cached_property
    def snapshot_sha256(self) -> str:
        """The model's (:func:`conpet.models.snapshot.digest`)."""
        return digest(self.snapshot)

    @property
    def encoded_sha256(self) -> str:
        """The SHA-256 of the parts' SHA-256s, one after the other."""
        return self._heads[-1]

    def knows(self, encoded_sha256: str) -> bool:
        """Say whether a state that says this was learnt from these encoded files, or some first."""
        return encoded_sha256 in self._heads

    @cached_property
    def _heads(self) -> list[str]:
        """The same of the first part, of the first two, and so on: a task has those up to it."""
        parts = [sha256(path) for path in self.encoded]
        heads = range(1, len(parts) + 1)
        return [hashlib.sha256("".join(parts[:n]).encode()).hexdigest() for n in heads]

    def check(self, states: Sequence[tuple[Path, State]]) -> None:
        """Refuse states that were learnt on another model, or from other encoded files.

        States that do not say, as older versions wrote them, pass.

        Raises:
            UserError: the state's folder, and what is not its own.
        """
        for folder, state in states:
            if state.snapshot_sha256 and state.snapshot_sha256 != self.snapshot_sha256:
                raise UserError(
                    f"{folder}: learnt on another model than {self.snapshot} now holds: give the "
                    "snapshot that it was learnt on"
                )
            if state.encoded_sha256 and not self.knows(state.encoded_sha256):
                raise UserError(
                    f"{folder}: learnt from other encoded files than "
                    f"{', '.join(map(str, self.encoded))}: give those that it was learnt from"
                )
