"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conpet.errors import UserError
from conpet.temporary import new_file, new_folder, scratch


def _make_readable(path: Path) -> None:
    """Set modes as the umask says: a result is meant to be read by a whole group.

    tempfile makes private files and folders, safetensors private files, and a copy keeps the mode
    that its original had.
    """
    umask = os.umask(0)
    os.umask(umask)
    for one in (path, *(path.rglob("*") if path.is_dir() else ())):
        if not one.is_symlink():
            one.chmod((0o777 if one.is_dir() else 0o666) & ~umask)


def _is_device(path: Path) -> bool:
    """Say whether a path is a pipe, a device, or whatever /dev has (also where that is a file)."""
    here = Path.cwd() / path  # links are not followed: /dev/stdout may lead to a file
    if here.is_relative_to("/dev"):
        return not here.is_relative_to("/dev/shm")
    return path.exists() and not path.is_file() and not path.is_dir()


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it there on success, remove it on failure.

    A link is followed, so that its target is replaced. A pipe or a device (``/dev/stdout``) is
    written into, at once, when all is there: a file in its place would be everybody's loss.
    """
    if _is_device(path):
        with scratch() as folder:
            yield folder / path.name
            with (folder / path.name).open("rb") as whole, path.open("ab") as device:
                shutil.copyfileobj(whole, device)
        return
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = new_file(path)
    try:
        yield temporary
        _make_readable(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """The same for a folder; an older folder of that name is replaced once the new one is whole.

    A process killed at any moment leaves ``path`` as it was, whole and new, or absent; what else
    it leaves are hidden names beside it that end in .tmp or .old: see conpet/temporary.py.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = new_folder(path)
    try:
        yield temporary
        _make_readable(temporary)
        old = temporary.with_suffix(".old")
        if os.path.lexists(path):
            os.rename(path, old)
        os.rename(temporary, path)
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` atomically."""
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically, as UTF-8 with Unix line ends."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, keys in insertion order: the same value gives the same bytes."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file: run the step that makes it first") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: not a JSON file ({error}): delete it and make it again") from None


def at_home(path: str) -> Path:
    """Return a path with ``~`` or ``~user`` at its start read as their home, where there is one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user: a file may be called so
        return Path(path)


def visible(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a pattern, sorted, without hidden ones.

    An editor has ``.#name.py`` there while it is at work, and macOS ``._name.py`` on others' disks.
    """
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
