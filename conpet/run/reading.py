"""A run read from its folder, finished or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from conpet.errors import UserError
from conpet.evaluation import summarise
from conpet.files import read_json
from conpet.run.folder import STATE_FILE, TIMING_FILE, RunFolder
from conpet.run.key import RunKey

_SHARES = {"whole_accuracy", "average_accuracy", "macro_f1"}
_METRICS = {*_SHARES, "selector_accuracy"}
_ROUNDING = 1e-6
_AGAIN = "delete the file, and snakemake makes it again"


def shown_epoch(epoch: int | None) -> int | None:
    """Return an epoch of state.json as logs count it: from 1, and 0 before any training."""
    return None if epoch is None else int(epoch) + 1


@dataclass(frozen=True)
class Training:
    """One training: the state of a learner or of a selector.

    ``state`` and ``timing`` are its two JSON files, empty where they are not there. ``end_ms``
    (ms since 1970) is the state's time on the disk.
    """

    state: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = Path()
    end_ms: int = 0

    @property
    def seconds(self) -> float:
        """Wall time of this training in seconds, 0 if nobody wrote it down."""
        return float(self.timing.get("seconds", 0.0))

    @property
    def own_seconds(self) -> float:
        """Wall time of this job alone, without a training that it has taken over."""
        return float(self.timing.get("own_seconds", self.seconds))

    @property
    def best_epoch(self) -> int | None:
        """The epoch that was kept, counted as logs do (:func:`shown_epoch`); None where none is."""
        return shown_epoch(self.state.get("best_epoch"))

    @property
    def computed(self) -> str:
        """What it was computed with: precision, device and processor, as far as they are told."""
        told = (self.state.get("precision"), self.timing.get("device"), self.timing.get("cpu"))
        return ", ".join(str(part) for part in told if part)

    @property
    def start_ms(self) -> int:
        """When the training began."""
        return self.end_ms - round(1000 * self.own_seconds)

    def needs(self) -> tuple[bool, bool]:
        """Return whether predicting takes all tasks' states, and whether it takes a selector.

        Raises:
            UserError: the state is of a version that did not say so.
        """
        try:
            needs = self.state["needs"]
            return {"all": True, "last": False}[needs["states"]], bool(needs["selector"])
        except (KeyError, TypeError):
            raise UserError(
                f"{self.folder / STATE_FILE}: does not say what it needs to predict (needs): "
                "it is of an older version: train the run again"
            ) from None


@dataclass(frozen=True)
class Task:
    """One task of a run: what was trained, and how good it was; empty where it is not there yet.

    ``end_ms`` (ms since 1970) is when it had been evaluated, 0 before.
    """

    number: int
    metrics: dict[str, Any] = field(default_factory=dict)
    learner: Training = field(default_factory=Training)
    selector: Training = field(default_factory=Training)
    end_ms: int = 0

    @property
    def trainings(self) -> list[Training]:
        """The trainings of this task in the order they ran."""
        return [found for found in (self.selector, self.learner) if found.state]

    @property
    def trained(self) -> bool:
        """Whether the task's learner is there, and its selector where it needs one."""
        needs = self.learner.state.get("needs") or {}
        selects = bool(needs.get("selector")) and not self.metrics
        return bool(self.learner.state) and (bool(self.selector.state) or not selects)

    def total(self, counter: str) -> int:
        """Sum a counter of state.json over the trainings of this task."""
        return sum(int(training.state[counter]) for training in self.trainings)

    @property
    def seconds(self) -> float:
        """Seconds of all trainings of this task."""
        return sum(training.seconds for training in self.trainings)

    @property
    def cpu_seconds(self) -> float | None:
        """Processor seconds of the trainings of this task, None where not all say theirs."""
        used = [training.timing.get("cpu_seconds") for training in self.trainings]
        known = [float(seconds) for seconds in used if seconds is not None]
        return round(sum(known), 3) if known and len(known) == len(used) else None

    @property
    def peak_memory_mb(self) -> float | None:
        """The largest peak of the trainings, in MB."""
        peaks = [training.timing.get("peak_memory_mb") for training in self.trainings]
        return max((float(peak) for peak in peaks if peak is not None), default=None)

    @property
    def start_ms(self) -> int:
        """When the first training of this task began."""
        return min(training.start_ms for training in self.trainings)


