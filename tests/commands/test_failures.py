"""What the machine does to a command is one line; a fault of the program stays a traceback."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from conpet.commands import main
from conpet.commands.failures import in_one_line
from conpet.files import write_bytes
from conpet.temporary import prefix


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no room is left: make some, then run the same command again"),
        (errno.EDQUOT, "no room is left of what you may use"),
        (errno.EROFS, "it is read-only"),
        (errno.EACCES, "you may not read or write it"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_the_system_refuses(number: int, words: str) -> None:
    line = in_one_line(OSError(number, os.strerror(number), "results/x"))
    assert line is not None
    assert line.startswith("results/x: ")
    assert words in line


def test_a_temporary_name_is_told_as_what_it_becomes() -> None:
    name = f"results/{prefix('state')}abcd1234.tmp/adapter/weights"
    line = in_one_line(OSError(errno.ENOSPC, "", name))
    assert line is not None
    assert line.startswith("results/state/adapter/weights: no room is left")
    renamed = OSError(errno.EISDIR, "", f"out/{prefix('x')}abcd1234.tmp", None, "out/x")
    assert in_one_line(renamed) == "out/x: is a folder: a file is expected"


def test_what_libraries_say_of_a_broken_file() -> None:
    from safetensors import SafetensorError

    for error in (
        SafetensorError("header too\nlarge"), zipfile.BadZipFile("no zip"),
        json.JSONDecodeError("Expecting value", "", 0),
    ):  # fmt: skip
        line = in_one_line(error)
        assert line is not None
        assert line.startswith("a file is broken (")
        assert "\n" not in line
    assert in_one_line(SafetensorError("I/O error: No space left on device (os error 28)")) == (
        "no room is left: make some, then run the same command again"
    )


def test_what_torch_says_of_memory() -> None:
    import torch

    for error in (
        torch.OutOfMemoryError("CUDA out of memory"), MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ):  # fmt: skip
        line = in_one_line(error)
        assert line is not None
        assert line.startswith("no memory is left (")


def test_a_store_that_refuses() -> None:
    line = in_one_line(sqlite3.OperationalError("attempt to write a readonly database"))
    assert line == "MLflow's store: attempt to write a readonly database"


@pytest.mark.parametrize("error", [KeyError("a"), RuntimeError("shape"), ValueError("x")])
def test_a_fault_of_the_program_stays_one(error: Exception) -> None:
    assert in_one_line(error) is None


def test_a_long_story_is_cut() -> None:
    line = in_one_line(sqlite3.OperationalError("x " * 5000))
    assert line is not None
    assert len(line) < 350


@pytest.mark.parametrize("where", ["file/below", "folder"])
def test_an_output_that_cannot_be_there_is_one_line(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(SystemExit) as end:
        main(
            ["dump-store", "--store", f"sqlite:///{tmp_path}/x.db", "--out", str(tmp_path / where)]
        )
    said = capsys.readouterr().err.strip() if end.value.code == 2 else str(end.value)
    assert said.startswith("conpet")
    assert ": error: " in said
    assert "\n" not in said


WRITES = """
import time, sys
from pathlib import Path
from conpet import commands
from conpet.files import atomic_folder
def slow(*_, **__):
    with atomic_folder(Path(sys.argv[1]) / "state") as folder:
        (folder / "half").touch()
        print("now", flush=True)
        time.sleep(60)
commands.app = slow
commands.main([])
"""


def test_stopped_it_removes_what_is_half_written(tmp_path: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", WRITES, str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline() == "now\n"
    running.send_signal(signal.SIGTERM)
    start = time.monotonic()
    _, errors = running.communicate(timeout=30)
    assert running.returncode == 128 + 15
    assert time.monotonic() - start < 20
    assert errors == ""
    assert list(tmp_path.iterdir()) == []


DESTROYS = """
import os, signal, time
from conpet import commands
class Held:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
def slow(*_, **__):
    Held()
    time.sleep(60)
commands.app = slow
commands.main([])
"""


def test_a_signal_that_a_destructor_swallows_stops_it_too() -> None:
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", DESTROYS], capture_output=True, text=True, check=False, timeout=50
    )
    assert (done.returncode, done.stderr) == (128 + 15, "")
    assert time.monotonic() - start < 40


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        "from pathlib import Path; from conpet import commands;"
        "from conpet.files import write_bytes;"
        f"commands.app = lambda *_, **__: write_bytes(Path({str(tmp_path / 'x')!r}), b'0' * 9999);"
        "commands.main([])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("conpet: error: ")
    assert "ulimit -f" in done.stderr
    assert list(tmp_path.iterdir()) == []
    write_bytes(tmp_path / "x", b"0" * 9999)


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-"])
def test_a_command_runs_where_nobody_listens(closed: str) -> None:
    line = f'exec {closed}; "{sys.executable}" -m conpet --version; echo $? >&3'
    done = subprocess.run(
        ["bash", "-c", f"exec 3>&1; {line}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0"
    assert "Traceback" not in done.stderr


def test_an_output_that_leads_to_itself_is_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop.name)
    with pytest.raises(SystemExit) as stopped:
        main(["predict", "a text", "--run", str(tmp_path / "none"), "--out", str(loop)])
    assert str(stopped.value).startswith("conpet: error: ")


def test_no_folder_of_configs_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["params"])
    assert str(stopped.value) == (
        "conpet: error: config: no such folder: run in the project, or give --config-dir"
    )
    assert capsys.readouterr().out == ""
