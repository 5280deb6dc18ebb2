"""One run of a store: drafted from files, then written."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conpet.tracking.run_entries import DataInput, Point

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

# MLflow's own limits of one batch.
_MAX_METRICS = 1000
_MAX_PARAMS = 100


@dataclass(frozen=True)
class Draft:
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


def start(client: MlflowClient, experiment: str, draft: Draft) -> str:
    """Make a run that carries its key from its first moment, log its numbers; return its id."""
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


def finish(client: MlflowClient, run_id: str, draft: Draft) -> None:
    """Mark a run as finished."""
    client.set_terminated(run_id, status="FINISHED", end_time=draft.end_ms)
