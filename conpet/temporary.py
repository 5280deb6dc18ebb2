"""Temporary files and folders that say whose they are, so that those of the dead can go.

A process killed by ``kill -9`` cleans up nothing. What it leaves is called
``.NAME.MACHINE-PROCESS-RANDOM.tmp`` (or ``.old``), and the next process that writes into the same
folder removes it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from conpet.errors import UserError

_LEFT = re.compile(r"\.(?P<name>.+)\.(?P<machine>[\w-]+)-(?P<process>\d+)-\w{8}\.(?:tmp|old)")
# what another machine left: nobody here knows whether its process runs, but none takes a day
_FOREIGN_SECONDS = 24 * 3600
_NAME_LENGTH = 100  # of the 255 that a file's name may have


@functools.cache
def _machine() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", socket.gethostname())[:40] or "unnamed"


def prefix(name: str) -> str:
    """Return how a temporary name of this process begins, for what will be called ``name``."""
    return f".{name[:_NAME_LENGTH]}.{_machine()}-{os.getpid()}-"


def meant(path: Path) -> Path:
    """Return what a temporary file or folder will be called, for messages."""
    match = _LEFT.fullmatch(path.name)
    return path.with_name(match["name"]) if match else path


def new_file(path: Path) -> Path:
    """Make an empty file beside ``path``; what dead processes left there goes."""
    sweep(path.parent)
    handle, name = tempfile.mkstemp(prefix=prefix(path.name), suffix=".tmp", dir=path.parent)
    os.close(handle)
    return Path(name)


def new_folder(path: Path) -> Path:
    """Make an empty folder beside ``path``; what dead processes left there goes."""
    sweep(path.parent)
    return Path(tempfile.mkdtemp(prefix=prefix(path.name), suffix=".tmp", dir=path.parent))


def check_place() -> None:
    """See that there is a place for temporary files: torch's own word on it names none.

    Raises:
        UserError: none can be written.
    """
    try:
        tempfile.gettempdir()
    except OSError:
        raise UserError("no folder for temporary files can be written: set TMPDIR to one") from None


@contextlib.contextmanager
def scratch(path: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder that is removed again.

    Args:
        path: what it lies beside; the system's folder for temporary files where left out.
    """
    folder = new_folder(path or Path(tempfile.gettempdir()) / "conpet")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def sweep(folder: Path) -> None:
    """Remove what dead processes left in a folder; once a process, since it lists the folder."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        left = [Path(entry.path) for entry in entries if _is_left(entry)]
        for path in left:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()


def _is_left(entry: os.DirEntry[str]) -> bool:
    match = _LEFT.fullmatch(entry.name)
    if match is None:
        return False
    if match["machine"] == _machine():
        return not _alive(int(match["process"]))
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > _FOREIGN_SECONDS


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True
