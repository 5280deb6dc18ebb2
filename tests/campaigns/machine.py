"""Every command on a machine that refuses: a full disk, files that may not grow, another's folder.

    python -m tests.campaigns.machine

Each command runs once as it should, then in a process of its own where (`limit`) no file may be
larger than 64 bytes, (`full`) outputs lie on a disk without room, (`readonly`) on one that is
mounted read-only, (`other`) outputs and store are another user's. It must say one line, leave
nothing half written, and not change what was there. All but `limit` need root.
"""

from __future__ import annotations

import ctypes
import io
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from tests.campaigns.broken_files import World, said_wrong

# these write nothing
READERS = {"show", "diff-stores"}
NOBODY = 65534


@contextmanager
def room(place: Path, how: str = "") -> Iterator[None]:
    """Have the outputs' folder be there: ``full``, or ``readonly``, or as usual."""
    place.mkdir()
    mounted = how in ("full", "readonly")
    if mounted:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", place], check=True)
        (place / "filler").write_bytes(b"0" * 4096)
    if how == "readonly":
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", place], check=True)
        shutil.rmtree(place)


def limit() -> None:
    """Let no file grow."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))


def other() -> None:
    """Be another user where files are concerned; what is imported already stays."""
    libc = ctypes.CDLL(None)
    libc.setfsgid(NOBODY)
    libc.setfsuid(NOBODY)


def nothing() -> None:
    """Change nothing."""


def in_child(
    world: World, command: str, words: list[str | Path], become: Callable[[], None]
) -> str:
    """Run a command in a copy of this process; return what is wrong with how it ends."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = ""
        try:
            become()
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                said = said_wrong(world, command, words)
        finally:
            os.write(write, said.encode()[:4000])
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        said = file.read().decode()
    os.waitpid(pid, 0)
    return said


def files(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, the hidden too, but for MLflow's store: it is written to."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in ("mlflow.db", "artifacts")
    }


def tried(world: World, place: Path, how: str) -> Iterator[str]:
    """Yield what is wrong, command by command."""
    become = {"limit": limit, "other": other}.get(how, nothing)
    for command, (words, _) in world.commands().items():
        if command in READERS:
            continue
        with room(place):
            if fault := said_wrong(world, command, words):
                yield f"{command}: undisturbed: {fault}"
        before = files(world.folder)
        with room(place, how):
            fault = in_child(world, command, words, become)
            left = sorted(set(files(place)) - {"filler"})
        if fault or left:
            yield f"{command}: {how}: {fault or 'no fault'}; left: {left}"
        if files(world.folder) != before:
            yield f"{command}: {how}: files of others have changed"


def main() -> None:
    """Try all; exit status 1 where anything is wrong."""
    root = os.geteuid() == 0
    found, count = [], 0
    with tempfile.TemporaryDirectory(prefix="campaign-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "world").mkdir()
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            world = World(folder / "world")
        world.out = folder / "place" / "out"
        for how in ("limit", "full", "readonly", "other"):
            if how != "limit" and not root:
                print(f"{how}: left out: needs root")
                continue
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                faults = list(tried(world, folder / "place", how))
            count += len(world.commands()) - len(READERS)
            found += faults
    print(f"{count} commands tried, {len(found)} faults")
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
