"""Logging a run: the old one out, the new one in, from files alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conpet.config.method import Look
from conpet.files import write_json
from conpet.run.reading import Run, Task
from conpet.tracking import notes, run_entries
from conpet.tracking.drafts import Draft, finish, start
from conpet.tracking.store import experiment_id, opened, remove
from conpet.tracking.task_models import log_task_model, remove_task_models

_NOTE = "mlflow.note.content"
_PARENT = "mlflow.parentRunId"


def track_run(
    run: Run,
    params: Mapping[str, Any],
    tags: Mapping[str, Any],
    uri: str,
    artifacts: Path,
    out: Path,
    look: Look | None = None,
    title: str = "",
) -> None:
    """Log a finished run and its tasks from its files; an older run of the same key is replaced.

    The old run is deleted before the new one is made, so there are never two of a key. A crash
    between the two leaves none or part of one, which the next call finds by its key and replaces.

    Args:
        run: what was read of its folder.
        params: the resolved config, nested; logged flattened with dots.
        tags: whence it comes: ``git_commit``, hashes, ...
        uri: the store; see ``create_store``.
        artifacts: where a store that is not a server keeps its artifacts.
        out: written at the end: ``{"run_id", "children", "run_key", "experiment_id"}``.
        look: how figures draw the run's method.
        title: what they call it.

    Raises:
        UserError: the run is not complete, or the store refuses.
    """
    key = run.complete().key
    parent = _run_draft(run, params, tags, look, title)
    with opened(uri, make=True) as client:
        experiment = experiment_id(client, key.experiment, uri, artifacts)
        remove(client, experiment, str(key), artifacts)
        remove_task_models(client, experiment, str(key), uri)
        run_id = start(client, experiment, parent)
        client.log_dict(run_id, dict(params), "params.json")
        children = []
        for task in run.tasks:
            metrics = run.folder.metrics(task.number)
            client.log_artifact(run_id, str(metrics), metrics.parent.name)
            draft = _task_draft(run, task, {**tags, _PARENT: run_id}, title)
            child = start(client, experiment, draft)
            assert draft.data is not None
            log_task_model(client, experiment, child, run, task, draft.data)
            finish(client, child, draft)
            children.append(child)
        finish(client, run_id, parent)
    about = {"run_id": run_id, "children": children, "run_key": str(key)}
    write_json(out, {**about, "experiment_id": experiment})


def _run_draft(
    run: Run, params: Mapping[str, Any], tags: Mapping[str, Any], look: Look | None, title: str
) -> Draft:
    return Draft(
        name=run_entries.run_name(run.key, title),
        tags={**run_entries.run_tags(run, tags, look), _NOTE: notes.run_note(run)},
        params=run_entries.run_params(run, params),
        metrics=run_entries.run_metrics(run),
        start_ms=run.tasks[0].start_ms,
        seconds=sum(task.seconds for task in run.tasks),
        data=run_entries.data_input(run, run.last, "train, test"),
    )


def _task_draft(run: Run, task: Task, tags: Mapping[str, Any], title: str) -> Draft:
    return Draft(
        name=f"task {task.number:02d} · {run_entries.run_name(run.key, title)}",
        tags={**run_entries.task_tags(run, task, tags), _NOTE: notes.task_note(run, task)},
        params=run_entries.task_params(run, task),
        metrics=run_entries.task_metrics(task),
        start_ms=task.start_ms,
        seconds=task.seconds,
        data=run_entries.data_input(run, task, "train"),
    )
