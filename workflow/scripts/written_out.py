"""Whose data results/data/NAME are, where an experiment writes its dataset out.

Raw files and samples are shared by all experiments, by the dataset's name. Of a name that two of
them give to different data, each would take the other's for its own, or make them anew in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conpet.commands.checks import DataChecks, open_experiment
from conpet.config import Experiment
from conpet.config.shared import refuse_other_data
from conpet.files import read_json, write_json

MARK = "written_out.json"


def _written_out(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Yield each dataset that the experiment's own YAML holds, and that YAML's path."""
    for name, place in experiment.places.items():
        path, found, rest = place.rpartition(f": datasets.{name}")
        if found and not rest:
            yield name, path


def check(experiment: Experiment, results: Path) -> None:
    """Refuse an experiment whose data of a name are not those that lie there.

    Raises:
        UserError: the dataset, and the experiment that has its name for other data.
    """
    for name, _ in _written_out(experiment):
        folder = results / "data" / name
        mark = folder / MARK
        kept: Any = read_json(mark) if mark.is_file() else {}
        other = str(kept.get("experiment", "")) if isinstance(kept, dict) else ""
        if not any(folder.glob("*/samples.parquet")):
            continue  # a try that read nothing takes no name
        refuse_other_data(
            experiment.datasets[name], experiment.places[name], folder, other,
            lambda other=other, name=name: open_experiment(
                other, experiment.config_dir, DataChecks()
            ).datasets.get(name),
        )  # fmt: skip


def note(experiment: Experiment, results: Path) -> None:
    """Write down whose data will lie there."""
    for name, path in _written_out(experiment):
        mark = results / "data" / name / MARK
        if not mark.is_file() or read_json(mark) != {"experiment": path}:
            write_json(mark, {"experiment": path})
