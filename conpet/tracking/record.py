"""What a finished run left on disk, read once: no mlflow in here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from conpet.errors import UserError
from conpet.evaluation import summarise
from conpet.files import read_json

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_TASK = re.compile(r"task(\d+)")


@dataclass(frozen=True)
class RunKey:
    """What makes a run the run it is: logging the same key again replaces it.

    Raises:
        UserError: a part holds a character that a store's filter could not quote.
    """

    experiment: str
    dataset: str
    model: str
    method: str
    seed: int

    def __post_init__(self) -> None:
        for part in (self.experiment, self.dataset, self.model, self.method):
            check_name(part)

    def __str__(self) -> str:
        return f"{self.experiment}/{self.dataset}/{self.model}/{self.method}/{self.seed}"

    @property
    def title(self) -> str:
        """The run's name in the store: what differs most often comes first in a sorted list."""
        return f"{self.dataset} · {self.method} · seed {self.seed} · {self.model}"

    def child(self, task: int) -> str:
        """The run key of one task of this run."""
        return f"{self}/task{task:02d}"


def check_name(name: str) -> None:
    """Refuse a name that cannot be part of a run key.

    Raises:
        UserError: the name is empty or holds more than letters, digits and ``. _ + -``.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"run key: {name!r}: use letters, digits and . _ + - only in names")


@dataclass(frozen=True)
class Phase:
    """One training: the state of a learner or of a selector.

    ``start_ms`` and ``end_ms`` (ms since 1970) come from the file's time and the seconds it took.
    """

    folder: Path
    state: dict[str, Any]
    timing: dict[str, Any]
    end_ms: int

    @property
    def seconds(self) -> float:
        """Wall time of this training in seconds, 0 if nobody wrote it down."""
        return float(self.timing.get("seconds", 0.0))

    @property
    def start_ms(self) -> int:
        """When the training began."""
        return self.end_ms - round(1000 * self.seconds)


@dataclass(frozen=True)
class Task:
    """One task of a run: what was trained, and how good it was afterwards."""

    number: int
    folder: Path
    metrics: dict[str, Any]
    learner: Phase
    selector: Phase | None
    end_ms: int

    @property
    def phases(self) -> list[Phase]:
        """The trainings of this task in the order they ran."""
        return [self.learner] if self.selector is None else [self.selector, self.learner]

    def total(self, field: str) -> int:
        """Sum a counter of state.json over the trainings of this task."""
        return sum(int(phase.state[field]) for phase in self.phases)

    @property
    def seconds(self) -> float:
        """Seconds of all trainings of this task."""
        return sum(phase.seconds for phase in self.phases)

    @property
    def peak_memory_mb(self) -> float | None:
        """The largest peak of the trainings, in MB."""
        peaks = [phase.timing.get("peak_memory_mb") for phase in self.phases]
        return max((float(peak) for peak in peaks if peak is not None), default=None)

    @property
    def start_ms(self) -> int:
        """When the first training of this task began."""
        return min(phase.start_ms for phase in self.phases)


@dataclass(frozen=True)
class Record:
    """A whole run: tasks 1..T in order."""

    key: RunKey
    tasks: tuple[Task, ...]

    @property
    def last(self) -> Task:
        """The newest task."""
        return self.tasks[-1]

    @cached_property
    def summaries(self) -> list[dict[str, Any]]:
        """The run's summary after each task, as if it had stopped there."""
        history = [task.metrics for task in self.tasks]
        return [summarise(history[: count + 1]) for count in range(len(history))]

    def stored_bytes(self, count: int) -> int:
        """Bytes one must keep to predict after ``count`` tasks: experts add up, others replace."""
        tasks = self.tasks[:count]
        experts = tasks[-1].learner.state.get("learner") == "experts"
        kept = [task.learner for task in (tasks if experts else tasks[-1:])]
        kept += [task.selector for task in tasks[-1:] if task.selector is not None]
        return sum(int(phase.state["stored_bytes"]) for phase in kept)


def read_run(run: Path, key: RunKey, tasks: int | None = None) -> Record:
    """Read the folder of one run.

    Args:
        run: the folder that holds ``task01``, ``task02``, ...
        key: whose run it is.
        tasks: how many tasks to read; all that were evaluated when None.

    Raises:
        UserError: nothing there, a task is missing, or a file belongs to another run.
    """
    found = {
        int(match[1]): folder
        for folder in run.glob("task*")
        if (match := _TASK.fullmatch(folder.name)) and (folder / "metrics.json").is_file()
    }
    wanted = range(1, (tasks or max(found, default=0)) + 1)
    missing = [number for number in wanted if number not in found]
    if missing or not found:
        where = run / f"task{(missing or [1])[0]:02d}" / "metrics.json"
        raise UserError(f"{where}: no such file: evaluate this task before tracking the run")
    return Record(key, tuple(_read_task(found[number], number, key) for number in wanted))


def _read_task(folder: Path, number: int, key: RunKey) -> Task:
    path = folder / "metrics.json"
    metrics = read_json(path)
    expected = {"dataset": key.dataset, "model": key.model, "method": key.method, "task": number}
    for field, value in {**expected, "seed": key.seed}.items():
        if metrics.get(field) != value:
            raise UserError(
                f"{path}: {field} is {metrics.get(field)!r}, not {value!r}: "
                "give the folder of this very run, or evaluate it again"
            )
    has_selector = (folder / "selector" / "state.json").is_file()
    return Task(
        number=number,
        folder=folder,
        metrics=metrics,
        learner=_read_phase(folder / "state"),
        selector=_read_phase(folder / "selector") if has_selector else None,
        end_ms=_modified_ms(path),
    )


def _read_phase(folder: Path) -> Phase:
    path = folder / "state.json"
    timing = folder / "timing.json"
    return Phase(
        folder=folder,
        state=read_json(path),
        timing=read_json(timing) if timing.is_file() else {},
        end_ms=_modified_ms(path),
    )


def _modified_ms(path: Path) -> int:
    return path.stat().st_mtime_ns // 1_000_000
