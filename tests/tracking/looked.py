"""All that a store holds, without ids and times: what two stores of the same files share."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def client(uri: str) -> Any:
    """A plain MLflow client."""
    from mlflow.tracking import MlflowClient

    # named, as another store's registry may have been set by an earlier test
    return MlflowClient(uri, uri)


def runs(uri: str, kind: str | None = None) -> list[Any]:
    """The active runs of a store, of one kind if given."""
    opened = client(uri)
    numbers = [found.experiment_id for found in opened.search_experiments()]
    query = f"tags.`conpet.kind` = '{kind}'" if kind else ""
    return list(opened.search_runs(numbers, query, max_results=1000))


def history(uri: str, run_id: str, key: str) -> dict[int, float]:
    """The values of a metric by step."""
    return {point.step: point.value for point in client(uri).get_metric_history(run_id, key)}


def artifacts(run: Any) -> dict[str, str]:
    """SHA-256 of a run's artifacts by path."""
    root = Path(run.info.artifact_uri.removeprefix("file://"))
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def dump(uri: str) -> dict[str, Any]:
    """Everything by run key: name, status, parameters, tags, metrics, data, artifacts, parent."""
    found = runs(uri)
    names = {run.info.run_id: run.data.tags["conpet.run_key"] for run in found}
    return {names[run.info.run_id]: _dump(uri, run, names) for run in found}


def _dump(uri: str, run: Any, names: dict[str, str]) -> dict[str, Any]:
    tags = dict(run.data.tags)
    parent = tags.pop("mlflow.parentRunId", None)
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "parent": names[parent] if parent else None,
        "params": dict(run.data.params),
        "tags": tags,
        "metrics": {key: history(uri, run.info.run_id, key) for key in run.data.metrics},
        "data": [
            (entry.dataset.name, entry.dataset.digest, entry.dataset.profile)
            for entry in run.inputs.dataset_inputs
        ],
        "artifacts": artifacts(run),
    }
