"""What a learnt state says of itself: which run's it is, of which task, and how it was learnt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from conpet.config.stages import Learn
from conpet.config.strict import validate_text
from conpet.errors import UserError
from conpet.files import read_json
from conpet.run.folder import STATE_FILE
from conpet.run.key import RunKey

#: what all states of a run share, beside tuning and head; others may change from task to task
_SHAPE = ("learner", "revision", "options", "replay", "replay_options", "pooling", "lora_targets")


class State(BaseModel):
    """What is read of a state.json; its other keys are for who reads results."""

    model_config = ConfigDict(frozen=True, strict=True)

    experiment: str
    dataset: str
    model: str
    method: str
    seed: int
    task: int
    stage: Literal["train", "select"]
    classes: list[list[str]]
    settings: Learn
    snapshot_sha256: str = ""
    encoded_sha256: str = ""

    @property
    def key(self) -> RunKey:
        """The run's key."""
        return RunKey(self.experiment, self.dataset, self.model, self.method, self.seed)

    def shape(self) -> dict[str, Any]:
        """Return what its weights fit: settings by their names."""
        own = {name: getattr(self.settings, name) for name in _SHAPE}
        settings = self.settings.settings
        return {**own, "settings.tuning": settings.tuning, "settings.head": settings.head}


def read_state(folder: Path, stage: Literal["train", "select"] = "train") -> State:
    """Read what a state says of itself.

    Raises:
        UserError: no state there, or one of another stage.
    """
    path = folder / STATE_FILE
    value = read_json(path)
    if not isinstance(value, dict) or not isinstance(value.get("settings"), dict):
        raise UserError(f"{path}: not a state: learn the task again")
    if value.get("stage") != stage:
        wanted = "a selector" if stage == "select" else "a state"
        raise UserError(f"{folder}: is of stage {value.get('stage')!r}, not {wanted}")
    fields = {name: value[name] for name in State.model_fields if name in value}
    return validate_text(State, json.dumps(fields).encode(), str(path))


def read_selector(folder: Path, task: int) -> State:
    """Read what the selector of a task says of itself.

    Raises:
        UserError: no selector there, or another task's.
    """
    found = read_state(folder, "select")
    if found.task != task:
        raise UserError(f"{folder}: the selector of task {found.task}, not {task}")
    return found


def check_same_run(states: Sequence[tuple[Path, State]], wanted: State) -> None:
    """Refuse states that are not of one run, or that were shaped by other settings.

    Raises:
        UserError: the folder, what differs, and both values.
    """
    for folder, state in states:
        _check_keys(folder, state, wanted, ("dataset", "model", "method", "seed"))
        shape, needed = state.shape(), wanted.shape()
        for name, value in shape.items():
            if value != needed[name]:
                raise UserError(
                    f"{folder}: learnt with {name} {_short(value)}, not {_short(needed[name])}: "
                    "learn all tasks with the same"
                )


def _check_keys(folder: Path, state: State, wanted: State, names: Sequence[str]) -> None:
    for name in names:
        if (one := getattr(state, name)) != (other := getattr(wanted, name)):
            raise UserError(f"{folder}: a state of {name} {one}, not {other}")


def check_alike(folder: Path, trained: State, wanted: State) -> None:
    """Refuse another method's state where its training cannot stand for the wanted one's.

    Args:
        wanted: what the state that is learnt will say of itself.

    Raises:
        UserError: the folder, and what differs.
    """
    _check_keys(folder, trained, wanted, ("dataset", "model", "seed", "task"))
    told, needed = (_flat(s.settings.training().model_dump(mode="json")) for s in (trained, wanted))
    for name in sorted({*told, *needed}):
        if (one := told.get(name)) != (other := needed.get(name)):
            raise UserError(
                f"{folder}: {trained.method} was trained with {name} {one}, not {other}: "
                "it cannot be taken over"
            )


def _flat(value: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return a nested mapping as one, by dotted names."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        own = _flat(inner, f"{before}{name}.") if isinstance(inner, dict) and inner else None
        found |= {f"{before}{name}": inner} if own is None else own
    return found


def check_classes(folder: Path, state: State, classes: Sequence[Sequence[str]]) -> None:
    """Refuse a state that learnt other classes than the encoded files hold, or in another order.

    Args:
        classes: the class names of each task, from task 1.

    Raises:
        UserError: the first task where they differ, and both.
    """
    for task, (one, other) in enumerate(zip(state.classes, classes, strict=False), 1):
        if list(one) != list(other):
            raise UserError(
                f"{folder}: learnt task {task} with classes {_some(one)}, but the encoded files "
                f"hold {_some(other)}: give those that it was learnt from"
            )


def check_tasks(states: Sequence[State], last: int, every: bool) -> None:
    """Refuse states that are not those of tasks 1..last, or, unless ``every`` is needed, the last.

    Raises:
        UserError: which tasks they are of, and which are needed.
    """
    tasks = [state.task for state in states]
    wanted = list(range(1, last + 1))
    if tasks != wanted and (every or tasks != wanted[-1:]):
        raise UserError(
            f"--state: they are of tasks {tasks}, but tasks {wanted} are needed, oldest first"
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f", ... ({len(names)})" if len(names) > 3 else "")


def _short(value: Any) -> str:
    return str(value if not isinstance(value, BaseModel) else value.model_dump())
