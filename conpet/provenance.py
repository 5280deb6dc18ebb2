"""Which version of the code made something, and on what."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from pathlib import Path

CHANGED = " + changes "
_CODE = ("conpet", "workflow", "Snakefile")
_PROJECT = Path(__file__).resolve().parents[1]


def commit(folder: Path = _PROJECT) -> str:
    """Return the git commit of a working tree, by default the package's; "" outside git.

    Of an installed package there is none, whatever repository it is installed into, or asked from.

    Where code was changed since, or Python files added to the package, it is
    "COMMIT + changes HASH": other changes have another hash.
    """
    try:
        if Path(_git(folder, "rev-parse", "--show-toplevel")) != folder.resolve():
            return ""
        head = _git(folder, "rev-parse", "HEAD")
        changes = _git(folder, "diff", "HEAD", "--", *_CODE)
        # parted by zeros: other letters than ASCII's stand as they are
        asked = ("ls-files", "-z", "--others", "--exclude-standard", "--", "conpet/*.py")
        added = [name for name in _git(folder, *asked).split("\0") if _is_code(folder / name)]
    except (OSError, subprocess.CalledProcessError):
        return ""
    if not changes and not added:
        return head
    found = hashlib.sha256(os.fsencode(changes))
    for name in added:
        found.update(os.fsencode(name) + (folder / name).read_bytes())
    return f"{head}{CHANGED}{found.hexdigest()[:8]}"


def cpu() -> str:
    """Return the model of this machine's processor, or its kind where the model is not told."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _is_code(path: Path) -> bool:
    """Say whether a file may be imported: no editor's lock, nor what macOS puts beside a file."""
    return path.is_file() and path.stem.isidentifier()


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)
    return os.fsdecode(done.stdout).strip()
