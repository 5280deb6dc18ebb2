"""Curves that grow on a server, and trainings that go on without one."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from conpet.environment import LIVE
from conpet.files import read_json
from conpet.run import RunKey
from conpet.run.reading import read_run
from conpet.tracking import count_active, create_store, live, track_run, ui_command
from tests.chain import Chain
from tests.tracking import looked
from tests.tracking.conftest import Store
from tests.tracking.test_server import free_port, serving, start, stop

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY_SECONDS", 0.05)
    # a real server on a machine that is busy with other tests takes its time
    monkeypatch.setattr(live, "TIMEOUT_SECONDS", 60.0)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    made = Chain(tmp_path_factory.mktemp("live"))
    made.prepare()
    return made


def test_the_complete_run_takes_the_place_of_the_streamed_one(
    store: Store, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    with serving(store.root, store.uri, store.artifacts) as address:
        monkeypatch.setenv(LIVE.name, address)
        chain.learn("static_emr", 2, run)
        first, second = sorted(looked.runs(address, "live"), key=lambda r: r.info.run_name)
        assert first.info.status == second.info.status == "FINISHED"
        assert second.data.tags["conpet.run_key"] == "tiny/tiny/tiny/static_emr/1/task02/train"
        client = looked.client(address)
        curve = client.get_metric_history(second.info.run_id, "loss")
        state = read_json(run / "task02/state/state.json")
        assert [metric.step for metric in curve] == list(range(1, state["steps"] + 1))
        used = second.data.metrics
        assert used["system/cpu_seconds"] > 0
        assert used["system/peak_memory_megabytes"] > 50
        key = RunKey("tiny", "tiny", "tiny", "static_emr", 1)
        create_store(address, store.artifacts, tmp_path / "store.json")
        out = tmp_path / "tracked.json"
        track_run(read_run(run, key, 2), {}, {}, address, store.artifacts, out)
        assert looked.runs(address, "live") == []
        assert count_active(address) == 3


def test_a_server_killed_in_mid_run_leaves_a_complete_run(
    store: Store,
    other: Store,
    chain: Chain,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As with `conpet ui` open and CONPET_LIVE set on a store that has nothing yet."""
    port, run = free_port(), tmp_path / "run"
    process = start(ui_command(store.uri, store.artifacts, port), store.root)
    monkeypatch.setenv(LIVE.name, f"http://127.0.0.1:{port}")
    note, sent = live.Live.metric, 0

    def kills(self: live.Live, name: str, value: float, step: int) -> None:
        nonlocal sent
        sent += 1
        note(self, name, value, step)
        if sent == 8:
            end = time.monotonic() + 120
            while time.monotonic() < end and not looked.runs(store.uri, "live"):
                time.sleep(0.05)  # until it has begun to stream
            stop(process, signal.SIGKILL)

    monkeypatch.setattr(live.Live, "metric", kills)
    try:
        chain.learn("static_emr", 2, run)
    finally:
        stop(process)
    assert sent > 8
    assert capsys.readouterr().err.count("going on without it") == 2  # one a training
    (left,) = looked.runs(store.uri, "live")
    assert left.info.status == "RUNNING"
    key = RunKey("tiny", "tiny", "tiny", "static_emr", 1)
    for here in (store, other):
        out = here.root / "tracked.json"
        track_run(read_run(run, key, 2), {}, {}, here.uri, here.artifacts, out)
    assert looked.dump(store.uri) == looked.dump(other.uri)
    assert set(looked.dump(store.uri)) == {str(key), key.child(1), key.child(2)}


class _Answers(BaseHTTPRequestHandler):
    """Takes a run, then dies: every later request is cut off."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.answer({"experiment": {"experiment_id": "1"}})

    def do_POST(self) -> None:
        self.asked.append(self.path)
        if len(self.asked) > 1:
            self.connection.close()
            return
        self.answer({"run": {"info": {"run_id": "r"}}})

    def answer(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def dying() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize("kind", ["dies", "is not there"])
def test_a_server_that_goes_changes_nothing(
    kind: str,
    dying: str,
    chain: Chain,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chain.learn("finetune", 1, tmp_path / "without")
    monkeypatch.setenv(LIVE.name, dying if kind == "dies" else "http://127.0.0.1:9")
    chain.learn("finetune", 1, tmp_path / "with")
    for name in ("state.json", "learner.safetensors", "adapter/adapter_model.safetensors"):
        ours, theirs = (tmp_path / w / "task01/state" / name for w in ("with", "without"))
        assert ours.read_bytes() == theirs.read_bytes()
    assert capsys.readouterr().err.count("going on without it") == 1


def test_what_trains_nothing_makes_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(live.Live, "_ask", lambda self, what, *_: asked.append(what))
    stream = live.Live("http://127.0.0.1:9", "e", "key", "name")
    stream.close()
    assert asked == []
