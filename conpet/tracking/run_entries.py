"""What a store is told about a run: parameters, metrics, tags and notes. No mlflow in here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from conpet.config.method import Look
from conpet.run import RunKey
from conpet.run.reading import Run, Task, Training, shown_epoch

# MLflow refuses longer values; params.json among the artifacts has them whole.
MAX_PARAM = 6000
MAX_TAG = 8000
SOURCE = "conpet track"
TINT = 0.35  # of white in the colour of a method that figures tell apart by an unfilled marker
_PLAIN = re.compile(r"[A-Za-z0-9_ /-]{1,60}")  # a key that may become part of a parameter's name
DIGITS = 4  # of a fraction: a hundredth of a percent, as in the tables; metrics.json has them all

CLOCK = 3  # digits of seconds: what timing.json has
# MLflow shows what begins with system/ on a page of its own
CPU_SECONDS, PEAK_MEMORY = "system/cpu_seconds", "system/peak_memory_megabytes"


class Point(NamedTuple):
    """One value of a metric; ``time`` in ms since 1970, taken from the files."""

    key: str
    value: float
    time: int
    step: int


class DataInput(NamedTuple):
    """The data a run learned from, as a store's dataset input."""

    name: str
    digest: str
    profile: str
    context: str


def flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten a nested config: ``{"a": {"b": 1}}`` -> ``{"a.b": "1"}``.

    Strings stay as they are, everything else is JSON. A mapping that is empty, or that has keys
    which a store would refuse or which the dots would make one (PEFT's ``rank_pattern`` has
    regular expressions), stays one JSON value. A value too long for a store is cut with its
    SHA-256 behind it.
    """
    flat: dict[str, str] = {}
    for name, value in params.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value and all(map(_is_plain, value)):
            flat.update(flatten(value, f"{key}."))
        else:
            flat[key] = _shortened(_text(value), MAX_PARAM)
    return flat


def _is_plain(name: Any) -> bool:
    return isinstance(name, str) and _PLAIN.fullmatch(name) is not None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shortened(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    mark = f"... sha256 {hashlib.sha256(text.encode()).hexdigest()}"
    return text[: limit - len(mark)] + mark


def run_name(key: RunKey, title: str = "") -> str:
    """Return what a run is called in lists, its method by the title that tables give it.

    What tells runs of one list apart comes first: MLflow cuts long names.
    """
    return f"{title or key.method} · seed {key.seed} · {key.dataset} · {key.model}"


def run_params(run: Run, params: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of a run: who it is and what it was computed with, then its whole config."""
    # MLflow shows parameters in the order they were logged.
    computed = "; ".join(sorted({training.computed for training in run.trainings} - {""}))
    own = flatten({**run.key.identity, "tasks": len(run.tasks)})
    own |= {"computed": computed} if computed else {}
    return {**own, **flatten(params), **own}


def task_params(run: Run, task: Task) -> dict[str, str]:
    """Parameters of one task: who it is, and what this training was told."""
    key, state = run.key, task.learner.state
    own = {"learner": state.get("learner"), "settings": state["settings"]}
    if task.selector.state:
        own["selector"] = {"settings": task.selector.state["settings"]}
    return flatten({**key.identity, "task": task.number, **own})


def run_metrics(run: Run) -> list[Point]:
    """Metrics of a run with the task as step; accuracies are fractions, rounded to DIGITS."""
    points: list[Point] = []
    seconds, samples = 0.0, 0
    for count, task in enumerate(run.tasks, start=1):
        seconds += task.seconds
        samples += task.total("samples_passed")
        scores = _scores(task, run.summaries[count - 1])
        values: dict[str, Any] = {key: _rounded(value) for key, value in scores}
        values |= _costs(task)
        values |= {
            "seconds_total": round(seconds, CLOCK),
            "samples_passed_total": samples,
            "stored_bytes_total": run.kept_bytes(count),
        }
        points += _points(values, task.end_ms, task.number)
    # MLflow shows metrics in the order they were first logged: the last task has them all.
    order = {point.key: place for place, point in enumerate(points) if point.step == count}
    return sorted(points, key=lambda point: order.get(point.key, len(points)))


def _rounded(value: float | None) -> float | None:
    # The UI shows every digit there is, so that a column of thirds hides its neighbours.
    return None if value is None else round(value, DIGITS)


