"""Which version of the code made something, and on what."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path


def commit(folder: Path) -> str:
    """Return the git commit of a working tree, "+ changes" if it has any; "" outside git."""
    try:
        head = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{head} + changes" if changed else head


def cpu() -> str:
    """Return the model of this machine's processor, or its kind where the model is not told."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
