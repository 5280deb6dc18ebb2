"""A table: raw numbers, what a reader sees of them, and where they come from."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from conpet.provenance import cpu

_LEGEND = (
    "Best in bold, second underlined, each where a paired t-test over seeds tells it from the next "
    "(p < 0.05)."
)
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
    cards: Sequence[str] = ()

    @property
    def grouped(self) -> bool:
        """Whether any column stands under a title that it may share."""
        return any(group for group, _ in self.columns)

    def groups(self) -> list[tuple[int, int, str]]:
        """Return neighbours that share a title: (first column, number of columns, title)."""
        found: list[tuple[int, int, str]] = []
        for i, (group, _) in enumerate(self.columns):
            if found and found[-1][2] == group:
                start, length, _ = found[-1]
                found[-1] = (start, length + 1, group)
            else:
                found.append((i, 1, group))
        return found

    def notes(self) -> list[str]:
        """Return what stands below the table where the best are bold, the second underlined."""
        legend = [_LEGEND] if self.best else []
        return [*self.footnotes, *legend]


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
        "cpu": cpu(),
        "cpus": os.cpu_count(),
    }
