"""MLflow's own pages on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

from conpet.errors import UserError
from conpet.tracking import views
from conpet.tracking.store import QUIET, is_server, opened, sqlite_path


def ui_command(uri: str, artifacts: Path, port: int) -> list[str]:
    """Return the command that serves a store's pages on 127.0.0.1 until it is stopped.

    Raises:
        UserError: the store is not there, is a server already, or the port is out of range.
    """
    if is_server(uri):
        raise UserError(f"{uri}: a server shows its own pages: open this address in a browser")
    path = sqlite_path(uri)
    if path is not None and not path.is_file():
        raise UserError(f"{path}: no such store: fill it first: snakemake mlflow")
    if not 1 <= port <= 65535:
        raise UserError(f"port: {port}: give a number between 1 and 65535")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--backend-store-uri", uri]
    command += ["--default-artifact-root", str(artifacts.resolve())]
    return ["env", *(f"{name}={value}" for name, value in QUIET.items()), *command]


def ui_address(uri: str, port: int, experiment: str | None = None) -> str:
    """Return the address to open: an experiment's run page in its saved view, or the front page.

    Args:
        uri: the store; a server's own address is used as it is.
        port: where ``ui_command`` listens.
        experiment: its name; the front page if None or not in the store.
    """
    base = uri if is_server(uri) else f"http://127.0.0.1:{port}"
    if experiment is not None:
        with opened(uri) as client:
            found = client.get_experiment_by_name(experiment)
        if found is not None:
            return views.address(base, found.experiment_id)
    return base