def _scores(task: Task, summary: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    metrics = task.metrics
    yield "whole_accuracy", metrics["whole_accuracy"]
    yield "average_accuracy", metrics["average_accuracy"]
    yield "forgetting", summary.get("forgetting")
    for top, value in (metrics.get("selector_accuracy") or {}).items():
        yield f"selector_accuracy_top{top}", value
    yield "macro_f1", metrics.get("macro_f1")
    yield "mean_whole_accuracy", summary.get("mean_whole_accuracy")
    yield "backward_transfer", summary.get("backward_transfer")
    yield "classes_seen", metrics.get("classes_seen")
    for number, value in enumerate(metrics["task_accuracy"], start=1):
        yield f"task_accuracy/{number:02d}", value


def _costs(task: Task) -> dict[str, Any]:
    # A task's cost is that of all its trainings; only one of them is in memory at a time.
    return {
        "seconds": round(task.seconds, CLOCK),
        "samples_passed": task.total("samples_passed"),
        "tokens_passed": task.total("tokens_passed"),
        "trainable_parameters": task.learner.state["trainable_parameters"],
        "stored_bytes": task.total("stored_bytes"),
        PEAK_MEMORY: task.peak_memory_mb,
        CPU_SECONDS: task.cpu_seconds,
    }


def _points(values: Mapping[str, Any], time: int, step: int) -> list[Point]:
    return [
        Point(key, float(value), time, step) for key, value in values.items() if value is not None
    ]


def task_metrics(task: Task) -> list[Point]:
    """Metrics of one task: curves by step and epoch, then what it cost and gave."""
    points = _curves(task.learner, "")
    if task.selector.state:
        points += _curves(task.selector, "selector_")
    accuracy = task.metrics["task_accuracy"]
    own = accuracy[task.number - 1] if len(accuracy) >= task.number else None
    values = {"learning_accuracy": _rounded(own), **_costs(task)}
    values |= {"best_epoch": task.learner.best_epoch, "steps": task.learner.state.get("steps")}
    return points + _points(values, task.end_ms, task.number)


def model_params(run: Run, task: Task) -> dict[str, str]:
    """Parameters of a task's logged model: who it is."""
    return flatten({**run.key.identity, "task": task.number})


def model_metrics(run: Run, task: Task) -> list[Point]:
    """Metrics of a task's logged model: what it knows after that task."""
    scores = dict(_scores(task, run.summaries[run.tasks.index(task)]))
    values = {k: _rounded(v) for k, v in scores.items() if not k.startswith("task_accuracy/")}
    return _points({**values, "stored_bytes": task.total("stored_bytes")}, task.end_ms, task.number)


def _curves(training: Training, prefix: str) -> list[Point]:
    state = training.state
    curve = state.get("loss_curve") or []
    epochs = state.get("epochs") or []
    last_step = max((step for step, _ in curve), default=0)
    points = [
        Point(f"{prefix}loss", float(loss), _moment(training, step, last_step), int(step))
        for step, loss in curve
        if loss is not None
    ]
    last_epoch = max((shown_epoch(row["epoch"]) or 0 for row in epochs), default=0)
    for row in epochs:  # the first may be that of before any training
        epoch = shown_epoch(row["epoch"]) or 0
        time = _moment(training, epoch, last_epoch)
        named = {f"{prefix}epoch_loss": row.get("loss")}
        named[f"{prefix}valid_accuracy"] = row.get("valid_accuracy")
        points += _points(named, time, epoch)
    return points


def _moment(training: Training, step: int, last: int) -> int:
    # The files say when a training began and ended; its steps are spread evenly between.
    if last <= 0:
        return training.end_ms
    return training.start_ms + (training.end_ms - training.start_ms) * min(step, last) // last


def color(look: Look) -> str:
    """Return the colour of a method in MLflow's charts, which have no markers and no lines.

    It is that of the figures, lighter where the marker is not filled: what two methods share in
    the figures is told apart there by the marker.
    """
    if look.filled:
        return look.color
    parts = (int(look.color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + TINT * (255 - part)):02x}" for part in parts)


def run_tags(run: Run, tags: Mapping[str, Any], look: Look | None = None) -> dict[str, str]:
    """Tags of a run: its key, where it comes from, its colour."""
    states = [training.state for training in run.trainings]
    own = {
        **tags,
        "conpet.run_key": str(run.key),
        "conpet.kind": "run",
        "plan_sha256": _hash_all(states, "plan_sha256"),
        "encoded_sha256": str(run.last.learner.state.get("encoded_sha256") or ""),
    }
    if look is not None:
        own["mlflow.runColor"] = color(look)
    return system_tags(own)


def task_tags(run: Run, task: Task, tags: Mapping[str, Any]) -> dict[str, str]:
    """Tags of one task; the parent's id is added by who knows it."""
    state = task.learner.state
    own = {
        **tags,
        "conpet.run_key": run.key.child(task.number),
        "conpet.kind": "task",
        "plan_sha256": str(state.get("plan_sha256") or ""),
        "encoded_sha256": str(state.get("encoded_sha256") or ""),
    }
    return system_tags(own)


def system_tags(tags: Mapping[str, Any]) -> dict[str, str]:
    """Add the tags MLflow shows in columns of its own; drop empty ones, cut long ones."""
    full = {"mlflow.source.name": SOURCE, "mlflow.source.type": "JOB", **tags}
    if tags.get("git_commit"):
        full["mlflow.source.git.commit"] = tags["git_commit"]
    texts = {key: _text(value) for key, value in full.items() if value is not None}
    return {key: _shortened(text, MAX_TAG) for key, text in texts.items() if text}


def _hash_all(states: list[Mapping[str, Any]], field: str) -> str:
    values = [str(state.get(field) or "") for state in states]
    return hashlib.sha256("\n".join(values).encode()).hexdigest() if any(values) else ""


def data_input(run: Run, task: Task, context: str) -> DataInput:
    """The data seen up to a task: named by the dataset, told apart by hash and task."""
    digest = str(task.learner.state.get("encoded_sha256") or "none")
    tested = task.metrics.get("task_samples") or []
    profile = {
        "tasks": task.number,
        "classes": task.metrics.get("classes_seen"),
        "test_samples": sum(tested),
    }
    # The store keeps one profile a (name, digest): the task is part of the digest.
    return DataInput(
        name=run.key.dataset,
        digest=f"{digest[:12]}-{task.number:02d}",
        profile=json.dumps(profile),
        context=context,
    )
