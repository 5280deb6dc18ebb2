"""Read what an experiment has left under results/, finished or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conpet import replay
from conpet.config.matrix import Matrix
from conpet.config.method import Method
from conpet.errors import UserError
from conpet.files import sha256
from conpet.reporting.doubts import other_code
from conpet.run import STATE_FILE, TIMING_FILE, Cell, RunKey
from conpet.run.reading import Run, read_run

LONG = 24  # letters; a longer title does not fit a legend


@dataclass(frozen=True)
class Results:
    """All runs of one experiment, in the matrix's order.

    ``about`` holds what each method says of itself, ``settings`` the resolved configuration of each
    cell, ``titles`` the names to show for methods, datasets and models; all may lack entries.
    ``reported`` is a CSV with figures of others, ``base_counts`` the tasks of a dataset's base
    where its runs have others: figures of others are not over those. ``doubts`` are sentences on
    runs that are not of this configuration: they stand in everything that is made of the results.
    """

    experiment: str
    root: Path
    runs: list[Run]
    title: str = ""
    about: Mapping[str, Method] = field(default_factory=dict)
    settings: Mapping[Cell, Mapping[str, Any]] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    reported: Path | None = None
    base_counts: Mapping[str, int] = field(default_factory=dict)
    doubts: Sequence[str] = ()

    @property
    def caption(self) -> str:
        """What captions call the experiment."""
        return self.title or self.experiment

    @property
    def datasets(self) -> list[str]:
        """Datasets in the matrix's order."""
        return list(dict.fromkeys(run.key.dataset for run in self.runs))

    @property
    def models(self) -> list[str]:
        """Models in the matrix's order."""
        return list(dict.fromkeys(run.key.model for run in self.runs))

    @property
    def methods(self) -> list[str]:
        """Methods in the matrix's order."""
        return list(dict.fromkeys(run.key.method for run in self.runs))

    def places(self) -> list[tuple[str, str]]:
        """Return (dataset, model) of every table or panel, in the matrix's order."""
        return list(dict.fromkeys(run.key.cell[:2] for run in self.runs))

    def of(self, dataset: str, model: str, method: str) -> list[Run]:
        """Return the runs of one cell of a table: one a seed."""
        return [run for run in self.runs if run.key.cell == (dataset, model, method)]

    def only(self, methods: Sequence[str]) -> Results:
        """Return the results of some methods, in that order."""
        runs = [run for run in self.runs if run.key.method in methods]
        runs.sort(key=lambda run: list(methods).index(run.key.method))
        return replace(self, runs=runs)

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield (model, method) in order, for tables with a row for each."""
        yield from dict.fromkeys((run.key.model, run.key.method) for run in self.runs)

    def method(self, name: str) -> Method:
        """Return what a method says of itself; nothing of one that is not known."""
        return self.about.get(name) or Method(title=name, learner="", replay="none")

    def bound(self, method: str) -> bool:
        """Say whether a method is an upper bound, which is not ranked among the others."""
        return replay.upper_bound(self.method(method))

    def whole_history(self, method: str) -> bool:
        """Say whether a method trains on the whole history at every task."""
        return replay.replays_everything(self.method(method))

    @property
    def has_variants(self) -> bool:
        """Whether some methods are one learner and replay with other options or settings."""
        kinds = [(m.learner, m.replay) for m in map(self.method, self.methods) if m.learner]
        return len(set(kinds)) < len(kinds)

    def name(self, key: str) -> str:
        """Return the name to show for a method, dataset or model."""
        return self.titles.get(key) or key

    def hashes(self, paths: Iterable[Path]) -> dict[str, str]:
        """Return the SHA-256 of the files that exist, by their path under the results folder."""
        found = sorted(path for path in set(paths) if path.is_file())
        return {self._short(path): sha256(path) for path in found}

    def _short(self, path: Path) -> str:
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else path.name

    def metrics_files(self) -> list[Path]:
        """Return where the metrics of every task of every run are, or will be."""
        return [run.folder.metrics(task.number) for run in self.runs for task in run.tasks]

    def training_files(self, *names: str) -> list[Path]:
        """Return where the named files of every training are: a learner's and a selector's."""
        return [
            folder / name
            for run in self.runs
            for task in run.tasks
            for folder in (run.folder.state(task.number), run.folder.selector(task.number))
            for name in names or (STATE_FILE, TIMING_FILE)
        ]


def collect(experiment: str, results: Path, matrix: Mapping[RunKey, int], **extra: Any) -> Results:
    """Read the runs of a matrix; what is not there yet is simply not there.

    Args:
        experiment: the experiment's name.
        results: the results folder.
        matrix: the number of tasks of each run, in the order to show.
        extra: further fields of :class:`Results`.

    Raises:
        UserError: a file that is there is not readable JSON, or holds no metrics of its task, or
            runs that would stand side by side were learnt from different data or models.
    """
    runs = [read_run(results / key.path, key, tasks) for key, tasks in matrix.items()]
    _check_same_inputs(runs)
    return Results(experiment, results, runs, **extra)


def _check_same_inputs(runs: Sequence[Run]) -> None:
    """Refuse evaluated runs of one dataset and model that were computed on different files."""
    first: dict[tuple[str, ...], Run] = {}
    for run in runs:
        for task in run.tasks:
            for what in ("encoded_sha256", "snapshot_sha256"):
                said = task.learner.state.get(what) if task.metrics else None
                if not said:
                    continue
                place = (*run.key.cell[:2], str(task.number), what)
                other = first.setdefault(place, run)
                if other.tasks[task.number - 1].learner.state[what] != said:
                    kind = "data" if what == "encoded_sha256" else "model files"
                    raise UserError(
                        f"{run.folder.task(task.number)}: learnt from other {kind} than "
                        f"{other.folder.task(task.number)}: not to be compared: run snakemake to "
                        "its end, which makes the older ones again"
                    )


def collect_experiment(
    matrix: Matrix, results: Path, reported: Path | None = None, doubts: Sequence[str] = ()
) -> Results:
    """Read the whole matrix of an experiment's configuration.

    ``reported`` and ``doubts`` are those of :class:`Results`.
    """
    runs = {
        RunKey(matrix.name, dataset, model, method, seed): matrix.tasks(dataset)
        for dataset in matrix.datasets
        for model in matrix.models
        for method in matrix.methods
        for seed in matrix.seeds
    }
    titles: dict[str, str] = {}
    for group in (matrix.datasets, matrix.models, matrix.methods):
        titles |= short_titles({name: thing.title for name, thing in group.items()})
    found = collect(
        matrix.name,
        results,
        runs,
        title=matrix.title,
        about=matrix.methods,
        settings={key.cell: resolved(matrix, key.cell) for key in runs},
        titles=titles,
        reported=reported,
        base_counts=matrix.base_counts,
    )
    return replace(found, doubts=[*doubts, *other_code(found.runs)])


def short_titles(titles: Mapping[str, str]) -> dict[str, str]:
    """Return long titles without what is in brackets, where they can still be told apart."""
    short = {k: t if len(t) <= LONG else t.split(" (", 1)[0] for k, t in titles.items()}
    seen = list(short.values())
    found = {key: short[key] if seen.count(short[key]) == 1 else titles[key] for key in titles}
    seen = list(found.values())
    # never two rows of one name
    return {k: title if seen.count(title) == 1 else f"{title} ({k})" for k, title in found.items()}


def resolved(matrix: Matrix, cell: Cell) -> dict[str, Any]:
    """Return the choices of a cell's method and its settings there."""
    chosen = matrix.methods[cell[2]]
    sections: dict[str, Any] = {}
    for name, value in matrix.settings(*cell).model_dump(mode="json").items():
        # the budget's section bears the name of the axis
        sections |= (
            {f"replay.{k}": v for k, v in value.items()} if name == "replay" else {name: value}
        )
    return {
        "learner": chosen.learner,
        "replay": chosen.replay,
        "options": dict(chosen.options),
        "replay_options": dict(chosen.replay_options),
        **sections,
    }


def configuration(matrix: Matrix) -> dict[str, Any]:
    """Return the whole configuration, resolved, as plain JSON values."""
    return {
        "name": matrix.name,
        "title": matrix.title,
        "seeds": list(matrix.seeds),
        "tasks": {name: matrix.tasks(name) for name in matrix.datasets},
        "datasets": {n: d.model_dump(mode="json") for n, d in matrix.datasets.items()},
        "models": {n: m.model_dump(mode="json") for n, m in matrix.models.items()},
        "methods": {n: m.model_dump(mode="json") for n, m in matrix.methods.items()},
        "settings": {
            f"{dataset}/{model}/{method}": matrix.settings(dataset, model, method).model_dump(
                mode="json"
            )
            for dataset in matrix.datasets
            for model in matrix.models
            for method in matrix.methods
        },
    }
