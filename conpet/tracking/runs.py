"""Logging a run: the old one out, the new one in, from files alone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conpet.errors import UserError
from conpet.files import write_json
from conpet.tracking import content, notes
from conpet.tracking.content import DataInput, Point
from conpet.tracking.record import Record, RunKey, Task, check_name, read_run
from conpet.tracking.store import experiment_id, opened, remove

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_NOTE = "mlflow.note.content"
_PARENT = "mlflow.parentRunId"
# MLflow's own limits of one batch.
_MAX_METRICS = 1000
_MAX_PARAMS = 100


@dataclass(frozen=True)
class _Draft:
    """All of one run of the store before it is written."""

    name: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: list[Point]
    start_ms: int
    end_ms: int
    data: DataInput | None = None


def track_run(
    run: Path,
    key: RunKey,
    params: Mapping[str, Any],
    tags: Mapping[str, Any],
    uri: str,
    artifacts: Path,
    out: Path,
    tasks: int | None = None,
) -> None:
    """Log a finished run and its tasks from its files; an older run of the same key is replaced.

    The old run is deleted before the new one is made, so there are never two of a key. A crash
    between the two leaves none or part of one, which the next call finds by its key and replaces.

    Args:
        run: the folder that holds ``task01``, ``task02``, ...
        key: the run's key.
        params: the resolved config, nested; logged flattened with dots.
        tags: whence it comes: ``git_commit``, hashes, ...
        uri: the store; see ``create_store``.
        artifacts: where a store that is not a server keeps its artifacts.
        out: written at the end: ``{"run_id", "children", "run_key", "experiment_id"}``.
        tasks: how many tasks; all that were evaluated when None.

    Raises:
        UserError: the run is not complete, or the store refuses.
    """
    record = read_run(run, key, tasks)
    parent = _run_draft(record, params, tags)
    with opened(uri) as client:
        experiment = experiment_id(client, key.experiment, uri, artifacts)
        remove(client, experiment, str(key), artifacts)
        run_id = _start(client, experiment, parent)
        client.log_dict(run_id, dict(params), "params.json")
        children = []
        for task in record.tasks:
            client.log_artifact(run_id, str(task.folder / "metrics.json"), f"task{task.number:02d}")
            draft = _task_draft(record, task, {**tags, _PARENT: run_id})
            child = _start(client, experiment, draft)
            _log_task_files(client, child, task)
            _finish(client, child, draft)
            children.append(child)
        _finish(client, run_id, parent)
    about = {"run_id": run_id, "children": children, "run_key": str(key)}
    write_json(out, {**about, "experiment_id": experiment})


def _run_draft(record: Record, params: Mapping[str, Any], tags: Mapping[str, Any]) -> _Draft:
    return _Draft(
        name=record.key.title,
        tags={**content.run_tags(record, tags), _NOTE: notes.run_note(record)},
        params=content.run_params(record, params),
        metrics=content.run_metrics(record),
        start_ms=record.tasks[0].start_ms,
        end_ms=max(task.end_ms for task in record.tasks),
        data=content.data_input(record, record.last, "train, test"),
    )


def _task_draft(record: Record, task: Task, tags: Mapping[str, Any]) -> _Draft:
    return _Draft(
        name=f"task {task.number:02d} · {record.key.title}",
        tags={**content.task_tags(record, task, tags), _NOTE: notes.task_note(record, task)},
        params=content.task_params(record, task),
        metrics=content.task_metrics(task),
        start_ms=task.start_ms,
        end_ms=task.end_ms,
        data=content.data_input(record, task, "train"),
    )


def _log_task_files(client: MlflowClient, run_id: str, task: Task) -> None:
    """Log what was learned: stock adapters and heads. A fully tuned backbone stays on disk."""
    for folder in ("state", "selector"):
        place = "" if folder == "state" else folder
        source = task.folder / folder
        adapter = source / "adapter"
        if adapter.is_dir():
            client.log_artifacts(run_id, str(adapter), f"{place}/adapter".lstrip("/"))
        for name in ("learner.safetensors", "state.json"):
            if (source / name).is_file():
                client.log_artifact(run_id, str(source / name), place or None)
    if (task.folder / "memory.json").is_file():
        client.log_artifact(run_id, str(task.folder / "memory.json"))


def track_summary(
    experiment: str,
    tables: Sequence[Path],
    figures: Sequence[Path],
    params: Mapping[str, Any],
    tags: Mapping[str, Any],
    uri: str,
    artifacts: Path,
    out: Path,
    title: str = "",
    metrics: Mapping[str, float] | None = None,
    others: Sequence[Path] = (),
) -> None:
    """Log the summary run of an experiment: its tables, figures and report as artifacts.

    The run key is ``experiment/summary``; logging again replaces. The Markdown tables are shown in
    the run's description.

    Args:
        experiment: the experiment's name.
        tables: files for the artifact folder ``tables``.
        figures: files for the artifact folder ``figures``.
        params: the experiment's settings, nested.
        tags: whence it comes.
        uri: the store.
        artifacts: where a store that is not a server keeps its artifacts.
        out: written at the end: ``{"run_id", "children", "run_key"}``.
        title: the experiment in words.
        metrics: numbers worth a column, such as the best accuracy of each dataset.
        others: files for the top of the artifacts, such as report.html.

    Raises:
        UserError: a file is missing, or the store refuses.
    """
    check_name(experiment)
    key = f"{experiment}/summary"
    files = [*tables, *figures, *others]
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise UserError(f"{missing[0]}: no such file: make the tables and figures first")
    # the others follow the store (the page links to its runs): they do not say when it was
    made = [*tables, *figures] or files
    moments = [path.stat().st_mtime_ns // 1_000_000 for path in made] or [0]
    end = max(moments)
    markdown = [path for path in tables if path.suffix == ".md"]
    note = notes.summary_note(title or experiment, markdown)
    own = {**tags, "conpet.run_key": key, "conpet.kind": "summary"}
    draft = _Draft(
        name=f"{experiment} · summary",
        tags={**content.system_tags(own), _NOTE: note},
        params=content.flatten(params),
        metrics=[Point(name, value, end, 0) for name, value in (metrics or {}).items()],
        start_ms=min(moments),
        end_ms=end,
    )
    with opened(uri) as client:
        number = experiment_id(client, experiment, uri, artifacts)
        client.set_experiment_tag(number, _NOTE, note)
        remove(client, number, key, artifacts)
        run_id = _start(client, number, draft)
        for folder, paths in (("tables", tables), ("figures", figures), (None, others)):
            for path in paths:
                client.log_artifact(run_id, str(path), folder)
        _finish(client, run_id, draft)
    write_json(out, {"run_id": run_id, "children": [], "run_key": key})


def _start(client: MlflowClient, experiment: str, draft: _Draft) -> str:
    """Make a run that carries its key from its first moment, and log its numbers."""
    from mlflow.entities import Metric, Param

    run = client.create_run(
        experiment, start_time=draft.start_ms, tags=draft.tags, run_name=draft.name
    )
    run_id = str(run.info.run_id)
    params = [Param(key, value) for key, value in draft.params.items()]
    metrics = [Metric(point.key, point.value, point.time, point.step) for point in draft.metrics]
    # Parameters and metrics share one limit of 1000 a batch.
    room = _MAX_METRICS - _MAX_PARAMS
    batches = max(-(-len(params) // _MAX_PARAMS), -(-len(metrics) // room))
    for number in range(batches):
        client.log_batch(
            run_id,
            metrics=metrics[number * room : (number + 1) * room],
            params=params[number * _MAX_PARAMS : (number + 1) * _MAX_PARAMS],
        )
    if draft.data is not None:
        _log_data(client, run_id, draft.data)
    return run_id


def _log_data(client: MlflowClient, run_id: str, data: DataInput) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.exceptions import MlflowException

    source = f'{{"uri": "{data.name}"}}'
    dataset = Dataset(data.name, data.digest, "local", source, profile=data.profile)
    entry = DatasetInput(dataset, [InputTag("mlflow.data.context", data.context)])
    for attempt in range(3):
        try:
            client.log_inputs(run_id, [entry])
            return
        except MlflowException:
            # Two runs that bring the same new dataset to a server at once: the second try finds it.
            if attempt == 2:
                raise
            time.sleep(0.2)


def _finish(client: MlflowClient, run_id: str, draft: _Draft) -> None:
    client.set_terminated(run_id, status="FINISHED", end_time=draft.end_ms)
