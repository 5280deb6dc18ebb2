"""An experiment: a matrix of datasets, models, methods and seeds, resolved for every job."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from conpet.config.dataset import Addition, ClassOrder, FileOrder
from conpet.config.loading import check_names, load, load_datasets, load_methods
from conpet.config.model import Model
from conpet.config.settings import Count, Settings, check_tuning
from conpet.config.strict import Strict, choose, merge, read_yaml, validate, within
from conpet.errors import UserError
from conpet.files import read_json

Names = Annotated[list[str], Field(min_length=1)]


class Override(Strict):
    """Settings for a part of the matrix; a list left out means all."""

    datasets: list[str] = []
    models: list[str] = []
    methods: list[str] = []
    settings: dict[str, Any]

    def applies(self, dataset: str, model: str, method: str) -> bool:
        """Say whether this override is for that cell of the matrix."""
        pairs = ((self.datasets, dataset), (self.models, model), (self.methods, method))
        return all(not names or name in names for names, name in pairs)


class _File(Strict):
    title: str
    datasets: Names | Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    models: Names = ["minilm"]
    methods: Names | Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    seeds: Annotated[list[int], Field(min_length=1)] = [100]
    tasks: Count | None = None
    settings: dict[str, Any] = {}
    overrides: list[Override] = []

    @field_validator("datasets", "models", "methods", "seeds")
    @classmethod
    def _once_each(cls, value: list[Any]) -> list[Any]:
        if len(set(value)) < len(value):
            raise ValueError("each may stand there only once")
        return value


class _Data(_File):
    # nothing is learnt: enough for a look at the data
    methods: list[str] = []


class Experiment:
    """One experiment's whole config, checked. ``tasks`` cuts every stream after its first tasks."""

    def __init__(self, name: str, file: _File, config_dir: Path, where: str) -> None:
        self.name = name
        self.title = file.title
        self.seeds = file.seeds
        self.config_dir = config_dir
        self._file = file
        self._where = where
        self.datasets, self._places = load_datasets(file.datasets, config_dir, where)
        self.models = {n: load("models", "model", n, Model, config_dir, where) for n in file.models}
        self.methods, self._method_places = load_methods(file.methods, config_dir, where)
        self._orders = {n: self._published(n) for n in file.datasets}
        self._settings: dict[tuple[str, str, str], Settings] = {}
        self._check()

    def _check(self) -> None:
        from conpet.data import readers
        from conpet.learners import check_method

        for number, override in enumerate(self._file.overrides):
            for kind, names, known in (
                ("dataset", override.datasets, self.datasets),
                ("model", override.models, self.models),
                ("method", override.methods, self.methods),
            ):
                for name in names:
                    choose(kind, name, list(known), f"{self._where}: overrides[{number}]")
        for method, chosen in self.methods.items():
            check_method(chosen, self._method_places[method])
        for name, data in self.datasets.items():
            with within(self._places[name]):
                for part in data.parts():
                    readers.check_options(*data.reading(part))
            for model in self.models:
                for method in self.methods:
                    self.settings(name, model, method)
                self.params("encode", name, model)

    def _published(self, dataset: str) -> dict[str, Any]:
        """Return a published class order; empty for a dataset without one."""
        order = self.datasets[dataset].order
        if not isinstance(order, FileOrder):
            return {}
        folder = self.config_dir / "class_orders"
        known = sorted(p.stem for p in folder.glob("*.json"))
        choose("class order", order.file, known, f"{self._places[dataset]}: order.file")
        value: dict[str, Any] = read_json(folder / f"{order.file}.json")
        validate(ClassOrder, value, str(folder / f"{order.file}.json"))
        return value

    def settings(self, dataset: str, model: str, method: str) -> Settings:
        """Return a cell's settings: defaults < experiment < method < the experiment's overrides."""
        cell = (dataset, model, method)
        if cell not in self._settings:
            self._settings[cell] = self._resolve(dataset, model, method)
        return self._settings[cell]

    def _resolve(self, dataset: str, model: str, method: str) -> Settings:
        layers = [(self._file.settings, f"{self._where}: settings")]
        if method:
            place = f"{self._method_places[method]}: settings"
            layers.append((self.methods[method].settings, place))
        layers += [
            (o.settings, f"{self._where}: overrides[{i}].settings")
            for i, o in enumerate(self._file.overrides)
            if o.applies(dataset, model, method)
        ]
        value: dict[str, Any] = Settings().model_dump()
        settings = Settings()
        for layer, where in layers:
            value = merge(value, layer)
            settings = validate(Settings, value, where)
            if "tuning" in layer:
                with within(where):
                    check_tuning(settings.tuning, self.models[model].lora_targets)
        return settings

    def base_tasks(self, dataset: str) -> int:
        """Return how many tasks the dataset's base part holds."""
        order = self.datasets[dataset].order
        return len(self._orders[dataset]["tasks"]) if isinstance(order, FileOrder) else order.tasks

    def tasks(self, dataset: str) -> int:
        """Return how many tasks a run of this experiment on the dataset has."""
        total = self.base_tasks(dataset) + len(self.datasets[dataset].additions)
        return min(total, self._file.tasks) if self._file.tasks else total

    def part_of(self, dataset: str, task: int) -> str:
        """Return the part that holds a task (1-based)."""
        after = task - self.base_tasks(dataset)
        return "base" if after <= 0 else f"add{after}"

    def parts(self, dataset: str, task: int | None = None) -> list[str]:
        """Return the parts that hold tasks 1..task (all tasks of the run by default)."""
        last = self.tasks(dataset) if task is None else task
        return list(dict.fromkeys(self.part_of(dataset, t) for t in range(1, last + 1)))

    def params(
        self,
        stage: str,
        dataset: str = "",
        model: str = "",
        method: str = "",
        task: int = 0,
        part: str = "base",
    ) -> dict[str, Any]:
        """Return exactly what a stage's result depends on, as plain JSON values.

        A workflow that records this reruns a job when, and only when, its own settings change.
        """
        if stage == "fetch_model":
            return self.models[model].source.model_dump()
        if stage in ("fetch_dataset", "prepare", "split"):
            return self._data_params(stage, dataset, part)
        if stage == "encode":
            data = self.datasets[dataset]
            settings = [
                self.settings(dataset, model, m).encoding.model_dump() for m in self.methods or [""]
            ]
            if any(s != settings[0] for s in settings):
                raise UserError(f"{self._where}: encoding must not differ between methods")
            return {
                "kind": data.kind,
                "template": data.template,
                "pooling": self.models[model].pooling,
                **settings[0],
            }
        return self._learning_params(stage, dataset, model, method, task)

    def _data_params(self, stage: str, dataset: str, part: str) -> dict[str, Any]:
        data = self.datasets[dataset]
        source = data.part(part)
        files = [f.model_dump() for f in source.sources()]
        if stage == "fetch_dataset":
            generator = source.generator.model_dump() if source.generator else None
            return {"files": files, "generator": generator}
        if stage == "prepare":
            names = [{"name": f.name, "split": f.split} for f in data.sample_files(part)]
            form, options = data.reading(part)
            return {"format": form, "options": options, "files": names}
        if isinstance(source, Addition):
            return {
                "classes": source.classes,
                "split": data.partition(part).model_dump(exclude_none=True),
            }
        order = self._orders[dataset] or data.order.model_dump()
        return {"order": order, "split": data.split.model_dump(exclude_none=True)}

    def _learning_params(
        self, stage: str, dataset: str, model: str, method: str, task: int
    ) -> dict[str, Any]:
        settings = self.settings(dataset, model, method)
        chosen = self.methods[method]
        compute = settings.compute.model_dump()
        basis = {
            "learner": chosen.learner,
            "options": chosen.options,
            "compute": compute,
            "pooling": self.models[model].pooling,
            "lora_targets": self.models[model].lora_targets,
        }
        if stage == "evaluate":
            return basis
        if stage == "remember":
            return {**basis, "memory": settings.memory.model_dump()}
        training = {**settings.training.model_dump(), "lr": settings.training.rate(task)}
        return {
            **basis,
            "replay_strategy": chosen.replay,
            "training": training,
            "replay": settings.replay.model_dump(),
            "memory": settings.memory.model_dump(),
            "tuning": settings.tuning.model_dump(),
            "head": settings.head,
        }

    def sha256(self) -> str:
        """Return a hash of everything the experiment's numbers depend on."""
        cells = {
            f"{d}/{m}/{x}": self.settings(d, m, x).model_dump()
            for d in self.datasets
            for m in self.models
            for x in self.methods
        }
        everything = {
            "cells": cells,
            "seeds": self.seeds,
            "tasks": self._file.tasks,
            "datasets": {n: d.model_dump() for n, d in self.datasets.items()},
            "orders": self._orders,
            "models": {n: m.model_dump() for n, m in self.models.items()},
            "methods": {n: m.model_dump() for n, m in self.methods.items()},
        }
        return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


