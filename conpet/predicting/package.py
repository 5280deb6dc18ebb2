"""A trained run -> one folder that can be opened elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conpet.card import CARD_FILE, BackbonePin, Calibration, Card
from conpet.data.stream import Stream, open_stream
from conpet.errors import UserError
from conpet.files import atomic_folder, read_json, write_json
from conpet.jobs.data import longest
from conpet.jobs.learn import Cell
from conpet.learners import find
from conpet.learners.base import Prediction
from conpet.predicting import calibration
from conpet.predicting.predictor import Predictor


def package(
    cell: Cell,
    snapshot: Path,
    encoded: Sequence[Path],
    states: Sequence[Path],
    selector: Path | None,
    outside: Sequence[str],
    out: Path,
) -> None:
    """Write the learner of a run's task as one folder, calibrated on validation samples.

    Args:
        states: all states up to the task, oldest first.
        outside: texts of none of the classes, to measure how well they can be told apart.
    """
    about = _describe(cell, snapshot, states, selector)
    stream = open_stream(encoded, cell.task)
    keep = states if find(about.learner).experts else states[-1:]
    with atomic_folder(out) as folder:
        for name, state in zip(about.states, keep, strict=True):
            _copy(state, folder / name)
        if selector is not None:
            _copy(selector, folder / "selector")
        write_json(folder / CARD_FILE, about.model_dump())
        predictor = Predictor(folder, snapshot)
        measured = measure(predictor, stream, outside)
        write_json(
            folder / CARD_FILE, about.model_copy(update={"calibration": measured}).model_dump()
        )


def _copy(state: Path, to: Path) -> None:
    """Copy what a learner loads from a state: its tensors, not how they came to be."""
    kept = shutil.ignore_patterns("state.json", "timing.json", ".snakemake_timestamp")
    shutil.copytree(state, to, ignore=kept)


def _describe(cell: Cell, snapshot: Path, states: Sequence[Path], selector: Path | None) -> Card:
    experiment = cell.experiment
    method, model = experiment.methods[cell.method], experiment.models[cell.model]
    settings = experiment.settings(cell.dataset, cell.model, cell.method)
    newest = read_json(states[-1] / "state.json")
    if newest["task"] != cell.task:
        raise UserError(f"{states[-1]}: the state of task {newest['task']}, not {cell.task}")
    source = snapshot / "source.json"
    if not source.is_file():
        raise UserError(f"{snapshot}: no model here: run `conpet fetch-model` first")
    numbers = range(1, cell.task + 1) if find(method.learner).experts else [cell.task]
    return Card(
        **cell.key(),
        learner=method.learner,
        options=method.options,
        head=settings.head,
        tuning=settings.tuning,
        kind=experiment.datasets[cell.dataset].kind,
        template=experiment.datasets[cell.dataset].template,
        max_length=min(settings.encoding.max_length, longest(snapshot)),
        classes=newest["classes"],
        backbone=BackbonePin(
            name=cell.model,
            title=model.title,
            licence=model.licence,
            source=model.source,
            files=read_json(source)["files"],
            pooling=model.pooling,
            lora_targets=model.lora_targets,
        ),
        states=[f"task{number:02d}" for number in numbers],
        selector="selector" if selector is not None else None,
    )


def measure(predictor: Predictor, stream: Stream, outside: Sequence[str]) -> Calibration | None:
    """Return the calibration on a stream's validation samples; None where it has none."""
    tasks = range(1, stream.tasks + 1)
    valid = stream.of("valid", tasks)
    if not len(valid):
        return None
    said, labels = predictor.ask(stream, valid), stream.label[valid].astype(np.int64)
    of_class = predictor.class_task

    def at(temperature: float) -> np.ndarray:
        return calibration.log_probabilities(said, of_class, temperature)

    temperature = calibration.fit_temperature(at, labels)
    logs = [at(1.0), at(temperature)]

    def confidence(asked: Prediction) -> np.ndarray:
        probabilities = np.exp(calibration.log_probabilities(asked, of_class, temperature))
        return probabilities[np.arange(len(probabilities)), asked.labels()]

    threshold = round(calibration.threshold_for(confidence(said)), 6)
    found: dict[str, Any] = {}
    if outside:
        inside = confidence(predictor.ask(stream, stream.of("test", tasks)))
        away = confidence(predictor.ask(*predictor.samples(outside)))
        found["auroc"] = round(calibration.auroc(inside, away), 6)
        found["outside"] = len(outside)
        found["outside_refused"] = round(float((away < threshold).mean()), 6)
    return Calibration(
        samples=len(valid),
        accuracy=round(float((said.labels() == labels).mean()), 6),
        temperature=temperature,
        nll=[round(calibration.nll(values, labels), 6) for values in logs],
        ece=[round(calibration.expected_calibration_error(v, labels), 6) for v in logs],
        threshold=threshold,
        kept=calibration.KEPT,
        **found,
    )
