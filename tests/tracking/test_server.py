"""MLflow's own server: its pages on this machine, and runs logged through it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from conpet.commands import main
from conpet.errors import UserError
from conpet.files import read_json
from conpet.run.reading import read_run
from conpet.tracking import count_active, create_store, track_run, ui_command, ui_pages
from tests.tracking import looked
from tests.tracking.conftest import Store
from tests.tracking.synthetic import TAGS, RunKey, build_run, config

pytestmark = pytest.mark.slow

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


def test_ui_pages(store: Store) -> None:
    assert ui_pages(store.uri, 5055) == {}
    store.track(KEY, 1)
    pages = ui_pages(store.uri, 5055)
    assert list(pages) == ["demo"]
    assert pages["demo"].startswith("http://127.0.0.1:5055/#/experiments/1/runs?")


def test_a_port_that_is_taken_is_told_at_once(store: Store) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port: {port}: .* give another by --port"):
            ui_command(store.uri, store.artifacts, port)


def test_ui_names_the_pages_and_becomes_the_server(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store.track(KEY, 1)
    client = looked.client(store.uri)
    client.delete_experiment(client.create_experiment("gone"))
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execvp", lambda program, words: became.append([program, *words]))
    port = free_port()
    command = ui_command(store.uri, store.artifacts, port)
    main(["ui", "--store", store.uri, "--artifacts", str(store.artifacts), "--port", str(port)])
    assert became == [[command[0], *command]]
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith(f"  demo: http://127.0.0.1:{port}/#/experiments/1/runs?")
    assert said[2] == (
        "  gone: deleted in MLflow: log it again: "
        "snakemake mlflow --config experiment=gone --forcerun store"
    )


def test_what_ends_ui_ends_its_server(store: Store) -> None:
    """`kill PID` of `conpet ui`, and of nothing else, leaves no process and frees the port."""
    port = free_port()
    words = ["ui", "--store", store.uri, "--artifacts", str(store.artifacts), "--port", str(port)]
    process = start([sys.executable, "-m", "conpet", *words], store.root)
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        for _ in range(40):
            if not _of_group(process.pid):
                break
            time.sleep(0.25)
        assert not _of_group(process.pid)
        with socket.socket() as tried:
            assert tried.connect_ex(("127.0.0.1", port)) != 0
    finally:
        stop(process)


def _of_group(group: int) -> list[int]:
    """The processes of a group that are still there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = path.read_text().rpartition(")")[2].split()
            if int(words[2]) == group and words[0] != "Z":
                found.append(int(path.parent.name))
    return found


def start(command: list[str], root: Path) -> subprocess.Popen[bytes]:
    """Start an MLflow server and wait until it answers."""
    port = command[command.index("--port") + 1]
    with (root / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=root, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
            break
        except OSError:
            time.sleep(0.25)
    return process


def stop(process: subprocess.Popen[bytes], how: int = signal.SIGTERM) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
            return
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def serving(root: Path, uri: str, artifacts: Path) -> Iterator[str]:
    """An MLflow server on this machine that keeps the artifacts itself."""
    port = free_port()
    command = ui_command(uri, artifacts, port)
    place = command.index("--default-artifact-root")
    command[place : place + 2] = ["--artifacts-destination", str(artifacts)]
    process = start(command, root)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def server(store: Store) -> Iterator[str]:
    with serving(store.root, store.uri, store.artifacts) as address:
        yield address


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of a new PostgreSQL database on this machine."""
    pytest.importorskip("psycopg2", reason="needs psycopg2-binary")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = shutil.which("initdb") or (str(found[-1]) if found else None)
    if initdb is None:
        pytest.skip("needs PostgreSQL: apt install postgresql")
    # PostgreSQL does not run as root
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="conpet-pg-"))
    if user:
        shutil.chown(folder, "postgres")
    port, data = free_port(), folder / "data"
    subprocess.run(
        [*user, initdb, "-D", data, "-U", "conpet", "-A", "trust"],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    server = subprocess.Popen(
        [*user, Path(initdb).with_name("postgres"), "-D", data, "-p", str(port), "-h", "127.0.0.1",
         "-k", folder],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, start_new_session=True,
    )  # fmt: skip
    try:
        import psycopg2

        address = f"postgresql://conpet@127.0.0.1:{port}/postgres"
        for _ in range(120):
            try:
                psycopg2.connect(address).close()
                break
            except psycopg2.OperationalError:
                time.sleep(0.25)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGINT)
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _track(job: tuple[str, str, str, int]) -> None:
    root, uri, artifacts, seed = job
    key = RunKey("demo", "demo", "minilm", "dynamic", seed)
    run = Path(root) / "demo/demo/minilm/dynamic" / f"seed{seed}"
    out = run / "tracked.json"
    track_run(read_run(run, key, 2), config(key), TAGS, uri, Path(artifacts), out)


def test_eight_at_once_through_a_server_on_postgresql(
    postgres: str, other: Store, tmp_path: Path
) -> None:
    artifacts = tmp_path / "kept"
    keys = [RunKey("demo", "demo", "minilm", "dynamic", seed) for seed in range(1, 9)]
    for key in keys:
        build_run(tmp_path, key, 2)
    with serving(tmp_path, postgres, artifacts) as address:
        create_store(address, artifacts, tmp_path / "store.json")
        jobs = [(str(tmp_path), address, str(artifacts), key.seed) for key in keys]
        with multiprocessing.get_context("spawn").Pool(8) as pool:
            pool.map(_track, jobs, chunksize=1)
        assert count_active(address) == 8 * 3
        through = looked.dump(address)
    for key in keys:
        other.track(key, 2)
    direct = looked.dump(other.uri)
    for held in (*direct.values(), *through.values()):
        held.pop("artifacts")
    assert through == direct
    assert len(list(artifacts.rglob("learner.safetensors"))) == 8 * 2 + 8


def test_through_a_server(store: Store, other: Store, server: str) -> None:
    create_store(server, store.artifacts, store.root / "store.json")
    run = build_run(store.root, KEY, 3)
    for _ in range(2):
        out = run / "tracked.json"
        track_run(read_run(run, KEY, 3), config(KEY), TAGS, server, store.artifacts, out)
    assert count_active(server) == 4
    other.track(KEY)
    direct = looked.dump(other.uri)
    through = looked.dump(store.uri)
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
