"""MLflow's own server: its pages on this machine, and runs logged through it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from conpet.errors import UserError
from conpet.files import read_json
from conpet.tracking import count_active, create_store, track_run, ui_address, ui_command
from tests.tracking import contents
from tests.tracking.conftest import Store
from tests.tracking.synthetic import TAGS, RunKey, build_run, config

KEY = RunKey("demo", "demo", "minilm", "dynamic", 100)


def test_ui_command(store: Store) -> None:
    command = ui_command(store.uri, store.artifacts, 5055)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert "MLFLOW_DISABLE_TELEMETRY=true" in command
    with pytest.raises(UserError, match="port"):
        ui_command(store.uri, store.artifacts, 0)
    with pytest.raises(UserError, match="no such store"):
        ui_command(f"sqlite:///{store.root}/none.db", store.artifacts, 5055)
    with pytest.raises(UserError, match="open this address"):
        ui_command("http://127.0.0.1:5000", store.artifacts, 5055)


def test_ui_address(store: Store) -> None:
    assert ui_address(store.uri, 5055, "demo") == "http://127.0.0.1:5055"
    store.track(KEY, 1)
    address = ui_address(store.uri, 5055, "demo")
    assert address.startswith("http://127.0.0.1:5055/#/experiments/1/runs?")


@pytest.fixture
def server(store: Store) -> Iterator[str]:
    """An MLflow server on this machine that keeps the artifacts itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ui_command(store.uri, store.artifacts, port)
    place = command.index("--default-artifact-root")
    command[place : place + 2] = ["--artifacts-destination", str(store.artifacts)]
    log = (store.root / "server.log").open("w")
    process = subprocess.Popen(
        command, cwd=store.root, stdout=log, stderr=log, start_new_session=True
    )
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
        log.close()


def test_through_a_server(store: Store, other: Store, server: str) -> None:
    create_store(server, store.artifacts, store.root / "store.json")
    run = build_run(store.root, KEY, 3)
    for _ in range(2):
        track_run(run, KEY, config(KEY), TAGS, server, store.artifacts, run / "tracked.json")
    assert count_active(server) == 4
    other.track(KEY)
    direct = contents.dump(other.uri)
    through = contents.dump(store.uri)
    kept = {str(path.relative_to(store.artifacts)) for path in store.artifacts.rglob("*")}
    tracked = read_json(run / "tracked.json")
    for held in (*direct.values(), *through.values()):
        names = held.pop("artifacts")
    assert through == direct
    assert {f"1/{tracked['children'][-1]}/artifacts/{name}" for name in names} <= kept


def test_a_server_that_is_gone_is_told_soon(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from conpet.tracking import create_store\n"
        "create_store('http://127.0.0.1:9', Path('a'), Path('store.json'))"
    )
    began = time.monotonic()
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert "UserError: http://127.0.0.1:9: no MLflow server answers" in found.stderr
    assert time.monotonic() - began < 30
    assert not (tmp_path / "store.json").exists()
