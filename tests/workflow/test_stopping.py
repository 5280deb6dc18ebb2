"""A job that is stopped: quietly, at any moment, and with time to clean up."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT
from tests.workflow.conftest import Workspace
from tests.workflow.test_processes import PROCESSES, command, environment, linux, load, python
from tests.workflow.test_running import gone


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_command_may_clean_up(tmp_path: Path, number: int) -> None:
    mark = tmp_path / "mark"
    code = (
        "import signal, sys, time, pathlib; signal.signal(15, lambda *_: sys.exit(3))\n"
        "try:\n    print('up', flush=True); time.sleep(60)\n"
        f"finally:\n    time.sleep(1); pathlib.Path({str(mark)!r}).touch()"
    )
    running = subprocess.Popen(
        command(tmp_path / "log", *python(code)), stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    assert running.stderr.readline() == "up\n"
    running.send_signal(number)
    rest = running.communicate(timeout=20)[1]
    assert running.returncode == 128 + number
    assert rest == ""
    assert mark.exists()


def test_a_command_that_does_not_heed_is_killed(tmp_path: Path) -> None:
    code = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=1); time.sleep(60)"
    )
    running = subprocess.Popen(
        command(tmp_path / "log", *python(code)), stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    running.stderr.readline()
    start = time.monotonic()
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=30) == 128 + 2
    assert time.monotonic() - start < 15


def test_stopped_at_any_moment_it_says_nothing(tmp_path: Path) -> None:
    """Also while it is still being started, and while it waits for a process to come."""
    for pause in (0.02, 0.05, 0.1, 0.2, 0.4):
        job = [sys.executable, "-IS", *command(tmp_path / "log", "sleep", "60")[1:]]
        running = subprocess.Popen(job, stderr=subprocess.PIPE)
        time.sleep(pause)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
        # before Python itself was there: killed by the signal, or while it made itself ready
        early = running.returncode == -2 or (
            running.returncode == 1
            and any(word in said for word in (b"KeyboardInterrupt", b"Fatal Python error"))
        )
        assert early or (running.returncode, said) == (130, b"")


@linux
def test_stopped_while_forkserver_imports_it_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "silent.sock"
    silent = socket.socket(socket.AF_UNIX)  # takes the request, and never answers
    silent.bind(str(path))
    silent.listen()
    job = command(tmp_path / "log", "conpet", "train", "--help")
    running = subprocess.Popen(job, stderr=subprocess.PIPE, env=environment(path))
    connection, _ = silent.accept()
    assert connection.recv(1)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert (running.returncode, said) == (130, b"")
    connection.close()
    silent.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "target"),
    [
        ("tiny.yaml", "tables"),  # while the Snakefile is read
        ("zz.yaml", "results/models/nobodys"),  # while jobs are planned: whose is that model?
    ],
)
def test_ctrl_c_before_any_job_says_nothing(
    fresh: Workspace, reaped: list[subprocess.Popen[str]], file: str, target: str
) -> None:
    path = fresh.folder / "config/experiments" / file
    path.unlink(missing_ok=True)
    os.mkfifo(path)  # reading it waits for ever
    reaped.append(fresh.start(target))
    with path.open("w"):  # it is being read now
        reaped[0].send_signal(signal.SIGINT)
        said, _ = reaped[0].communicate(timeout=60)
    assert reaped[0].returncode == 130
    assert [line for line in said.splitlines() if not line.startswith("Using workflow")] == []
    assert not list((fresh.folder / ".snakemake/locks").glob("*"))


@linux
def test_a_process_whose_parent_has_gone_before_it_could_ask_ends() -> None:
    """The parent dies between the fork and the child's first line: nobody would tell the child."""
    folder = str(PROCESSES)
    code = (
        f"import os, sys, time; sys.path.insert(0, {folder!r}); import runner; mine = os.getpid()\n"
        "if os.fork(): os._exit(0)\n"
        "while os.getppid() == mine: time.sleep(0.01)\n"
        "runner.die_with_parent(mine); print('goes on')"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=20, check=True)
    assert said.stdout == b""


@linux
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_verify_leaves_nothing_at_work(
    finished: Workspace, reaped: list[subprocess.Popen[str]], number: int
) -> None:
    (finished.folder / "results/published/tiny/tables").mkdir(parents=True)
    reaped.append(finished.start("verify", FAKE_SLEEP="train:60"))
    job = finished.slow_job()
    below = psutil.Process(reaped[0].pid).children(recursive=True)
    # as a terminal does: Ctrl-C reaches the workflow, and what it has started in its own session
    told = [p for p in below if number == signal.SIGINT and os.getsid(p.pid) == os.getsid(0)]
    for process in (*told, reaped[0]):
        process.send_signal(number)
    reaped[0].communicate(timeout=60)
    assert gone(job)
    done = finished.run("verify")  # no lock is held any more
    assert done.returncode == 0, done.stderr


def test_a_stopped_verify_goes_on_with_the_code_it_was_begun_with_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verify = load("verify", ROOT / "workflow/scripts")
    scratch = tmp_path / "results/scratch/tiny"
    (tmp_path / "config").mkdir()
    made = scratch / "results/tiny/state.json"
    for now, kept in (("a", False), ("a", True), ("b", False)):
        monkeypatch.setattr(verify, "code", lambda now=now: now)
        verify.prepare(tmp_path, scratch)
        assert made.exists() == kept
        made.parent.mkdir(parents=True, exist_ok=True)
        made.touch()
    said = "results/scratch/tiny: begun with other code: begins anew\n"
    assert capsys.readouterr().err == said


def test_the_code_that_verify_goes_by_is_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = load("verify", ROOT / "workflow/scripts")
    monkeypatch.setattr(verify, "ROOT", tmp_path)
    names = (
        "conpet/heads/lda.py",
        "workflow/rules/train.smk",
        "workflow/scripts/x.py",
        "Snakefile",
    )
    found = []
    for name in (*names, "conpet/heads/lda.pyc", "docs/x.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        found.append(verify.code())
    for name in names:
        (tmp_path / name).write_text("changed")
        found.append(verify.code())
    assert len({*found}) == 2 * len(names)
    assert found[len(names) - 1] == found[len(names)] == found[len(names) + 1]
