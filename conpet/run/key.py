"""What makes a run the run it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conpet.names import check_name

#: dataset, model and method: a cell of a table
Cell = tuple[str, str, str]


def run_path(experiment: str, dataset: str, model: str, method: str, seed: int | str) -> str:
    """Return a run's folder within the results; the parts may be a workflow's wildcards."""
    return f"{experiment}/{dataset}/{model}/{method}/seed{seed}"


@dataclass(frozen=True)
class RunKey:
    """One run of an experiment's matrix.

    Raises:
        UserError: a part is no name (conpet/names.py).
    """

    experiment: str
    dataset: str
    model: str
    method: str
    seed: int

    def __post_init__(self) -> None:
        for part in (self.experiment, self.dataset, self.model, self.method):
            check_name(part, "run key")

    def __str__(self) -> str:
        return f"{self.experiment}/{self.dataset}/{self.model}/{self.method}/{self.seed}"

    @property
    def path(self) -> Path:
        """The run's folder within the results."""
        return Path(run_path(self.experiment, self.dataset, self.model, self.method, self.seed))

    @property
    def identity(self) -> dict[str, Any]:
        """What tells a run from the others of its experiment, by name."""
        named = {"dataset": self.dataset, "model": self.model, "method": self.method}
        return {**named, "seed": self.seed}

    @property
    def cell(self) -> Cell:
        """Dataset, model and method: what runs that differ by their seed alone share."""
        return self.dataset, self.model, self.method

    def child(self, task: int) -> str:
        """Return the key of one task of this run."""
        return f"{self}/task{task:02d}"

    def of_task(self, task: int) -> dict[str, Any]:
        """Return the keys that every JSON file of one task starts with."""
        return {**vars(self), "task": task}
