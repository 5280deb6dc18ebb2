"""Logging a run: the old one out, the new one in, from files alone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conpet.config.method import Look
from conpet.errors import UserError
from conpet.files import write_json
from conpet.names import check_name
from conpet.run.reading import Run, Task
from conpet.tracking import notes, run_entries
from conpet.tracking.run_entries import DataInput, Point
from conpet.tracking.store import experiment_id, opened, remove
from conpet.tracking.task_models import log_task_model, remove_task_models

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_NOTE = "mlflow.note.content"
_PARENT = "mlflow.parentRunId"
# MLflow's own limits of one batch.
_MAX_METRICS = 1000
_MAX_PARAMS = 100


@dataclass(frozen=True)
class _Draft:
    """All of one run of the store before it is written.

    ``seconds`` are what MLflow shows as its duration: those of its trainings, like the metrics,
    not what lay between the first and the last of its files.
    """

    name: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: list[Point]
    start_ms: int
    seconds: float = 0.0
    data: DataInput | None = None

    @property
    def end_ms(self) -> int:
        """When it would have ended without a pause."""
        return self.start_ms + round(1000 * self.seconds)


def track_run(
    run: Run,
    params: Mapping[str, Any],
    tags: Mapping[str, Any],
    uri: str,
    artifacts: Path,
    out: Path,
    look: Look | None = None,
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

    Raises:
        UserError: the run is not complete, or the store refuses.
    """
    key = run.complete().key
    parent = _run_draft(run, params, tags, look)
    with opened(uri, make=True) as client:
        experiment = experiment_id(client, key.experiment, uri, artifacts)
        remove(client, experiment, str(key), artifacts)
        remove_task_models(client, experiment, str(key), uri)
        run_id = _start(client, experiment, parent)
        client.log_dict(run_id, dict(params), "params.json")
        children = []
        for task in run.tasks:
            metrics = run.folder.metrics(task.number)
            client.log_artifact(run_id, str(metrics), metrics.parent.name)
            draft = _task_draft(run, task, {**tags, _PARENT: run_id})
            child = _start(client, experiment, draft)
            assert draft.data is not None
            log_task_model(client, experiment, child, run, task, draft.data)
            _finish(client, child, draft)
            children.append(child)
        _finish(client, run_id, parent)
    about = {"run_id": run_id, "children": children, "run_key": str(key)}
    write_json(out, {**about, "experiment_id": experiment})


def _run_draft(
    run: Run, params: Mapping[str, Any], tags: Mapping[str, Any], look: Look | None
) -> _Draft:
    return _Draft(
        name=run.key.title,
        tags={**run_entries.run_tags(run, tags, look), _NOTE: notes.run_note(run)},
        params=run_entries.run_params(run, params),
        metrics=run_entries.run_metrics(run),
        start_ms=run.tasks[0].start_ms,
        seconds=sum(task.seconds for task in run.tasks),
        data=run_entries.data_input(run, run.last, "train, test"),
    )


def _task_draft(run: Run, task: Task, tags: Mapping[str, Any]) -> _Draft:
    return _Draft(
        name=f"task {task.number:02d} · {run.key.title}",
        tags={**run_entries.task_tags(run, task, tags), _NOTE: notes.task_note(run, task)},
        params=run_entries.task_params(run, task),
        metrics=run_entries.task_metrics(task),
        start_ms=task.start_ms,
        seconds=task.seconds,
        data=run_entries.data_input(run, task, "train"),
    )


@dataclass(frozen=True)
class Summary:
    """What an experiment came to.

    Attributes:
        experiment: its name; ``title`` says it in words.
        tables, figures: files for the artifact folders of these names.
        others: files for the top of the artifacts, such as report.html.
        params: the experiment's settings, nested.
        tags: whence it comes.
        metrics: numbers worth a column, such as the best accuracy of each dataset.
    """

    experiment: str
    tables: Sequence[Path]
    figures: Sequence[Path]
    params: Mapping[str, Any]
    tags: Mapping[str, Any]
    title: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    others: Sequence[Path] = ()

    @property
    def key(self) -> str:
        """The run key of the summary."""
        return f"{self.experiment}/summary"


def track_summary(summary: Summary, uri: str, artifacts: Path, out: Path) -> None:
    """Log the summary run of an experiment: its tables, figures and report as artifacts.

    Logging again replaces, by the run key. The Markdown tables are shown in the run's description.

    Args:
        summary: what is logged.
        uri: the store.
        artifacts: where a store that is not a server keeps its artifacts.
        out: written at the end: ``{"run_id", "children", "run_key"}``.

    Raises:
        UserError: a file is missing, or the store refuses.
    """
    check_name(summary.experiment, "run key")
    files = [*summary.tables, *summary.figures, *summary.others]
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise UserError(f"{missing[0]}: no such file: make the tables and figures first")
    draft = _summary_draft(summary)
    with opened(uri, make=True) as client:
        number = experiment_id(client, summary.experiment, uri, artifacts)
        client.set_experiment_tag(number, _NOTE, draft.tags[_NOTE])
        remove(client, number, summary.key, artifacts)
        run_id = _start(client, number, draft)
        folders = (("tables", summary.tables), ("figures", summary.figures), (None, summary.others))
        for folder, paths in folders:
            for path in paths:
                client.log_artifact(run_id, str(path), folder)
        _finish(client, run_id, draft)
    write_json(out, {"run_id": run_id, "children": [], "run_key": summary.key})


def _summary_draft(summary: Summary) -> _Draft:
    # the others follow the store (the page links to its runs): they do not say when it was
    made = [*summary.tables, *summary.figures] or summary.others
    end = max((path.stat().st_mtime_ns // 1_000_000 for path in made), default=0)
    markdown = [path for path in summary.tables if path.suffix == ".md"]
    note = notes.summary_note(summary.title or summary.experiment, markdown)
    own = {**summary.tags, "conpet.run_key": summary.key, "conpet.kind": "summary"}
    return _Draft(
        name=f"{summary.experiment} · summary",
        tags={**run_entries.system_tags(own), _NOTE: note},
        params=run_entries.flatten(summary.params),
        metrics=[Point(name, value, end, 0) for name, value in summary.metrics.items()],
        start_ms=end,
    )


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
