"""What runs a job: its watcher, the fork server, and what a dead workflow left behind."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

PROCESSES = ROOT / "workflow" / "processes"


def load(name: str, folder: Path = PROCESSES) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


runner = load("runner")
leftovers = load("leftovers")


linux = pytest.mark.skipif(sys.platform != "linux", reason="forkserver.py is used on Linux only")


def command(log: Path, *words: str) -> list[str]:
    return [sys.executable, str(PROCESSES / "runner.py"), str(log), *words]


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
    env = {**os.environ, "CONPET_WORKFLOW": f"{workflow.pid}@{socket.gethostname()}"}
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
    monkeypatch.setenv("CONPET_WORKFLOW", f"{gone.pid}@elsewhere")  # here no such process runs
    done = subprocess.run(command(tmp_path / "log", "sleep", "2"), check=False, timeout=60)
    assert done.returncode == 0
    monkeypatch.setenv("CONPET_WORKFLOW", f"{gone.pid}@{socket.gethostname()}")
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


def test_a_queue_that_does_not_answer_is_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_slurm(tmp_path, monkeypatch, f"7|rule_train|{tmp_path}\n")
    monkeypatch.setattr(leftovers, "POLL_SECONDS", 0.0)
    asked = tmp_path / "bin" / "squeue"
    asked.write_text("#!/bin/sh\necho timed out >&2\nexit 1\n")
    with pytest.raises(SystemExit, match=r"error: squeue: timed out: jobs of an earlier run may"):
        leftovers.cancel(tmp_path)
    once = tmp_path / "once"  # the second time it answers
    asked.write_text(f"#!/bin/sh\n[ -e {once} ] || {{ touch {once}; exit 1; }}\n")
    leftovers.cancel(tmp_path)


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


def test_a_process_is_alive_until_it_is_not() -> None:
    child = subprocess.Popen(["sleep", "30"])
    assert runner.alive(child.pid)
    child.kill()
    time.sleep(0.5)
    assert not runner.alive(child.pid)
    child.wait()
    assert not runner.alive(child.pid)


def serve(path: Path, workflow: int) -> subprocess.Popen[bytes]:
    """Start a forkserver.py, and wait until it answers."""
    script = [sys.executable, str(PROCESSES / "forkserver.py"), str(path), str(workflow)]
    process = subprocess.Popen(script, start_new_session=True)
    wait_until(path.exists)
    return process


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def environment(path: Path) -> dict[str, str]:
    """Return the environment of a job that forkserver.py at a path starts."""
    beside = str(Path(sys.executable).parent)
    words = f"{beside}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "CONPET_FORKSERVER": str(path), "PATH": words}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a forkserver.py."""
    path = tmp_path_factory.mktemp("server") / "fork.sock"
    process = serve(path, os.getpid())
    yield path
    process.kill()
    process.wait()


def endless(path: Path, folder: Path) -> Any:
    """Have forkserver.py start a job that does not end."""
    os.mkfifo(folder / "never.yaml")  # reading it waits for ever
    return runner.Forked(str(path), ["show", "--experiment", str(folder / "never.yaml")])


@linux
@pytest.mark.parametrize("words", [["train", "--nonsense"], ["train", "--help"]])
def test_a_forked_job_has_the_words_and_status_of_one_that_is_not(
    server: Path, tmp_path: Path, words: list[str]
) -> None:
    plain = subprocess.run(
        ["conpet", *words], capture_output=True, check=False, env=environment(server)
    )
    log = tmp_path / "job.log"
    job = command(log, "conpet", *words)
    done = subprocess.run(job, capture_output=True, check=False, env=environment(server))
    assert done.returncode == plain.returncode
    assert log.read_bytes() == plain.stdout + plain.stderr != b""