def load_experiment(name: str, config_dir: Path = Path("config")) -> Experiment:
    """Load and check an experiment by name (config/experiments/NAME.yaml) or by path.

    Raises:
        UserError: one line that says file, key and what would be right.
    """
    path = Path(name)
    if not config_dir.is_dir():
        raise UserError(f"{config_dir}: no such folder: run in the project, or give --config-dir")
    if path.suffix not in (".yaml", ".yml"):
        known = sorted(p.stem for p in (config_dir / "experiments").glob("*.yaml"))
        choose("experiment", name, known, f"{config_dir}/experiments")
        path = config_dir / "experiments" / f"{name}.yaml"
    file = validate(_File, read_yaml(path), str(path))
    check_names(file.datasets, config_dir, str(path))
    return Experiment(path.stem, file, config_dir, str(path))


def load_data(
    datasets: list[str] | dict[str, Any],
    models: list[str],
    config_dir: Path,
    where: str,
    settings: dict[str, Any],
) -> Experiment:
    """Return an experiment without methods: nothing is learnt, but its data can be made.

    Args:
        datasets: names of config/datasets, or datasets written out by name.
        where: the file that holds them, for messages and for paths beside it.
    """
    if not config_dir.is_dir():
        raise UserError(f"{config_dir}: no such folder: run in the project, or give --config-dir")
    value = {"title": where, "datasets": datasets, "models": models, "settings": settings}
    return Experiment("describe", validate(_Data, value, where), config_dir, where)
