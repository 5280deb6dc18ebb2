"""What a job is about: one task of one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conpet.config.stages import Learn
from conpet.run import RunKey
from conpet.run.states import State


@dataclass(frozen=True)
class Job:
    """One task of one run, and how it is learnt."""

    about: Learn
    key: RunKey
    task: int

    @property
    def name(self) -> str:
        """What progress lines call it."""
        key = self.key
        return f"{key.dataset} {key.model} {key.method} seed {key.seed} task {self.task}"

    def keys(self) -> dict[str, Any]:
        """Return the keys that every file about it starts with."""
        return self.key.of_task(self.task)

    def state(self) -> State:
        """Return what the states of this run say of themselves."""
        return State(**self.keys(), stage="train", classes=[], settings=self.about)
