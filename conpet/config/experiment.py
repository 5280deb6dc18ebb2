"""An experiment: a matrix of datasets, models, methods and seeds, resolved for every job."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conpet.config.checks import Checks
from conpet.config.class_order import published_order
from conpet.config.dataset import FileOrder, NamedOrder, Source
from conpet.config.experiment_file import DataFile, ExperimentFile, check_folder, path_of
from conpet.config.layers import laid_over
from conpet.config.loading import check_names, load, load_datasets, load_methods
from conpet.config.matrix import Matrix
from conpet.config.model import Model
from conpet.config.raw import RawFile
from conpet.config.settings import Encoding, Settings
from conpet.config.stages import (
    Encode,
    Evaluate,
    FetchDataset,
    FetchModel,
    Learn,
    Package,
    Prepare,
    PublishedOrder,
    Split,
    Stage,
    Track,
    text_column,
)
from conpet.config.strict import choose, read_yaml, validate, within
from conpet.errors import UserError


class Experiment:
    """One experiment's whole config, checked; ``path`` is its file."""

    def __init__(
        self, name: str, file: ExperimentFile, config_dir: Path, where: str, checks: Checks
    ) -> None:
        self.name = name
        self.title = file.title
        self.seeds = file.seeds
        self.config_dir = config_dir
        self.path = Path(where)
        self._file = file
        self._where = where
        self._checks = checks
        self.datasets, self.places = load_datasets(file.datasets, config_dir, where, checks)
        self.models = {n: load("models", "model", n, Model, config_dir, where) for n in file.models}
        self.methods, self._method_places = load_methods(file.methods, config_dir, where)
        self._orders = {
            n: published_order(data, config_dir, self.places[n])
            for n, data in self.datasets.items()
        }
        self._settings: dict[tuple[str, str, str], Settings] = {}
        self.check(checks)

    def check(self, checks: Checks) -> None:
        """Hold the whole matrix against what the layers above know.

        Raises:
            UserError: one line that says file, key and what would be right.
        """
        self._checks = checks
        self._settings.clear()
        for number, override in enumerate(self._file.overrides):
            for kind, names, known in (
                ("dataset", override.datasets, self.datasets),
                ("model", override.models, self.models),
                ("method", override.methods, self.methods),
            ):
                for name in names:
                    choose(kind, name, list(known), f"{self._where}: overrides[{number}]")
        for method, chosen in self.methods.items():
            self._checks.method(chosen, self._method_places[method])
        for name, data in self.datasets.items():
            with within(self.places[name]):
                for part in data.parts():
                    self._checks.reading(*data.reading(part))
                    data.check_fields(self._checks.fields(*data.reading(part)))
            for model in self.models:
                for method in self.methods:
                    self.settings(name, model, method)
                self.encode(name, model)

    def settings(self, dataset: str, model: str, method: str) -> Settings:
        """Return a cell's settings: defaults < experiment < method < the experiment's overrides."""
        if (cell := (dataset, model, method)) not in self._settings:
            self._settings[cell] = self._resolve(*cell)
        return self._settings[cell]

    def _resolve(self, dataset: str, model: str, method: str) -> Settings:
        layers = [(self._file.settings, f"{self._where}: settings")]
        if method:
            own = self.methods[method].settings
            layers.append((own, f"{self._method_places[method]}: settings"))
        layers += [
            (o.settings, f"{self._where}: overrides[{i}].settings")
            for i, o in enumerate(self._file.overrides)
            if o.applies(dataset, model, method)
        ]
        settings = Settings()
        for layer, where, settings in laid_over(layers):
            with within(where):
                if "tuning" in layer:
                    self._checks.tuning(settings.tuning, self.models[model].lora_targets)
                if "head" in layer:
                    self._checks.head(settings.head, self.methods.get(method), self.models[model])
        if method:
            where = f"{self._where}: {method} on {dataset}"
            learnt = self.datasets[dataset], self.models[model]
            self._checks.learning(self.methods[method], settings, learnt, where)
        return settings

    def base_tasks(self, dataset: str) -> int:
        """Return how many tasks the dataset's base part holds."""
        return self.datasets[dataset].base_tasks(self._orders[dataset])

    def tasks(self, dataset: str) -> int:
        """Return how many tasks a run of this experiment on the dataset has."""
        total = self.base_tasks(dataset) + len(self.datasets[dataset].parts()) - 1
        return min(total, self._file.tasks) if self._file.tasks else total

    def part_of(self, dataset: str, task: int) -> str:
        """Return the part that holds a task (1-based)."""
        after = task - self.base_tasks(dataset)
        return "base" if after <= 0 else f"add{after}"

    def parts(self, dataset: str, task: int | None = None) -> list[str]:
        """Return the parts that hold tasks 1..task (all tasks of the run by default)."""
        last = self.tasks(dataset) if task is None else task
        return list(dict.fromkeys(self.part_of(dataset, t) for t in range(1, last + 1)))

    def fetch_model(self, model: str) -> FetchModel:
        """Return what fetching a model depends on."""
        return FetchModel(source=self.models[model].source)

    def fetch_dataset(self, dataset: str, part: str) -> FetchDataset:
        """Return what fetching a part's raw files depends on."""
        source = self.datasets[dataset].part(part)
        return FetchDataset(files=source.files, generator=source.generator)

    def prepare(self, dataset: str, part: str) -> Prepare:
        """Return what reading a part's raw files depends on."""
        data = self.datasets[dataset]
        files = [RawFile(name=f.name, split=f.split) for f in data.sample_files(part)]
        form, options = data.reading(part)
        source = data.part(part)
        dropped = data.duplicates != "keep"
        own = source.classes if isinstance(source, Source) and dropped else None
        named = data.order.names if isinstance(data.order, NamedOrder) and dropped else None
        return Prepare(
            format=form, options=options, files=files, duplicates=data.duplicates,
            classes=own, tasks=named if part == "base" else None, **data.renaming(part),
        )  # fmt: skip

    def split(self, dataset: str, part: str) -> Split:
        """Return what cutting a part's samples into tasks depends on."""
        data = self.datasets[dataset]
        source, partition = data.part(part), data.partition(part)
        shared = data.shares_classes(part)
        if isinstance(source, Source):
            return Split(classes=source.classes, split=partition, shared=shared)
        published = PublishedOrder(tasks=self._orders[dataset])
        order = published if isinstance(data.order, FileOrder) else data.order
        return Split(order=order, split=partition, shared=shared)

    def encode(self, dataset: str, model: str) -> Encode:
        """Return what the token ids depend on: one file serves all methods.

        Raises:
            UserError: two methods have other settings for it.
        """
        found = [self.settings(dataset, model, method).encoding for method in self.methods or [""]]
        if any(encoding != found[0] for encoding in found):
            raise UserError(f"{self._where}: encoding must not differ between methods")
        data = self.datasets[dataset]
        return Encode(
            kind=data.kind, template=data.template, pooling=self.models[model].pooling,
            max_length=found[0].max_length, max_cloze_words=found[0].max_cloze_words,
        )  # fmt: skip

    def learn(self, dataset: str, model: str, method: str, task: int) -> Learn:
        """Return what learning a task depends on."""
        settings, chosen = self.settings(dataset, model, method), self.methods[method]
        training = settings.training.model_copy(update={"lr": settings.training.rate(task)})
        # token ids come as files: how they were made is the business of encoding
        settings = settings.model_copy(update={"training": training, "encoding": Encoding()})
        tuned = settings.tuning.type != "none"  # where nothing is, no head is trained either
        revision = self._checks.revisions(chosen.learner, chosen.replay, settings.head.type)
        return Learn(
            **chosen.model_dump(include={"learner", "options", "replay", "replay_options"}),
            **self.models[model].model_dump(include={"pooling", "lora_targets"}),
            revision=revision.get("learner", 1), replay_revision=revision.get("replay", 1),
            head_revision=revision.get("head", 1), settings=settings,
            trained_head_revision=revision.get("trained", 1) if tuned else 1,
            shots=self.datasets[dataset].shots,
            validation=self.datasets[dataset].split.validation,
        )  # fmt: skip

    def evaluate(self, dataset: str, model: str, method: str) -> Evaluate:
        """Return what asking a state depends on."""
        return Evaluate(compute=self.settings(dataset, model, method).compute)

    def package(self, dataset: str, model: str, method: str) -> Package:
        """Return what a packaged learner says beside its states."""
        data, chosen = self.datasets[dataset], self.models[model]
        settings = self.settings(dataset, model, method)
        return Package(
            compute=settings.compute, kind=data.kind, template=data.template,
            max_length=settings.encoding.max_length, outside=data.outside, title=chosen.title,
            column=text_column(*data.reading("base")),
            licence=chosen.licence, source=chosen.source,
        )  # fmt: skip

    def track(self, dataset: str, model: str, method: str) -> Track:
        """Return what MLflow is told of a run."""
        chosen = self.methods[method]
        return Track(
            tasks=self.tasks(dataset), title=chosen.title, learner=chosen.learner,
            options=chosen.options, replay=chosen.replay, replay_options=chosen.replay_options,
            settings=self.settings(dataset, model, method), look=chosen.look,
        )  # fmt: skip

    def matrix(self) -> Matrix:
        """Return what tables, figures and MLflow are told."""
        counts = {name: self.tasks(name) for name in self.datasets}
        base = {name: self.base_tasks(name) for name in self.datasets}
        return Matrix(
            name=self.name, title=self.title, config_sha256=self.sha256(), seeds=self.seeds,
            datasets=self.datasets, models=self.models, methods=self.methods,
            task_counts=counts,
            base_counts={name: n for name, n in base.items() if n != counts[name]},
            cells={f"{d}/{m}/{x}": self.settings(d, m, x) for d, m, x in self.cells()},
        )  # fmt: skip

    def cells(self) -> Iterator[tuple[str, str, str]]:
        """Yield dataset, model and method of every cell, in the matrix's order."""
        return itertools.product(self.datasets, self.models, self.methods)

    def sha256(self) -> str:
        """Return a hash of what the experiment's numbers depend on: what its jobs are told.

        Titles, licences, addresses of pages and looks are no part of it, nor are folders of this
        machine: the same files lie elsewhere too.
        """
        digest = hashlib.sha256()
        for stage in self._stages():
            digest.update(f"{stage.text()}\n".encode())
        digest.update(json.dumps(self.seeds).encode())
        return digest.hexdigest()

    def _stages(self) -> Iterator[Stage]:
        for model in sorted(self.models):
            yield self.fetch_model(model)
        for dataset in sorted(self.datasets):
            for part in self.parts(dataset):
                yield self.fetch_dataset(dataset, part).anywhere()
                yield self.prepare(dataset, part)
                yield self.split(dataset, part)
            for model in sorted(self.models):
                yield self.encode(dataset, model)
        for dataset, model, method in sorted(self.cells()):
            for task in range(1, self.tasks(dataset) + 1):
                yield self.learn(dataset, model, method, task)


def load_experiment(
    name: str, config_dir: Path = Path("config"), checks: Checks | None = None
) -> Experiment:
    """Load and check an experiment by name (config/experiments/NAME.yaml) or by path.

    Args:
        checks: what is asked of learners, replays, readers and PEFT; nothing where left out.

    Raises:
        UserError: one line that says file, key and what would be right.
    """
    check_folder(config_dir)
    path = path_of(name, config_dir)
    file = validate(ExperimentFile, read_yaml(path), str(path))
    check_names(path, file.datasets, config_dir)
    return Experiment(path.stem, file, config_dir, str(path), checks or Checks())


def load_data(
    datasets: list[str] | dict[str, Any],
    models: list[str],
    config_dir: Path,
    where: str,
    settings: dict[str, Any],
    checks: Checks,
) -> Experiment:
    """Return an experiment without methods: nothing is learnt, but its data can be made.

    Args:
        datasets: names of config/datasets, or datasets written out by name.
        where: the file that holds them, for messages and for paths beside it.
    """
    check_folder(config_dir)
    value = {"title": where, "datasets": datasets, "models": models, "settings": settings}
    return Experiment("describe", validate(DataFile, value, where), config_dir, where, checks)
