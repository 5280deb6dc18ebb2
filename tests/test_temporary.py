"""What a killed process left is removed by the next one that writes there, and nothing else is."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conpet import temporary
from conpet.commands.failures import in_one_line
from conpet.config.settings import Compute
from conpet.errors import UserError
from conpet.files import atomic, atomic_folder, write_text
from conpet.models.process import computing, prepare_process
from conpet.temporary import new_file, new_folder, prefix, scratch, sweep

KILLED = """
import os, signal, sys
from pathlib import Path
from conpet.files import atomic, atomic_folder
from conpet.temporary import scratch
folder = Path(sys.argv[1])
with atomic(folder / "x.json"), atomic_folder(folder / "state") as state, scratch(folder / "raw"):
    (state / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def _as_new_process() -> None:
    sweep.cache_clear()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_kill_9_leaves_goes_with_the_next_write(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -9
    left = names(tmp_path)
    assert len(left) == 3
    assert all(name.startswith(".") and name.endswith(".tmp") for name in left)
    write_text(tmp_path / "other", "")
    assert names(tmp_path) == ["other"]


def dead() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def test_what_the_living_write_stays(tmp_path: Path) -> None:
    mine = new_file(tmp_path / "x")
    folder = new_folder(tmp_path / "x")
    sweep.cache_clear()
    assert {mine.name, folder.name} <= set(names(tmp_path))
    new_file(tmp_path / "x")
    assert mine.is_file()
    assert folder.is_dir()


def left_by(machine: str, process: int, end: str = "tmp", name: str = "x") -> str:
    return f".{name}.{machine}-{process}-abc_1234.{end}"


def test_old_ones_and_links_go_too(tmp_path: Path) -> None:
    here = prefix("x").split(".")[2].rpartition("-")[0].rpartition("-")[0]
    elsewhere = tmp_path / "kept"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    gone = dead()
    (tmp_path / left_by(here, gone, "old")).symlink_to(elsewhere)
    (tmp_path / left_by(here, gone, name="a.b-c")).mkdir()
    (tmp_path / left_by(here, gone, name="x" * 100)).touch()
    sweep(tmp_path)
    assert names(tmp_path) == ["kept"]
    assert names(elsewhere) == ["file"]


def test_another_machines_stay_for_a_day(tmp_path: Path) -> None:
    path = tmp_path / left_by("node7", dead())
    path.touch()
    sweep(tmp_path)
    assert path.exists()
    day_ago = time.time() - 25 * 3600
    os.utime(path, (day_ago, day_ago))
    sweep.cache_clear()
    sweep(tmp_path)
    assert not path.exists()


@pytest.mark.parametrize(
    "name", [".x.tmp", "x.tmp", ".x.abcd1234.tmp", ".hidden", "x.node-1-abc_1234.tmp", ".x.old"]
)
def test_whatever_else_is_hidden_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    sweep(tmp_path)
    assert names(tmp_path) == [name]


def test_a_folder_that_cannot_be_listed_is_no_matter(tmp_path: Path) -> None:
    sweep(tmp_path / "none")
    assert names(tmp_path) == []


def test_a_scratch_folder_is_gone_afterwards(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mistake"), scratch(tmp_path / "raw") as folder:
        assert folder.parent == tmp_path
        (folder / "deep").mkdir()
        raise ValueError("mistake")
    assert names(tmp_path) == []


def test_without_a_place_it_is_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary.tempfile, "tempdir", str(tmp_path))
    with scratch() as folder:
        assert folder.parent == tmp_path
        assert folder.name.startswith(".conpet.")


def test_a_long_name_leaves_room(tmp_path: Path) -> None:
    with atomic(tmp_path / ("x" * 250)) as path:
        path.write_text("1")
    assert names(tmp_path) == ["x" * 250]


def test_all_within_a_folder_can_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with atomic_folder(tmp_path / "state") as folder:
            (folder / "adapter").mkdir(mode=0o700)
            private = os.open(folder / "adapter" / "weights", os.O_CREAT, 0o600)
            os.close(private)
    finally:
        os.umask(before)
    state = tmp_path / "state"
    found = [stat.S_IMODE(path.stat().st_mode) for path in (state, *sorted(state.rglob("*")))]
    assert found == [0o755, 0o755, 0o644]


def test_no_place_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(temporary.tempfile, "tempdir", None)
    monkeypatch.setattr(temporary.tempfile, "_get_default_tempdir", none)
    for compute in (prepare_process, lambda said: computing(said).__enter__()):
        with pytest.raises(UserError, match="set TMPDIR to one"):
            compute(Compute())
    with pytest.raises(FileNotFoundError) as raised, scratch():
        pass
    line = in_one_line(raised.value)
    assert line == "No usable temporary directory found in ['/tmp']: no such file or folder"
