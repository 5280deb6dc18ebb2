"""Files are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from conpet.errors import UserError
from conpet.files import (
    atomic,
    atomic_folder,
    read_json,
    sha256,
    write_bytes,
    write_json,
    write_text,
)
from conpet.seeds import derive
from tests.conftest import ROOT


def content(folder: Path) -> dict[str, Any]:
    """Return every file below a folder with its bytes, and every empty folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        found[str(path.relative_to(folder))] = path.read_bytes() if path.is_file() else None
    return found


@pytest.mark.parametrize("mistake", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, mistake: type[BaseException], old: bytes | None
) -> None:
    path = tmp_path / "x.json"
    if old is not None:
        path.write_bytes(old)
    with pytest.raises(mistake), atomic(path) as temporary:
        temporary.write_bytes(b"half")
        raise mistake
    assert content(tmp_path) == ({} if old is None else {"x.json": old})


def test_the_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "x.bin"
    with atomic(path) as temporary:
        assert temporary.parent == path.parent  # so that renaming never crosses file systems
        temporary.write_bytes(b"whole")
        assert not path.exists()
    assert content(tmp_path / "a" / "b") == {"x.bin": b"whole"}


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    reader = path.open("rb")
    with atomic(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert reader.read() == b"old"  # whoever had it open keeps the old one
    reader.close()


def folder_of(path: Path, **files: str) -> None:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name).write_text(text)


