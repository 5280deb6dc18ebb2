"""Read what an experiment has left under results/, finished or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from conpet.errors import UserError
from conpet.evaluation import summarise
from conpet.files import read_json, sha256
from conpet.reporting.names import is_upper_bound, method_name, short_titles

if TYPE_CHECKING:
    from conpet.config import Experiment

_METRICS = {"whole_accuracy", "average_accuracy", "macro_f1", "selector_accuracy"}


class Cell(NamedTuple):
    """One run of the matrix: what it is keyed by, and how many tasks it has."""

    dataset: str
    model: str
    method: str
    seed: int
    n_tasks: int


@dataclass(frozen=True)
class Step:
    """One training of one task: its state.json and timing.json, each None where absent."""

    state: Mapping[str, Any] | None
    timing: Mapping[str, Any] | None


@dataclass(frozen=True)
class Run:
    """One cell of the matrix with what was found of it; lists are over tasks 1, 2, ..."""

    cell: Cell
    folder: Path
    metrics: list[dict[str, Any]]
    states: list[Step]
    selectors: list[Step]

    @property
    def finished(self) -> bool:
        """Whether every task has been evaluated."""
        return len(self.metrics) == self.cell.n_tasks

    @property
    def status(self) -> str:
        """``finished``, or ``pending`` for a partial or absent run."""
        return "finished" if self.finished else "pending"

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The metrics after the last task and over the run (:func:`conpet.evaluation.summarise`).

        Raises:
            ValueError: nothing has been evaluated yet.
        """
        return summarise(self.metrics)

    def file(self, task: int, name: str) -> Path:
        """Return the path of a file of one task (1-based)."""
        return self.folder / f"task{task:02d}" / name


@dataclass(frozen=True)
class Results:
    """All runs of one experiment, in the matrix's order.

    ``settings`` holds a method's configuration, ``titles`` the names to show for methods,
    datasets and models; both may lack entries.
    """

    experiment: str
    root: Path
    runs: list[Run]
    title: str = ""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    reported: Path | None = None

    @property
    def caption(self) -> str:
        """What captions call the experiment."""
        return self.title or self.experiment

    @property
    def datasets(self) -> list[str]:
        """Datasets in the matrix's order."""
        return list(dict.fromkeys(run.cell.dataset for run in self.runs))

    @property
    def models(self) -> list[str]:
        """Models in the matrix's order."""
        return list(dict.fromkeys(run.cell.model for run in self.runs))

    @property
    def methods(self) -> list[str]:
        """Methods in the matrix's order."""
        return list(dict.fromkeys(run.cell.method for run in self.runs))

    def of(self, dataset: str, model: str, method: str) -> list[Run]:
        """Return the runs of one cell of a table: one a seed."""
        key = (dataset, model, method)
        return [run for run in self.runs if run.cell[:3] == key]

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield (model, method) in order, for tables with a row for each."""
        yield from dict.fromkeys((run.cell.model, run.cell.method) for run in self.runs)

    def bound(self, method: str) -> bool:
        """Say whether a method is an upper bound, which is not ranked among the others."""
        return is_upper_bound(method, self.settings.get(method))

    def name(self, key: str) -> str:
        """Return the name to show for a method, dataset or model."""
        return method_name(key, self.titles)

    def hashes(self, paths: Iterable[Path]) -> dict[str, str]:
        """Return the SHA-256 of the files that exist, by their path under the results folder."""
        found = sorted(path for path in set(paths) if path.is_file())
        return {self._short(path): sha256(path) for path in found}

    def _short(self, path: Path) -> str:
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else path.name

    def files(self, *names: str) -> list[Path]:
        """Return the paths of the named files in every task of every run read here."""
        return [
            run.file(task, name)
            for run in self.runs
            for task in range(1, run.cell.n_tasks + 1)
            for name in names
        ]


def collect(
    experiment_name: str,
    results: Path,
    cells: Iterable[Cell | tuple[str, str, str, int, int]],
    **extra: Any,
) -> Results:
    """Read the runs of a matrix; what is not there yet is simply not there.

    Args:
        experiment_name: the experiment's folder under ``results``.
        results: the results folder.
        cells: (dataset, model, method, seed, number of tasks) of each run, in the order to show.
        extra: further fields of :class:`Results`.

    Raises:
        UserError: a file that is there is not readable JSON, or holds no metrics of its task.
    """
    folder = results / experiment_name
    runs = [_read_run(folder, Cell(*cell)) for cell in cells]
    return Results(experiment_name, results, runs, **extra)


def collect_experiment(
    experiment: Experiment, results: Path, reported: Path | None = None
) -> Results:
    """Read the whole matrix of an experiment's configuration; ``reported``: figures of others."""
    cells = [
        Cell(dataset, model, method, seed, experiment.tasks(dataset))
        for dataset in experiment.datasets
        for model in experiment.models
        for method in experiment.methods
        for seed in experiment.seeds
    ]
    groups = [experiment.datasets, experiment.models, experiment.methods]
    titles: dict[str, str] = {}
    for group in groups:
        titles |= short_titles({name: thing.title for name, thing in group.items()})
    return collect(
        experiment.name,
        results,
        cells,
        title=experiment.title,
        settings={name: resolved(experiment, name) for name in experiment.methods},
        titles=titles,
        reported=reported,
    )


