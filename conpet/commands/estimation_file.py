"""What is known of an experiment before it is run: hours, and the data that a user must bring."""

from __future__ import annotations

from pathlib import Path

from conpet.commands.checks import DataChecks, open_experiment
from conpet.config.loading import load_datasets
from conpet.config.raw import RawFile
from conpet.config.strict import read_yaml
from conpet.errors import UserError
from conpet.files import read_json
from conpet.reporting.numbers import duration

FILE = "estimate.json"


def known(experiment: Path, config_dir: Path, results: Path) -> str:
    """Return what follows an experiment's title in a list: hours estimated, data to bring."""
    said = []
    path = results / experiment.stem / FILE
    if path.is_file() and isinstance(found := read_json(path), dict) and "hours" in found:
        hours = f"about {duration(3600 * found['hours'])} on {found.get('cpu', 'a machine')}"
        if found.get("config_sha256") != _hash(experiment, config_dir):
            hours += f", before it was changed: conpet estimate {experiment.stem} says it anew"
        said.append(hours)
    if names := _brought(experiment, config_dir):
        said.append(f"bring {', '.join(names)}")
    return f" ({'; '.join(said)})" if said else ""


def _hash(experiment: Path, config_dir: Path) -> str:
    """Return the hash of what an experiment's numbers depend on; none of one with a mistake."""
    try:
        return open_experiment(str(experiment), config_dir).sha256()
    except UserError:
        return ""  # it is told where the experiment is asked for


def _brought(experiment: Path, config_dir: Path) -> list[str]:
    """Return the datasets of which some file has no address."""
    try:
        datasets = read_yaml(experiment).get("datasets", [])
        data, _ = load_datasets(datasets, config_dir, str(experiment), DataChecks())
    except UserError:
        return []  # it is told where the experiment is asked for
    return [
        name
        for name, dataset in data.items()
        if any(_absent(file) for part in dataset.parts() for file in dataset.part(part).sources())
        and dataset.generator is None
    ]


def _absent(file: RawFile) -> bool:
    return file.url is None
