"""Models that travel in a PyPI wheel: downloaded, verified, unpacked, never installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from conpet import files
from conpet.config.model_source import inside
from conpet.errors import UserError
from conpet.models import snapshot
from conpet.temporary import scratch


@contextmanager
def obtained(package: str, version: str, sha256: str, mirror: Path | None) -> Iterator[Path]:
    """Yield the verified wheel file: the mirror's where it lies there, else pip's.

    Raises:
        UserError: pip could not download it, or its SHA-256 is not the pinned one.
    """
    with scratch() as temporary:
        found = _find(package, version, mirror) if mirror else None
        wheel = found or _download(package, version, temporary)
        have = files.sha256(wheel)
        if have != sha256:
            remedy = "replace the file in the mirror" if found else "fetch again, or mend the pin"
            raise UserError(f"{wheel.name}: sha256 is {have}, not the pinned {sha256}: {remedy}")
        yield wheel


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _find(package: str, version: str, folder: Path) -> Path | None:
    for path in sorted(folder.glob("*.whl")):
        parts = path.name.split("-")
        if _normal(parts[0]) == _normal(package) and parts[1:2] == [version]:
            return path
    return None


def _download(package: str, version: str, folder: Path) -> Path:
    pin = f"{package}=={version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--retries", "2", "--no-deps", "--only-binary=:all:", "--dest", str(folder), pin]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheel = _find(package, version, folder)
    if done.returncode or wheel is None:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR: ")] or lines or ["no wheel"]
        reason = errors[-1].removeprefix("ERROR: ")
        raise UserError(
            f"{pin}: pip could not download the wheel ({reason}): "
            "go online, or give --mirror a folder that holds the wheel file"
        )
    return wheel


def _target(path: PurePosixPath, folder: str, only: str | None) -> str | None:
    """Return the name a wheel's member gets when unpacked; None: it is left behind."""
    if str(path.parent) == folder and (path.name == only if only else snapshot.wanted(path.name)):
        return path.name
    if path.parts[0].endswith(".dist-info") and path.name in ("LICENSE", "LICENSE.txt"):
        return "LICENSE.wheel"
    return None


def unpack(wheel: Path, folder: str, out: Path, only: str | None = None) -> None:
    """Unpack to ``out`` what a model needs of the wheel's ``folder``, and the wheel's licence.

    Args:
        wheel: the wheel file.
        folder: a folder inside it; its sub-folders are left behind.
        out: an existing folder.
        only: the one file of ``folder`` to unpack, in place of what a model needs.

    Raises:
        UserError: the wheel is broken, reaches outside itself, or lacks ``only``.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                try:
                    path = PurePosixPath(inside(member.filename))
                except ValueError:
                    raise UserError(
                        f"{wheel.name}: {member.filename!r} points outside the wheel: "
                        "do not use this file"
                    ) from None
                name = None if member.is_dir() else _target(path, folder, only)
                if name is not None:
                    with archive.open(member) as read, (out / name).open("wb") as write:
                        shutil.copyfileobj(read, write, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UserError(f"{wheel.name}: not a whole wheel ({error}): fetch it again") from None
    if only and not (out / only).is_file():
        raise UserError(f"{wheel.name}: no {folder}/{only}: mend 'file' in the model's config")