@dataclass(frozen=True)
class Run:
    """A run: as many tasks as it is to have, each with what is there of it."""

    key: RunKey
    folder: RunFolder
    tasks: Sequence[Task]

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        """The metrics of tasks 1, 2, ... as far as they have been evaluated."""
        return [task.metrics for task in self.tasks if task.metrics]

    @property
    def finished(self) -> bool:
        """Whether every task has been evaluated."""
        return len(self.metrics) == len(self.tasks)

    @property
    def trainings(self) -> list[Training]:
        """The trainings of all tasks."""
        return [training for task in self.tasks for training in task.trainings]

    @property
    def last(self) -> Task:
        """The last task."""
        return self.tasks[-1]

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The metrics after the last task and over the run (:func:`conpet.evaluation.summarise`).

        Raises:
            ValueError: nothing has been evaluated yet.
        """
        return summarise(self.metrics)

    @cached_property
    def summaries(self) -> list[dict[str, Any]]:
        """The run's summary after each task, as if it had stopped there."""
        return [summarise(self.metrics[: n + 1]) for n in range(len(self.metrics))]

    def kept_bytes(self, task: int) -> int | None:
        """Return how many bytes must be kept to predict after a task (1-based).

        That is what the task's state says it needs: all states so far or itself alone, and the
        task's selector or none. None where one of them is not there.

        Raises:
            UserError: the state does not say.
        """
        here = self.tasks[task - 1]
        if not here.learner.state:
            return None
        every, selector = here.learner.needs()
        kept = [found.learner.state for found in self.tasks[0 if every else task - 1 : task]]
        if selector and here.selector.state:
            kept.append(here.selector.state)
        there = all("stored_bytes" in state for state in kept)
        return sum(int(state["stored_bytes"]) for state in kept) if there else None

    def complete(self) -> Run:
        """Return the run itself, all of which must be there.

        Raises:
            UserError: a task has not been learnt or not been evaluated.
        """
        for task in self.tasks:
            if not task.metrics:
                path = self.folder.metrics(task.number)
                raise UserError(f"{path}: no such file: evaluate this task first")
            if not task.learner.state:
                path = self.folder.state(task.number) / STATE_FILE
                raise UserError(f"{path}: no such file: learn this task first")
        return self


def read_run(folder: Path, key: RunKey, tasks: int) -> Run:
    """Read what is there of a run.

    Metrics after a gap belong to a rerun that is not finished: a history has no holes, so they
    are left out.

    Args:
        folder: holds ``task01``, ``task02``, ...
        key: whose run it is.
        tasks: how many tasks it is to have.

    Raises:
        UserError: a file is not JSON, or metrics are not of this task of this run.
    """
    found: list[Task] = []
    place = RunFolder(folder)
    for number in range(1, tasks + 1):
        path = place.metrics(number)
        metrics = _read_metrics(path, key, number)
        if found and not found[-1].metrics:
            metrics = {}
        found.append(
            Task(
                number,
                metrics,
                _read_training(place.state(number)),
                _read_training(place.selector(number)),
                _modified_ms(path) if metrics else 0,
            )
        )
    return Run(key, place, found)


def _read_metrics(path: Path, key: RunKey, task: int) -> dict[str, Any]:
    if not path.is_file():
        return {}
    found: dict[str, Any] = read_json(path)
    try:
        complete = (
            len(found["task_accuracy"]) == len(found["task_samples"]) == task
            and found.keys() >= _METRICS
        )
    except (AttributeError, KeyError, TypeError):
        complete = False
    if not complete:
        raise UserError(
            f"{path}: no metrics of task {task}: delete it, and snakemake makes it again"
        )
    _check_shares(found, path)
    # a results folder may be renamed: the experiment is where the run lies
    for name, value in key.of_task(task).items():
        if name != "experiment" and found.get(name) != value:
            raise UserError(
                f"{path}: {name} is {found.get(name)!r}, not {value!r}: "
                "give the folder of this very run, or delete the file, and snakemake makes it again"
            )
    return found


def _check_shares(found: dict[str, Any], path: Path) -> None:
    """Refuse accuracies that are no shares, or do not follow from each other: edited, damaged."""
    pairs = zip(found["task_accuracy"], found["task_samples"], strict=True)
    tested = [(share, size) for share, size in pairs if size or share is not None]
    shares = [(name, found[name]) for name in sorted(_SHARES)]
    for name, value in [*shares, *(("task_accuracy", share) for share, _ in tested)]:
        if not isinstance(value, int | float) or not -_ROUNDING <= value <= 1 + _ROUNDING:
            raise UserError(f"{path}: {name}: {value!r} is no share: {_AGAIN}")
    if not tested:
        return
    whole = sum(share * size for share, size in tested) / max(1, sum(size for _, size in tested))
    average = sum(share for share, _ in tested) / len(tested)
    expected = {"whole_accuracy": whole, "average_accuracy": average}
    for name, value in expected.items():
        if abs(found[name] - value) > _ROUNDING:
            raise UserError(
                f"{path}: {name} is {found[name]:g}, but the tasks' come to {value:g}: it was "
                f"edited: {_AGAIN}"
            )


def _read_training(folder: Path) -> Training:
    path, timing = folder / STATE_FILE, folder / TIMING_FILE
    if not path.is_file():
        return Training(folder=folder)
    took = _read_mapping(timing) if timing.is_file() else {}
    return Training(_read_mapping(path), took, folder, _modified_ms(path))


def _read_mapping(path: Path) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds no keys: delete its folder and learn the task again")
    return found


def _modified_ms(path: Path) -> int:
    return path.stat().st_mtime_ns // 1_000_000
