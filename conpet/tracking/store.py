"""The store: made once, written by one process at a time, never asked about more than it knows."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from conpet.errors import UserError
from conpet.files import write_json
from conpet.quiet_mlflow import import_mlflow
from conpet.stores import (
    AGAIN,
    FILL,
    address_of,
    check_store,
    inside,
    is_server,
    local_path,
    sqlite_path,
)
from conpet.tracking import views

if TYPE_CHECKING:
    from mlflow.entities import Experiment, LoggedModel, Run
    from mlflow.tracking import MlflowClient

_TRIES = 3  # to open a database; MLflow's own ten take two minutes and say nothing
# errors that say what was asked wrongly, not that the store is broken
_NOT_THE_STORE = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "INVALID_STATE")


@contextlib.contextmanager
def _locked(uri: str) -> Iterator[None]:
    """Let one process at a time use a SQLite store.

    SQLite has no fair queue: under many writers its time-outs turn into errors. A file lock
    queues them instead, and works where the store lies on a shared file system.
    """
    path = sqlite_path(uri)
    if path is None:
        yield
        return
    with _lock_file(path.with_name(f"{path.name}.lock")) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lock_file(path: Path) -> IO[bytes]:
    """Open a lock; one that another user has made can be held all the same.

    Raises:
        UserError: it can neither be made nor read.
    """
    try:
        return path.open("ab")
    except OSError as error:
        if path.is_file() and os.access(path, os.R_OK):
            return path.open("rb")
        raise UserError(
            f"{path}: cannot be opened ({error.strerror}): give yourself the right to write "
            "there, or take another store"
        ) from None


@contextlib.contextmanager
def opened(uri: str, make: bool = False) -> Iterator[MlflowClient]:
    """Yield a client of the store, alone on it if it is a file.

    Args:
        make: whether a database that is not there is to be made.

    Raises:
        UserError: mlflow is not installed, or the store does not answer or is of another version.
    """
    import_mlflow()
    from mlflow.exceptions import MlflowException
    from mlflow.store.db import utils
    from mlflow.tracking import MlflowClient
    from sqlalchemy.exc import SQLAlchemyError

    utils.MAX_RETRY_COUNT = _TRIES
    check_store(uri, make)
    with _locked(uri):
        try:
            # A new client opens the store, and makes the schema of an empty one.
            yield MlflowClient(tracking_uri=uri, registry_uri=uri)
        except (MlflowException, SQLAlchemyError) as error:
            raise UserError(f"{uri}: {_explain(error, uri)}") from error
        except ModuleNotFoundError as error:
            raise UserError(
                f"{uri}: {error.name} is not installed: pip install {error.name}"
            ) from None


def _explain(error: Exception, uri: str) -> str:
    message = str(error).strip()
    first = message.partition("\n")[0]
    if "out-of-date database schema" in message:
        return f"made by another version of MLflow: delete it and log again: {FILL}"
    if is_server(uri) and "HTTPConnectionPool" in message:
        return "no MLflow server answers: start it, or give a sqlite:/// address"
    if getattr(error, "error_code", "") in _NOT_THE_STORE:
        return f"{first}: log again: {AGAIN}"
    return f"{first}: mend the store, or delete it and log again: {FILL}"


def create_store(uri: str, artifacts: Path, marker: Path) -> None:
    """Make the store and its schema, so that jobs that log in parallel find them.

    Args:
        uri: ``sqlite:///FILE``, another database, or the address of a server (which must answer).
        artifacts: folder of the artifacts of a store that is not a server; made here.
        marker: written when the store is there.
    """
    with opened(uri, make=True) as client:
        client.search_experiments(max_results=1)
    if not is_server(uri):
        artifacts.mkdir(parents=True, exist_ok=True)
    import mlflow

    # the time makes a store that was made anew another one: every run is logged into it again
    kind = "server" if is_server(uri) else "database"
    write_json(marker, {"kind": kind, "mlflow": mlflow.__version__, "made": time.time_ns()})


def count_active(uri: str) -> int:
    """Return how many runs that are not deleted the store holds: runs, tasks and summaries."""
    with opened(uri) as client:
        experiments = [found.experiment_id for found in client.search_experiments()]
        return sum(1 for _ in search(client, experiments, ""))


def search(client: MlflowClient, experiments: list[str], query: str) -> Iterator[Run]:
    """Yield all active runs that a query finds, page by page."""
    token: str | None = None
    while experiments:
        page = client.search_runs(experiments, query, max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def logged_models(
    client: MlflowClient, experiment: str, query: str | None = None
) -> Iterator[LoggedModel]:
    """Yield all models of an experiment that are not deleted, page by page."""
    token: str | None = None
    while True:
        page = client.search_logged_models([experiment], query, max_results=100, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def experiment_id(client: MlflowClient, name: str, uri: str, artifacts: Path) -> str:
    """Return the id of an experiment, made (or taken out of the bin) if need be.

    Raises:
        UserError: the store keeps this experiment's artifacts elsewhere.
    """
    from mlflow.exceptions import MlflowException

    place = None if is_server(uri) else address_of(artifacts / name)
    if client.get_experiment_by_name(name) is None:
        try:
            client.create_experiment(name, place)
        except MlflowException as error:
            # Another process may have made it between the two calls.
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
    found = client.get_experiment_by_name(name)
    # a server that a curve was streamed to has chosen a folder of its own beside ours
    if place is not None and not inside(found.artifact_location, artifacts):
        raise UserError(
            f"{uri}: experiment {name!r} keeps its artifacts in {found.artifact_location}, not in "
            f"{artifacts}: was the project moved? delete {sqlite_path(uri) or uri} and {artifacts} "
            f"and log again: {FILL.replace('NAME', name)}"
        )
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    _show(client, found)
    return str(found.experiment_id)


def _show(client: MlflowClient, experiment: Experiment) -> None:
    """Set what MLflow's pages show first. A store that refuses shows what it likes: one line."""
    from mlflow.exceptions import MlflowException

    try:
        for key, value in views.tags_of(experiment.name).items():
            if experiment.tags.get(key) != value:
                client.set_experiment_tag(experiment.experiment_id, key, value)
    except MlflowException as error:
        line = str(error).strip().partition("\n")[0]
        print(f"{experiment.name}: no saved views: {line}", file=sys.stderr, flush=True)


def remove(
    client: MlflowClient, experiment: str, key: str, artifacts: Path, below: bool = True
) -> int:
    """Delete every active run of a key, its tasks first; return how many there were.

    Args:
        below: whether what lies below the key is deleted too.

    Deleting children before parents means that a crash between leaves nothing that the next
    call would not find: every run carries its key from its first moment on.
    """
    # LIKE takes "_" for any letter, so what it finds is compared again here.
    query = f"tags.`conpet.run_key` LIKE '{key}%'"
    runs = [
        run
        for run in search(client, [experiment], query)
        if run.data.tags["conpet.run_key"] == key
        or (below and run.data.tags["conpet.run_key"].startswith(f"{key}/"))
    ]
    for run in sorted(runs, key=lambda run: run.data.tags["conpet.run_key"], reverse=True):
        _remove_artifacts(run, artifacts)
        client.delete_run(run.info.run_id)
    return len(runs)


def _remove_artifacts(run: Run, artifacts: Path) -> None:
    # Only what lies in the folder we were given: a server's artifacts are the server's.
    place = local_path(run.info.artifact_uri)
    ours = inside(run.info.artifact_uri, artifacts)
    if place is not None and ours and place.parent.name == run.info.run_id:
        shutil.rmtree(place.parent, ignore_errors=True)