def resolved(experiment: Experiment, method: str) -> dict[str, Any]:
    """Return a method's choices and its settings, resolved for the first dataset and model."""
    chosen = experiment.methods[method]
    dataset, model = next(iter(experiment.datasets)), next(iter(experiment.models))
    return {
        "learner": chosen.learner,
        "strategy": chosen.replay,
        "options": dict(chosen.options),
        **experiment.settings(dataset, model, method).model_dump(mode="json"),
    }


def describe(experiment: Experiment) -> dict[str, Any]:
    """Return the whole configuration, resolved, as plain JSON values."""
    return {
        "name": experiment.name,
        "title": experiment.title,
        "seeds": list(experiment.seeds),
        "tasks": {name: experiment.tasks(name) for name in experiment.datasets},
        "datasets": {n: d.model_dump(mode="json") for n, d in experiment.datasets.items()},
        "models": {n: m.model_dump(mode="json") for n, m in experiment.models.items()},
        "methods": {n: m.model_dump(mode="json") for n, m in experiment.methods.items()},
        "settings": {
            f"{dataset}/{model}/{method}": experiment.settings(dataset, model, method).model_dump(
                mode="json"
            )
            for dataset in experiment.datasets
            for model in experiment.models
            for method in experiment.methods
        },
    }


def _read_run(folder: Path, cell: Cell) -> Run:
    place = folder / cell.dataset / cell.model / cell.method / f"seed{cell.seed}"
    metrics: list[dict[str, Any]] = []
    states, selectors = [], []
    for task in range(1, cell.n_tasks + 1):
        here = place / f"task{task:02d}"
        found = _read_metrics(here / "metrics.json", task)
        # metrics after a gap belong to an unfinished rerun: a history has no holes
        if found is not None and len(metrics) == task - 1:
            metrics.append(found)
        states.append(_read_step(here / "state"))
        selectors.append(_read_step(here / "selector"))
    return Run(cell, place, metrics, states, selectors)


def _read_metrics(path: Path, task: int) -> Any:
    found = _read(path)
    try:
        complete = found is None or (
            len(found["task_accuracy"]) == len(found["task_samples"]) == task
            and found.keys() >= _METRICS
        )
    except (AttributeError, KeyError, TypeError):
        complete = False
    if not complete:
        raise UserError(f"{path}: no metrics of task {task}: delete it and evaluate again")
    return found


def _read_step(folder: Path) -> Step:
    return Step(_read(folder / "state.json"), _read(folder / "timing.json"))


def _read(path: Path) -> Any:
    return read_json(path) if path.is_file() else None
