"""The environment variables that this project reads: each by name, with what it means."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """An environment variable; one that is set to nothing is as one that is not set."""

    name: str
    meaning: str

    def get(self) -> str:
        """Return its value, '' where it is not set."""
        return os.environ.get(self.name, "")


PROGRESS = Variable("CONPET_PROGRESS", "0: no progress lines, no progress bars")
LIVE = Variable("CONPET_LIVE", "an MLflow server's address: losses are streamed to it as they grow")
CACHE = Variable("CONPET_CACHE", "the folder for fetched backbones, else the user's cache folder")
SNAPSHOT = Variable("CONPET_SNAPSHOT", "where a served learner finds its backbone")
MIRROR = Variable("CONPET_MIRROR", "a folder that may hold that backbone's files")
FORKSERVER = Variable("CONPET_FORKSERVER", "set by the workflow: where learning jobs come from")
WORKFLOW = Variable("CONPET_WORKFLOW", "set by the workflow: its process and machine, for jobs")

ALL = (PROGRESS, LIVE, CACHE, SNAPSHOT, MIRROR, FORKSERVER, WORKFLOW)


def quiet() -> bool:
    """Say whether the environment asks for no progress lines."""
    return PROGRESS.get() == "0"
