"""All that a store holds, without its own ids: what two stores of the same files have in common."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conpet.config.strict import read_yaml
from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.tracking.store import logged_models, opened, search

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Run
    from mlflow.tracking import MlflowClient

Items = dict[str, str]
_KEY = "conpet.run_key"
_PARENT = "mlflow.parentRunId"
_NOTE = "mlflow.note.content"
# what a store makes up when something is logged: it says nothing about what was logged
_LINK = re.compile(rb"#/experiments/\d+/runs/[0-9a-f]{32}|MLflow run <code>[0-9a-f]{32}")
_MADE_UP = ("model_id", "run_id", "model_uuid", "utc_time_created", "artifact_path")


def inventory(uri: str) -> Items:
    """Return everything in a store as one flat mapping, from where it stands to what it is.

    Runs and models go by their run key. Artifacts are given by their SHA-256, and MLmodel files
    without the ids and the time in them.

    Raises:
        UserError: the store does not answer.
    """
    found: Items = {}
    with opened(uri) as client:
        for experiment in client.search_experiments():
            number = str(experiment.experiment_id)
            runs = list(search(client, [number], ""))
            models = list(logged_models(client, number))
            if not runs and not models and experiment.name == "Default":
                continue  # every store has it
            place = f"experiment {experiment.name}"
            found |= {f"{place}: tag {k}": str(v) for k, v in experiment.tags.items()}
            names = {run.info.run_id: run.data.tags.get(_KEY, run.info.run_name) for run in runs}
            for run in runs:
                found |= _under(f"run {names[run.info.run_id]}", _run(client, run, names, uri))
            for model in models:
                found |= _under(f"model {model.tags.get(_KEY)}", _model(model, names, uri))
        for registered in client.search_registered_models(max_results=1000):
            found |= _under(f"registered {registered.name}", _registered(client, registered))
    return found


def dump(uri: str, out: Path) -> int:
    """Write what a store holds as JSON, to be compared later; return how many things."""
    found = inventory(uri)
    write_json(out, dict(sorted(found.items())))
    return len(found)


def differences(first: str, second: str) -> list[str]:
    """Compare two stores, or what :func:`dump` wrote of them (names that end in .json).

    Returns:
        A line for each thing that only one has, or that differs.

    Raises:
        UserError: a store does not answer, or a file is not there.
    """
    a, b = (_dumped(Path(w)) if w.endswith(".json") else inventory(w) for w in (first, second))
    lines = []
    for key in sorted(a.keys() | b.keys()):
        if key not in b:
            lines.append(f"{key}: only in {first}")
        elif key not in a:
            lines.append(f"{key}: only in {second}")
        elif a[key] != b[key]:
            lines.append(f"{key}: {_short(a[key])} | {_short(b[key])}")
    return lines


def _dumped(path: Path) -> Items:
    found = read_json(path)
    if (
        not found
        or not isinstance(found, dict)
        or not all(isinstance(v, str) for v in found.values())
    ):
        raise UserError(f"{path}: not what `conpet dump-store` writes")
    return found


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}..."


def _under(place: str, items: Iterator[tuple[str, Any]]) -> Items:
    return {f"{place}: {key}": str(value) for key, value in items}


def _run(
    client: MlflowClient, run: Run, names: dict[str, str], uri: str
) -> Iterator[tuple[str, Any]]:
    info = run.info
    yield from (("name", info.run_name), ("status", info.status))
    yield from (("start", info.start_time), ("end", info.end_time))
    for key, value in run.data.params.items():
        yield f"parameter {key}", value
    for key, value in run.data.tags.items():
        yield f"tag {key}", names.get(value) if key == _PARENT else value
    for key in run.data.metrics:
        points = client.get_metric_history(info.run_id, key)
        # a value that was linked to a model stands in the history again: the same point
        kept = sorted({(point.step, point.value) for point in points})
        yield f"metric {key}", json.dumps(kept)
    for entry in run.inputs.dataset_inputs:
        data = entry.dataset
        tags = {tag.key: tag.value for tag in entry.tags}
        yield f"data {data.name} {data.digest}", f"{data.profile} {data.source} {tags}"
    if client.list_artifacts(info.run_id):  # a task's are its model's
        yield from _files(uri, run_id=info.run_id)


def _model(model: LoggedModel, names: dict[str, str], uri: str) -> Iterator[tuple[str, Any]]:
    yield from (("name", model.name), ("status", model.status))
    yield "run", names.get(model.source_run_id)
    for key, value in model.params.items():
        yield f"parameter {key}", value
    for key, value in model.tags.items():
        # MLflow's own tags say who logged it, and its version's number
        if key == _NOTE or not key.startswith("mlflow."):
            yield f"tag {key}", value
    for metric in model.metrics or []:
        data = f"{metric.dataset_name} {metric.dataset_digest}"
        yield f"metric {metric.key} {metric.step} {data}", metric.value
    yield from _files(uri, artifact_uri=model.artifact_location)


def _files(uri: str, **where: str) -> Iterator[tuple[str, str]]:
    import mlflow

    folder = Path(mlflow.artifacts.download_artifacts(**where, tracking_uri=uri))
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            yield f"artifact {name}", hashlib.sha256(_stable(path)).hexdigest()


def _stable(path: Path) -> bytes:
    """Return an artifact's bytes, without the store's own ids where it names them."""
    if path.suffix == ".html":
        return _LINK.sub(b"", path.read_bytes())
    if path.name != "MLmodel":
        return path.read_bytes()
    values = read_yaml(path)
    kept = {key: value for key, value in values.items() if key not in _MADE_UP}
    return json.dumps(kept, sort_keys=True, default=str).encode()


def _registered(client: MlflowClient, registered: Any) -> Iterator[tuple[str, Any]]:
    yield "description", registered.description
    # its number counts every logging: a version is known by the run it is of
    keys = {}
    for version in client.search_model_versions(f"name = '{registered.name}'"):
        keys[str(version.version)] = key = version.tags.get(_KEY)
        yield f"version of {key}", json.dumps(version.tags, sort_keys=True)
    for alias, number in registered.aliases.items():
        yield f"alias {alias}", keys.get(str(number))
