"""What each method came to on each dataset: the lines of the view that spans all experiments."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conpet.config.method import Look
from conpet.errors import UserError
from conpet.tracking import run_entries
from conpet.tracking.drafts import Draft
from conpet.tracking.run_entries import DIGITS, Point

#: a metric of a line: the table and the column it is of, and its digits
COLUMNS = {
    "whole_accuracy": ("main", "whole_accuracy_mean", DIGITS),
    "whole_accuracy_sd": ("main", "whole_accuracy_std", DIGITS),
    "gap_closed": ("main", "gap_closed", DIGITS),
    "average_accuracy": ("main", "average_accuracy_mean", DIGITS),
    "macro_f1": ("main", "macro_f1_mean", DIGITS),
    "seeds_finished": ("main", "n", 0),
    "forgetting": ("forgetting", "forgetting_mean", DIGITS),
    "samples_per_task": ("cost", "samples_per_task", 1),
    "forward_samples_per_task": ("cost", "forward_samples_per_task", 1),
    "samples_slope": ("cost", "samples_slope", 2),
    "kept_samples": ("cost", "kept_samples", 1),
    "seconds_per_task": ("cost", "seconds_per_task", 2),
    "trainable_parameters": ("cost", "tunable", 0),
}
Cell = tuple[str, str, str]


@dataclass(frozen=True)
class Line:
    """A method on a dataset with a model, mean over seeds.

    ``values`` has what tables say of it by the names of :data:`COLUMNS`; what is not known is not
    there.
    """

    dataset: str
    model: str
    method: str
    values: Mapping[str, float]
    title: str = ""
    look: Look | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    tasks: int = 0

    @property
    def seconds(self) -> float:
        """What a run's trainings took, mean over seeds; 0 where that is not known."""
        return self.values.get("seconds_per_task", 0.0) * self.tasks


def read_values(tables: Path) -> dict[Cell, dict[str, float]]:
    """Return what an experiment's tables say of each method that has finished runs, by cell.

    Args:
        tables: the folder with main.csv, forgetting.csv and cost.csv.

    Raises:
        UserError: a table is not there, or is none.
    """
    found: dict[Cell, dict[str, float]] = {}
    for name in dict.fromkeys(table for table, _, _ in COLUMNS.values()):
        path = tables / f"{name}.csv"
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}: make the tables first") from None
        for row in rows:
            if row.get("source", "this suite") != "this suite":
                continue  # reported by others
            cell = (row["dataset"], row["model"], row["method"])
            for metric, (table, column, digits) in COLUMNS.items():
                value = float(row.get(column) or "nan") if table == name else math.nan
                if not math.isnan(value):
                    found.setdefault(cell, {})[metric] = round(value, digits)
    return {cell: values for cell, values in found.items() if "whole_accuracy" in values}


def draft_of(line: Line, experiment: str, tags: Mapping[str, Any], time_ms: int) -> Draft:
    """Return the run of a line."""
    identity = {
        "dataset": line.dataset,
        "method": line.title or line.method,
        "method_id": line.method,
        "model": line.model,
        "experiment": experiment,
    }
    own = {
        **tags,
        "conpet.run_key": f"{experiment}/overview/{line.dataset}/{line.model}/{line.method}",
        "conpet.kind": "overview",
    }
    if line.look is not None:
        own["mlflow.runColor"] = run_entries.color(line.look)
    return Draft(
        name=f"{line.dataset} · {line.title or line.method}",
        tags=run_entries.system_tags(own),
        params=run_entries.flatten({**identity, **line.params}),
        metrics=[Point(name, value, time_ms, 0) for name, value in line.values.items()],
        start_ms=time_ms,
        seconds=line.seconds,
    )
