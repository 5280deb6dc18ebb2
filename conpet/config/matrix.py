"""An experiment as tables, figures and MLflow see it: its matrix, and what each cell is set to."""

from __future__ import annotations

import json

from conpet.config.dataset import Dataset
from conpet.config.method import Method
from conpet.config.model import Model
from conpet.config.settings import Settings
from conpet.config.stages import Stage


class Matrix(Stage):
    """A whole experiment, resolved: a value that needs no config folder any more."""

    name: str
    title: str
    config_sha256: str
    seeds: list[int]
    datasets: dict[str, Dataset]
    models: dict[str, Model]
    methods: dict[str, Method]
    task_counts: dict[str, int]
    #: tasks of the stream as it was published, where a run has others: fewer, or some added
    base_counts: dict[str, int] = {}
    cells: dict[str, Settings]

    def text(self) -> str:
        """Return it as JSON, in the experiment's order: tables show methods in it."""
        return json.dumps(self.model_dump(mode="json", exclude_defaults=True))

    def tasks(self, dataset: str) -> int:
        """Return how many tasks a run on the dataset has."""
        return self.task_counts[dataset]

    def settings(self, dataset: str, model: str, method: str) -> Settings:
        """Return a cell's settings."""
        return self.cells[f"{dataset}/{model}/{method}"]
