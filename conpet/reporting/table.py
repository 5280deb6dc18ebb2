"""A table: raw numbers, what a reader sees of them, and where they come from."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

PACKAGES = ("conpet", "torch", "transformers", "peft", "numpy", "pandas", "scikit-learn", "scipy")


@dataclass(frozen=True)
class Table:
    """One table.

    ``data`` is the CSV: one row a fact, full precision, accuracies as fractions 0..1. ``columns``
    ((group, name), the group empty or shared by neighbours) and ``rows`` are the text to show, of
    which the first ``labels`` columns are left-aligned; ``best`` and ``second`` are (row, column)
    positions in it, ``rules`` the rows to draw a line above. ``inputs`` are the SHA-256 of every
    file read.
    """

    name: str
    experiment: str
    caption: str
    data: pd.DataFrame
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[str]]
    labels: int = 1
    best: frozenset[tuple[int, int]] = frozenset()
    second: frozenset[tuple[int, int]] = frozenset()
    rules: frozenset[int] = frozenset()
    footnotes: Sequence[str] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    threads: Sequence[int] = ()


def machine() -> dict[str, Any]:
    """Return the package versions and the CPU: what numbers may depend on besides their inputs."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "packages": versions,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
