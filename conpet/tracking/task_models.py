"""What each task's training left, as a logged model: MLflow ranks and compares these."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from conpet.run import MEMORY_FILE, STATE_FILE
from conpet.run.reading import Run, Task
from conpet.stores import is_server, local_path
from conpet.tracking import run_entries
from conpet.tracking.run_entries import DataInput
from conpet.tracking.store import logged_models

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_KEY = "conpet.run_key"
_TYPE = "learner state"  # not a model that MLflow can load: `snakemake models` logs those


def log_task_model(
    client: MlflowClient, experiment: str, run_id: str, run: Run, task: Task, data: DataInput
) -> None:
    """Log a task's stock adapters and heads with their accuracy, linked to the task's run.

    A fully tuned backbone stays on disk.

    Args:
        experiment: its number in the store.
        run_id: the store's run of this task.
        data: what it was tested on, as the task's run says.
    """
    from mlflow.entities import LoggedModelOutput, Metric

    key = run.key
    name = f"{key.dataset}-{key.model}-{key.method}-seed{key.seed}-task{task.number:02d}"
    model = client.create_logged_model(
        experiment,
        name=name.replace(".", "_"),
        source_run_id=run_id,
        tags={_KEY: key.child(task.number)},
        params=run_entries.model_params(run, task),
        model_type=_TYPE,
    )
    _log_files(client, model.model_id, task)
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, task.number)])
    metrics = [
        Metric(
            point.key, point.value, point.time, point.step,
            model_id=model.model_id, dataset_name=data.name, dataset_digest=data.digest,
            run_id=run_id,
        )
        for point in run_entries.model_metrics(run, task)
    ]  # fmt: skip
    client.log_batch(run_id, metrics=metrics)


def _log_files(client: MlflowClient, model_id: str, task: Task) -> None:
    for training, place in ((task.learner, ""), (task.selector, "selector")):
        adapter = training.folder / "adapter"
        if adapter.is_dir():
            client.log_model_artifacts(model_id, str(adapter), f"{place}/adapter".lstrip("/"))
        for name in ("learner.safetensors", STATE_FILE, MEMORY_FILE):
            if (training.folder / name).is_file():
                client.log_model_artifact(model_id, str(training.folder / name), place or None)


def remove_task_models(client: MlflowClient, experiment: str, key: str, uri: str) -> None:
    """Delete the logged models of a run's tasks, and of a store that is a file their artifacts."""
    # LIKE takes "_" for any letter, so what it finds is compared again
    for model in list(logged_models(client, experiment, f"tags.`{_KEY}` LIKE '{key}/%'")):
        if not model.tags[_KEY].startswith(f"{key}/"):
            continue
        client.delete_logged_model(model.model_id)
        folder = local_path(model.artifact_location)
        if folder and folder.parent.name == model.model_id and not is_server(uri):
            shutil.rmtree(folder.parent, ignore_errors=True)
