"""The two scripts of the workflow: what runs a job, and what speaks to the terminal."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SCRIPTS = ROOT / "workflow" / "scripts"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


console = load("console")
job = load("job")
leftovers = load("leftovers")


def command(log: Path, *words: str) -> list[str]:
    return [sys.executable, str(SCRIPTS / "job.py"), str(log), *words]


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_jobs_words_reach_log_and_terminal_and_its_status_the_workflow(tmp_path: Path) -> None:
    log = tmp_path / "deep" / "job.log"
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)"
    done = subprocess.run(command(log, *python(code)), capture_output=True, check=False)
    assert done.returncode == 3
    assert done.stderr == log.read_bytes() == b"out\nerr\n"
    assert done.stdout == b""


def test_a_killed_job_is_told(tmp_path: Path) -> None:
    code = "import os; os.kill(os.getpid(), 9)"
    log = tmp_path / "job.log"
    done = subprocess.run(command(log, *python(code)), capture_output=True, check=False)
    assert done.returncode == 128 + 9
    assert b"killed by signal 9" in done.stderr
    assert done.stderr == log.read_bytes()


def test_a_missing_command_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        command(tmp_path / "log", "no-such-command"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("no-such-command: no such command")
    assert len(done.stderr.splitlines()) == 1


def test_a_job_ends_with_its_workflow(tmp_path: Path) -> None:
    workflow = subprocess.Popen(["sleep", "60"])
    env = {**os.environ, "CONPET_WORKFLOW_PID": str(workflow.pid)}
    running = subprocess.Popen(command(tmp_path / "log", "sleep", "60"), env=env)
    time.sleep(1)
    assert running.poll() is None
    workflow.kill()  # not waited for: a zombie is not alive
    start = time.monotonic()
    assert running.wait(timeout=20) == 128 + 9
    assert time.monotonic() - start < 10
    workflow.wait()


def test_a_process_of_another_machine_is_not_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    monkeypatch.setenv("CONPET_WORKFLOW_PID", str(gone.pid))  # here no such process runs
    monkeypatch.setenv("CONPET_WORKFLOW_HOST", "elsewhere")
    done = subprocess.run(command(tmp_path / "log", "sleep", "2"), check=False, timeout=60)
    assert done.returncode == 0
    monkeypatch.setenv("CONPET_WORKFLOW_HOST", job.socket.gethostname())
    assert subprocess.run(command(tmp_path / "log", "sleep", "60"), check=False).returncode == 137


def fake_slurm(folder: Path, monkeypatch: pytest.MonkeyPatch, lines: str) -> Path:
    """Put a queue of the given lines on the PATH, from which scancel takes a job."""
    queue = folder / "queue"
    queue.write_text(lines)
    for name, script in {
        "squeue": f"cat {queue}",
        "scancel": f'for job; do sed -i "/^$job|/d" {queue}; done',
    }.items():
        path = folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return queue


def test_jobs_that_a_dead_workflow_left_in_this_folder_are_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    others = f"4|rule_train|/else/where\n5|(null)|{tmp_path}\n6|my own|{tmp_path}\n"
    mine = f"7|rule_train_wildcards_a|b|{tmp_path}\n8_3|group_x|{tmp_path}\n"
    queue = fake_slurm(tmp_path, monkeypatch, others + mine)
    leftovers.cancel(tmp_path)
    assert queue.read_text() == others
    assert capsys.readouterr().err == "cancelling jobs left behind by an earlier run: 7 8_3\n"
    leftovers.cancel(tmp_path)
    assert capsys.readouterr().err == ""


def test_a_job_that_will_not_end_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_slurm(tmp_path, monkeypatch, f"7|rule_train|{tmp_path}\n")
    (tmp_path / "bin" / "scancel").write_text("#!/bin/sh\n")
    monkeypatch.setattr(leftovers, "WAIT_SECONDS", 0.0)
    with pytest.raises(SystemExit, match=r"conpet: error: 7: still running"):
        leftovers.cancel(tmp_path)


def test_a_stopped_job_stops_its_command(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = f"import time, pathlib; time.sleep(4); pathlib.Path({str(mark)!r}).touch()"
    running = subprocess.Popen(command(tmp_path / "log", *python(code)))
    time.sleep(1)
    running.terminate()
    assert running.wait(timeout=20) == 128 + 15
    time.sleep(4)
    assert not mark.exists()


def record(event: str = "", message: str = "", **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("snakemake", logging.INFO, "", 0, message, None, None)
    made.__dict__.update(fields)
    if event:
        made.__dict__["event"] = event
    return made


def test_the_console_counts_and_times_jobs() -> None:
    shown = console.Console()
    assert shown.line(record("run_info", stats={"train": 2, "total": 2})) == "2 jobs: 2 train"
    start = record("job_info", jobid=7, rule_msg="train a", rule_name="train", shellcmd="x")
    assert shown.line(start) == "[0/2 0:00:00] start  train a"
    assert shown.line(record("job_finished", job_id=7)) == "[1/2 0:00:00] done   train a (0:00:00)"
    target = record("job_info", jobid=8, rule_msg="all", rule_name="all", shellcmd=None)
    assert shown.line(target) == ""
    assert shown.line(record(message="Building DAG of jobs...")) == ""
    assert shown.line(record(message="disk full")) == "disk full"
    assert shown.line(record("progress", done=1, total=2)) == ""


def test_the_console_tells_a_failure_once() -> None:
    shown = console.Console()
    shown.line(record("job_info", jobid=1, rule_msg="train a", rule_name="train", shellcmd="x"))
    failure = record("job_error", jobid=1, rule_name="train", log=["a.log (check log file)"])
    assert shown.line(failure).endswith("failed train a: see a.log")
    assert shown.line(failure) == ""
    assert shown.line(record("error", "pages of it", exception="RuleException")) == ""
    last = shown.line(record(message="WorkflowError:\nAt least one job did not complete"))
    assert last == "failed: train a. The same command again goes on from here."


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Missing output files: a; Params have changed since last execution", "settings changed"),
        ("Missing output files: a; Input files updated by another job: b", "not made yet"),
        ("Input files updated by another job: b", "follows a job above"),
        ("Set of input files has changed since last execution", "inputs are others"),
        ("something new", "something new"),
    ],
)
def test_reasons_are_brief(reason: str, words: str) -> None:
    assert words in console.brief(reason)


def test_other_output_is_left_alone_where_it_is_asked_for() -> None:
    logger = logging.getLogger("snakemake.logging")
    handler = logging.NullHandler()
    handler.name = "DefaultStreamHandler"
    before = list(logger.handlers)
    logger.handlers[:] = [handler]
    settings = {"dryrun": False, "printshellcmds": False}
    try:
        console.install(SimpleNamespace(verbose=True, quiet=[], **settings))
        quiet = [SimpleNamespace(name="ALL")]
        console.install(SimpleNamespace(verbose=False, quiet=quiet, **settings))
        assert logger.handlers == [handler]
        quiet = [SimpleNamespace(name="HOST")]
        console.install(SimpleNamespace(verbose=False, quiet=quiet, **settings))
        assert [type(h).__name__ for h in logger.handlers] == ["Console"]
    finally:
        logger.handlers[:] = before


def test_a_process_is_alive_until_it_is_not() -> None:
    child = subprocess.Popen(["sleep", "30"])
    assert job.alive(child.pid)
    child.kill()
    time.sleep(0.5)
    assert not job.alive(child.pid)
    child.wait()
    assert not job.alive(child.pid)


@pytest.fixture
def warm(tmp_path: Path) -> Any:
    """A warm.py that serves for this test, and the environment that names it."""
    path = tmp_path / "warm.sock"
    script = [sys.executable, str(SCRIPTS / "warm.py"), str(path), str(os.getpid())]
    process = subprocess.Popen(script, start_new_session=True)
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    beside = str(Path(sys.executable).parent)
    yield {
        **os.environ,
        "CONPET_WARM": str(path),
        "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}",
    }
    process.kill()
    process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="warm.py is used on Linux only")
def test_a_learning_job_is_forked_with_its_own_environment_words_and_status(
    warm: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "job.log"
    wrong = command(log, "conpet", "train", "--nonsense")
    done = subprocess.run(wrong, capture_output=True, check=False, env=warm, cwd=tmp_path)
    assert done.returncode == 2
    assert b"the following arguments are required" in log.read_bytes()
    cell = ["--experiment", "none", "--dataset", "d", "--model", "m", "--method", "x"]
    rest = ["--seed", "1", "--task", "1", "--snapshot", "s", "--encoded", "e"]
    files = ["--metrics", "m", "--predictions", "p"]
    missing = command(log, "conpet", "evaluate", *cell, *rest, *files)
    done = subprocess.run(missing, capture_output=True, check=False, env=warm, cwd=tmp_path)
    assert done.returncode == 1
    assert log.read_bytes().startswith(b"conpet: error: ")


@pytest.mark.skipif(sys.platform != "linux", reason="warm.py is used on Linux only")
def test_without_warm_py_a_job_is_started_all_the_same(tmp_path: Path) -> None:
    beside = str(Path(sys.executable).parent)
    environment = {**os.environ, "CONPET_WARM": str(tmp_path / "nobody.sock")}
    environment["PATH"] = f"{beside}{os.pathsep}{os.environ['PATH']}"
    log = tmp_path / "job.log"
    wrong = command(log, "conpet", "train", "--nonsense")
    done = subprocess.run(wrong, capture_output=True, check=False, env=environment)
    assert done.returncode == 2
    assert b"the following arguments are required" in log.read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="warm.py is used on Linux only")
def test_a_forked_command_ends_with_whoever_asked_for_it(
    warm: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONPET_WARM", "PATH"):
        monkeypatch.setenv(name, warm[name])
    os.mkfifo(tmp_path / "never.yaml")  # reading it waits for ever
    cell = ["--experiment", str(tmp_path / "never.yaml"), "--dataset", "d", "--model", "m"]
    rest = ["--method", "x", "--seed", "1", "--task", "1", "--snapshot", "s", "--encoded", "e"]
    child = job.start(["conpet", "train", *cell, *rest, "--out", str(tmp_path / "out")])
    assert type(child).__name__ == "Warm"
    assert job.alive(child._pid)
    child._connection.close()
    deadline = time.monotonic() + 30
    while job.alive(child._pid):
        assert time.monotonic() < deadline
        time.sleep(0.1)
