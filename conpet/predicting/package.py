"""A trained run -> one folder that can be opened elsewhere."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conpet.card import CARD_FILE, BackbonePin, Calibration, Card, digests
from conpet.config.stages import Package
from conpet.data.encoding import read_encoding
from conpet.data.stream import Stream, open_stream
from conpet.data.tokenizer import longest
from conpet.errors import UserError
from conpet.files import atomic_folder, write_json
from conpet.learners import learner_class
from conpet.learners.assembly import needed_states
from conpet.learners.base import Prediction
from conpet.learners.temperature import fit_temperature
from conpet.predicting import calibration
from conpet.predicting.predictor import Predictor
from conpet.reading import read_object
from conpet.run import MEMORY_FILE, STATE_FILE, TIMING_FILE
from conpet.run.inputs import Inputs
from conpet.run.states import (
    State,
    check_classes,
    check_same_run,
    check_tasks,
    read_selector,
    read_state,
)


def package(
    about: Package,
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
    newest = read_state(states[-1])
    learner = learner_class(newest.settings.learner)
    keep = needed_states(learner, states)
    found = [read_state(folder) for folder in keep]
    check_tasks(found, newest.task, learner.experts)
    pairs = list(zip(keep, found, strict=True))
    if selector is not None:
        pairs.append((selector, read_selector(selector, newest.task)))
    check_same_run(pairs, newest)
    Inputs(snapshot, encoded).check(pairs)
    _check_encoding(about, newest.settings.pooling, encoded)
    stream = open_stream(encoded, newest.task)
    for folder, state in pairs:
        check_classes(folder, state, stream.classes)
    card = _describe(about, newest, snapshot, [state.task for state in found], selector, stream)
    with atomic_folder(out) as folder:
        for name, place in zip(card.states, keep, strict=True):
            _copy(place, folder / name)
        if selector is not None:
            _copy(selector, folder / "selector")
        names = [*card.states, *([card.selector] if card.selector else [])]
        card = card.model_copy(update={"files": digests(folder, names)})
        write_json(folder / CARD_FILE, card.as_dict())
        measured = measure(Predictor(folder, snapshot), stream, outside)
        card = card.model_copy(update={"calibration": measured})
        write_json(folder / CARD_FILE, card.as_dict())


def _check_encoding(about: Package, pooling: str, encoded: Sequence[Path]) -> None:
    """Refuse a card by which texts would be read otherwise than those that were learnt from.

    Raises:
        UserError: the encoded file, and what differs.
    """
    wanted = {
        "kind": about.kind, "template": about.template, "max_length": about.max_length,
        "pooling": pooling,
    }  # fmt: skip
    for path in encoded:
        told = {"pooling": "mask", **read_encoding(path)}
        for name, value in wanted.items():
            if told[name] != value:
                raise UserError(
                    f"{path}: encoded with {name} {told[name]!r}, but the package would read "
                    f"texts with {value!r}: give the settings that it was learnt with"
                )


def _copy(state: Path, to: Path) -> None:
    """Copy what a learner loads from a state: its tensors, not how they came to be."""
    kept = shutil.ignore_patterns(STATE_FILE, TIMING_FILE, MEMORY_FILE, ".snakemake_timestamp")
    shutil.copytree(state, to, ignore=kept)


def _describe(
    about: Package,
    newest: State,
    snapshot: Path,
    tasks: Sequence[int],
    selector: Path | None,
    stream: Stream,
) -> Card:
    source = snapshot / "source.json"
    if not source.is_file():
        raise UserError(f"{snapshot}: no model here: run `conpet fetch-model` first")
    learnt = newest.settings
    return Card(
        **newest.key.of_task(newest.task),
        learner=learnt.learner,
        options=learnt.options,
        head=learnt.settings.head,
        tuning=learnt.settings.tuning,
        kind=about.kind,
        template=about.template,
        max_length=min(about.max_length, longest(snapshot)),
        column=about.column,
        weights=learnt.settings.compute.weights,
        classes=stream.classes,
        samples=measured_on(stream),
        backbone=BackbonePin(
            name=newest.model,
            title=about.title,
            licence=about.licence,
            source=about.source,
            files=read_object(source, "files")["files"],
            pooling=learnt.pooling,
            lora_targets=learnt.lora_targets,
        ),
        states=[f"task{number:02d}" for number in tasks],
        selector="selector" if selector is not None else None,
    )


def measured_on(stream: Stream) -> str:
    """Return the SHA-256 of which validation and test samples a stream has, whatever the model."""
    held_out = stream.split > 0
    columns = [stream.part, stream.row, stream.label, stream.split]
    table = np.stack([column[held_out].astype(np.int64) for column in columns])
    return hashlib.sha256(table.tobytes()).hexdigest()


def measure(predictor: Predictor, stream: Stream, outside: Sequence[str]) -> Calibration | None:
    """Return the calibration on a stream's validation samples; None where it has none."""
    tasks = range(1, stream.tasks + 1)
    valid = stream.of("valid", tasks)
    if not len(valid):
        return None
    said, labels = predictor.ask(stream, valid), stream.label[valid].astype(np.int64)
    of_class = predictor.columns

    def at(temperature: float) -> np.ndarray:
        return calibration.log_probabilities(said, of_class, temperature)

    seen = np.bincount(stream.label[stream.of("train", tasks)], minlength=stream.seen) > 0
    temperature = fit_temperature(at, labels, seen)
    logs = [at(1.0), at(temperature)]

    def confidence(asked: Prediction) -> np.ndarray:
        probabilities = np.exp(calibration.log_probabilities(asked, of_class, temperature))
        return probabilities[np.arange(len(probabilities)), asked.labels()]

    # as it is: rounded up, it would refuse those that it is to let through
    threshold = calibration.threshold_for(confidence(said))
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