@pytest.mark.parametrize("mistake", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_folder_and_nothing_else(
    tmp_path: Path, mistake: type[BaseException]
) -> None:
    folder_of(tmp_path / "state", a="1", b="2")
    before = content(tmp_path)
    with pytest.raises(mistake), atomic_folder(tmp_path / "state") as temporary:
        (temporary / "a").write_text("half")
        (temporary / "deep").mkdir()
        raise mistake
    assert content(tmp_path) == before
    with pytest.raises(mistake), atomic_folder(tmp_path / "other") as temporary:
        raise mistake
    assert content(tmp_path) == before


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder_of(tmp_path / "state", old="1", both="1")
    with atomic_folder(tmp_path / "state") as temporary:
        assert list(temporary.iterdir()) == []
        (temporary / "both").write_text("2")
        (temporary / "deep").mkdir()
        (temporary / "deep" / "new").write_text("3")
        assert (tmp_path / "state" / "old").read_text() == "1"
    assert content(tmp_path) == {
        "state": None, "state/both": b"2", "state/deep": None, "state/deep/new": b"3",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_a_folder_replaces_whatever_has_its_name(tmp_path: Path, kind: str) -> None:
    path, elsewhere = tmp_path / "in" / "state", tmp_path / "elsewhere"
    path.parent.mkdir()
    folder_of(elsewhere, kept="1")
    if kind == "file":
        path.write_text("a file")
    else:
        path.symlink_to(elsewhere if kind == "link" else tmp_path / "gone")
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("1")
    assert not path.is_symlink()
    assert content(path.parent) == {"state": None, "state/a": b"1"}
    assert content(elsewhere) == {"kept": b"1"}  # what a link led to is not touched


def test_results_can_be_read_by_others(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "x", "a")
        with atomic_folder(tmp_path / "folder") as temporary:
            (temporary / "y").write_text("b")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750


def killed(code: str) -> None:
    """Run code that kills its own process."""
    start = "import os, signal; from pathlib import Path; from conpet import files\n"
    done = subprocess.run(
        [sys.executable, "-c", start + code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


DIE = "os.kill(os.getpid(), signal.SIGKILL)"


def test_a_killed_process_leaves_only_hidden_names(tmp_path: Path) -> None:
    folder_of(tmp_path / "state", a="1")
    (tmp_path / "x.json").write_text("old")
    killed(
        f"p = Path({str(tmp_path)!r})\n"
        "with files.atomic(p / 'x.json') as t, files.atomic_folder(p / 'state') as f:\n"
        "    t.write_text('half'); (f / 'a').write_text('half')\n"
        f"    {DIE}\n"
    )
    assert (tmp_path / "x.json").read_text() == "old"
    assert content(tmp_path / "state") == {"a": b"1"}
    left = {path.name for path in tmp_path.iterdir()} - {"state", "x.json"}
    assert len(left) == 2
    assert all(name.startswith(".") and name.endswith(".tmp") for name in left)
    assert [p.name for p in tmp_path.glob("*.json")] == ["x.json"]
    write_text(tmp_path / "x.json", "new")  # what is left over is in nobody's way
    with atomic_folder(tmp_path / "state") as temporary:
        (temporary / "a").write_text("2")
    assert (tmp_path / "x.json").read_text() == "new"
    assert content(tmp_path / "state") == {"a": b"2"}


@pytest.mark.parametrize("step", ["rename", "rmtree", "unlink"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_folder_is_never_half_there_whenever_the_process_is_killed(
    tmp_path: Path, step: str, number: int
) -> None:
    """Killed right before the n-th rename, removal of a tree, or removal of a file in it."""
    folder_of(tmp_path / "state", a="old", b="old", c="old")
    target = "shutil.rmtree" if step == "rmtree" else f"os.{step}"
    done = subprocess.run(
        [
            sys.executable, "-c",
            "import os, shutil, signal; from pathlib import Path; from conpet import files\n"
            "calls = 0\n"
            f"real = {target}\n"
            "def dying(*a, **k):\n"
            "    global calls\n"
            "    calls += 1\n"
            f"    if calls == {number}: {DIE}\n"
            "    return real(*a, **k)\n"
            f"{target} = dying\n"
            f"with files.atomic_folder(Path({str(tmp_path)!r}) / 'state') as f:\n"
            "    [(f / n).write_text('new') for n in 'abc']\n",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL)
    found = content(tmp_path / "state")
    whole = [dict.fromkeys("abc", b"old"), dict.fromkeys("abc", b"new"), {}]
    assert found in whole
    if not found:  # then the old one is still there, whole, beside the new one
        beside = [content(p) for p in tmp_path.iterdir() if p.name.startswith(".state.")]
        assert sorted(map(str, beside)) == sorted(map(str, whole[:2]))


def test_json_is_the_same_bytes_for_the_same_value(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    value = {"z": 1, "a": [1.5, None, "ü"], "m": {}}
    write_json(path, value)
    assert path.read_bytes() == (
        b'{\n "z": 1,\n "a": [\n  1.5,\n  null,\n  "\xc3\xbc"\n ],\n "m": {}\n}\n'
    )
    assert read_json(path) == value
    assert list(read_json(path)) == ["z", "a", "m"]


def test_a_value_that_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, [1])
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert content(tmp_path) == {"x.json": b"[\n 1\n]\n"}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, "no such file: run the step that makes it first"),
        (b"", "not a JSON file"),
        (b'{"a": 1', "delete it and make it again"),
        (b"\xff\xfe", "not a JSON file"),
    ],
)
def test_what_is_no_json(tmp_path: Path, data: bytes | None, expected: str) -> None:
    path = tmp_path / "x.json"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_json(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_text_is_utf8_with_unix_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "x", "é\r\nb\n")
    assert (tmp_path / "x").read_bytes() == b"\xc3\xa9\r\nb\n"


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    write_bytes(tmp_path / "x", b"abc")
    assert sha256(tmp_path / "x") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_seeds_are_stable_and_apart() -> None:
    assert derive(100, "demo", "plan", 2) == derive("100", "demo", "plan", "2")
    assert derive(100, "demo", "plan", 2) == 8378410604766002484
    keys = [(s, d, p, t) for s in (1, 2) for d in "ab" for p in ("plan", "init") for t in range(9)]
    found = {derive(*key) for key in keys}
    assert len(found) == len(keys)
    assert all(0 <= seed < 2**63 for seed in found)
    assert derive("a", "b") != derive("ab") != derive("b", "a")


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)]
)
def test_all_that_is_in_a_folder_is_as_readable_as_the_umask_says(
    umask: int, file: int, folder: int, tmp_path: Path
) -> None:
    old = os.umask(umask)
    try:
        with atomic_folder(tmp_path / "state") as made:
            (made / "adapter").mkdir(mode=0o700)
            for path in (made / "a.json", made / "adapter" / "b.safetensors"):
                path.touch(mode=0o600)  # as safetensors has it
            (made / "link").symlink_to("a.json")
    finally:
        os.umask(old)
    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.lstat().st_mode)
        for path in tmp_path.rglob("*")
        if not path.is_symlink()
    }
    assert modes == {
        "state": folder, "state/a.json": file,
        "state/adapter": folder, "state/adapter/b.safetensors": file,
    }  # fmt: skip


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "x.csv", tmp_path / "x.csv"
    target.write_text("old")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert content(tmp_path / "elsewhere") == {"x.csv": b"new"}


def test_a_pipe_is_written_into_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read_bytes)
        write_text(pipe, "all of it")
        assert read.result(20) == b"all of it"
    assert pipe.is_fifo()


def test_dev_stdout_and_dev_null_are_what_they_were(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from conpet.files import write_text\n"
        "write_text(Path('/dev/null'), 'x'); write_text(Path('/dev/stdout'), 'said')"
    )
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", code], check=True, stdout=out)
    assert content(tmp_path) == {"out": b"said"}
    assert Path("/dev/null").is_char_device()
    assert Path("/dev/stdout").is_symlink()