@linux
def test_a_learning_job_is_forked_and_another_is_not(
    server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", environment(server))
    for name in runner.LEARNING:
        assert isinstance(runner.start(["conpet", name, "--help"]), runner.Forked)
    other = runner.start(["conpet", "--help"])
    assert isinstance(other, subprocess.Popen)
    other.communicate()


@linux
def test_without_forkserver_a_job_is_started_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    wrong = command(log, "conpet", "train", "--nonsense")
    nobody = environment(tmp_path / "nobody.sock")
    done = subprocess.run(wrong, capture_output=True, check=False, env=nobody)
    assert done.returncode == 2
    assert b"--nonsense" in log.read_bytes() or b"required" in log.read_bytes()


@linux
def test_a_forked_job_that_is_killed_says_by_what(server: Path, tmp_path: Path) -> None:
    child = endless(server, tmp_path)
    assert runner.alive(child.pid)
    child.kill()
    assert child.wait() == -9


@linux
def test_a_forked_job_that_is_stopped_says_so(server: Path, tmp_path: Path) -> None:
    child = endless(server, tmp_path)
    child.terminate()
    # killed by it before the command heeds it, ended by itself after: runner.py makes one of both
    assert child.wait() in (-15, 128 + 15)


@linux
def test_a_forked_job_ends_with_whoever_asked_for_it(server: Path, tmp_path: Path) -> None:
    child = endless(server, tmp_path)
    assert runner.alive(child.pid)
    child._connection.close()
    wait_until(lambda: not runner.alive(child.pid))


@linux
def test_forkserver_and_its_jobs_end_with_the_workflow(tmp_path: Path) -> None:
    workflow = subprocess.Popen(["sleep", "300"])
    path = tmp_path / "own" / "fork.sock"
    path.parent.mkdir()
    process = serve(path, workflow.pid)
    child = endless(path, tmp_path)
    workflow.kill()
    workflow.wait()
    wait_until(lambda: not runner.alive(child.pid))
    assert process.wait(timeout=30) == 0
    assert not path.exists()


STARTS = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import forkserver, runner
forkserver.start(Path("kept"))
path = Path(os.environ["CONPET_FORKSERVER"])
while not path.exists():
    time.sleep(0.02)
if sys.argv[2] == "killed":
    import socket, json
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))  # now it imports
    print(path, flush=True)
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
print(path, flush=True)
"""


def servers(folder: Path) -> list[int]:
    """Return the processes of forkserver.py that were started in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            words = (entry / "cmdline").read_bytes()
            if b"forkserver.py" in words and (entry / "cwd").resolve() == folder.resolve():
                found.append(int(entry.name))
    return found


@linux
@pytest.mark.parametrize("how", ["ended", "killed"])
def test_forkserver_never_outlives_its_workflow(tmp_path: Path, how: str) -> None:
    words = [sys.executable, "-c", STARTS, str(PROCESSES), how]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == f"kept/fork-{done.stdout.split('-')[1].split('.')[0]}.sock\n"
    wait_until(lambda: not servers(tmp_path), 3)
    left = [path.name for path in (tmp_path / "kept").glob("*.sock")]
    assert len(left) == (how == "killed")  # nobody could remove it: the next one does
    again = [sys.executable, "-c", STARTS, str(PROCESSES), "ended"]
    assert subprocess.run(again, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["forkserver.log"]


@linux
def test_only_this_user_may_ask_forkserver(server: Path) -> None:
    assert stat.S_IMODE(server.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_does_not_end_the_job(tmp_path: Path) -> None:
    done = tmp_path / "done"
    code = f"print('a', flush=True); print('b', flush=True); open({str(done)!r}, 'w')"
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    ran = subprocess.run(command(full, *python(code)), capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    assert done.exists()
    assert ran.stderr == "a\n/dev/full: cannot be written (No space left on device)\nb\n"


def test_a_log_where_a_file_is_in_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = subprocess.run(
        command(tmp_path / "file" / "log", "true"), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr in (
        f"{tmp_path / 'file'}: {words}\n" for words in ("File exists", "Not a directory")
    )
