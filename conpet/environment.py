"""The environment variables that this project reads: each by name, with what it means."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from conpet.errors import UserError


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
FORKSERVER = Variable(
    "CONPET_FORKSERVER", "set by the workflow: the process that learning jobs are forked from"
)
WORKFLOW = Variable("CONPET_WORKFLOW", "set by the workflow: PROCESS@MACHINE, watched by its jobs")

ALL = (PROGRESS, LIVE, CACHE, SNAPSHOT, MIRROR, FORKSERVER, WORKFLOW)


def check_copy(folder: Path) -> None:
    """Refuse to work in a copy of the project with the code of another copy.

    Its learners would be the other's: missing, or others of the same names.

    Raises:
        UserError: ``folder`` is a copy of the project, and this code is not its.
    """
    own, here = Path(__file__).resolve().parent, folder / "conpet"
    copied = (folder / "Snakefile").is_file() and (here / "__init__.py").is_file()
    if copied and here.resolve() != own:
        raise UserError(
            f"{folder}: this is a copy of the project, and the code that would run is "
            f"{own.parent}'s: `make setup` here, and `source .venv/bin/activate`"
        )


def quiet() -> bool:
    """Say whether the environment asks for no progress lines."""
    return PROGRESS.get() == "0"
