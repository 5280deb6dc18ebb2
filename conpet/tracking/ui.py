"""MLflow's own pages on this machine."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from conpet.errors import UserError
from conpet.quiet_mlflow import QUIET
from conpet.stores import AGAIN, address_of, check_store, is_server
from conpet.tracking import views
from conpet.tracking.store import opened

_ALL = 3  # of MLflow's ViewType: those that were deleted too


def ui_command(uri: str, artifacts: Path, port: int) -> list[str]:
    """Return the command that serves a store's pages on 127.0.0.1 until it is stopped.

    Raises:
        UserError: the store is not there or is a server already, or the port is taken or none.
    """
    if is_server(uri):
        raise UserError(f"{uri}: a server shows its own pages: open this address in a browser")
    check_store(uri, make=False)
    if not 1 <= port <= 65535:
        raise UserError(f"port: {port}: give a number between 1 and 65535")
    with socket.socket() as tried:
        # as the server will: a port whose last user has just gone is free
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(f"port: {port}: {error.strerror}: give another by --port") from None
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--backend-store-uri", uri]
    command += ["--default-artifact-root", address_of(artifacts)]
    return ["env", *(f"{name}={value}" for name, value in QUIET.items()), *command]


def ui_pages(uri: str, port: int) -> dict[str, str]:
    """Return each experiment's page in its saved view, by name, the one that spans all first.

    One that was deleted in MLflow has no page: what brings it back stands there instead.

    Args:
        uri: the store.
        port: where ``ui_command`` listens.

    Raises:
        UserError: the store does not answer.
    """
    with opened(uri) as client:
        found = client.search_experiments(view_type=_ALL)
    base = f"http://127.0.0.1:{port}"
    return {
        e.name: views.address(base, e.experiment_id)
        if e.lifecycle_stage == "active"
        else f"deleted in MLflow: log it again: {AGAIN.replace('NAME', e.name)}"
        for e in sorted(found, key=lambda e: (e.name != views.OVERVIEW, str(e.name)))
        if e.name != "Default"
    }
