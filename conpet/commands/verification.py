"""What was published against what has been made again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conpet.config.matrix import Matrix
from conpet.errors import UserError
from conpet.files import read_json, sha256
from conpet.reporting.compare import diff
from conpet.reporting.elsewhere import LEAST, compare_means
from conpet.wording import counted

_PLATFORM = ("system", "cpu", "python", "packages", "threads", "cards")


@dataclass(frozen=True)
class Comparison:
    """How tables compare: a line per cell that differs, a line per difference of platform.

    ``means``: how many means over seeds were held against those of another platform, which is
    then all that is compared; None where cells were.
    ``newer``: a line a table with what was published without, as this version has more to say.
    ``inputs`` says how many of the files behind the tables have the very bytes they had.
    """

    cells: list[str]
    platform: list[str]
    newer: list[str]
    tolerance: float
    inputs: str
    means: int | None = None

    @property
    def allowed(self) -> str:
        """What a cell might differ by."""
        if self.means is not None:
            return f"of {self.means} means over seeds, by more than seeds do"
        return f"tolerance {self.tolerance:g}"

    @property
    def said(self) -> str:
        """What the comparison came to, when no cell differs."""
        if self.means is not None:
            return (
                f"{self.means} means and counts as published, on another platform: within what "
                f"seeds differ by, or {100 * LEAST:.0f} point"
            )
        if self.platform:
            return f"the same as published within {self.tolerance:g}, on another platform"
        exact = "" if self.tolerance else ", digit by digit"
        within = f" within {self.tolerance:g}" if self.tolerance else ""
        return f"the same as published{within}{exact}; {self.inputs}"


def compare_published(
    matrix: Matrix, results: Path, published: Path, tolerance: float | None = None
) -> Comparison:
    """Compare an experiment's tables with the published ones, cell by cell.

    What a clock or a memory gauge has measured is left out. Without a ``tolerance`` numbers must be
    equal on the platform they were published from; on another, means over seeds are compared, as
    seeds differ (:mod:`conpet.reporting.elsewhere`).

    Raises:
        UserError: nothing is published of this experiment, or it was published of other settings
            or of some of its runs; there are no tables, or not of the files that are there.
    """
    check_published(matrix, published)
    kept, made = published / matrix.name / "tables", results / matrix.name / "tables"
    old, new = _record(kept), _record(made)
    if not made.is_dir():
        raise UserError(f"{made}: no tables of {matrix.name} yet: snakemake verify makes them")
    check_tables(matrix, made, "verify")
    check_files(results, made, "verify")
    if lacking := _runs(new) - _runs(old):
        raise UserError(
            f"{kept}: {counted(len(lacking), 'run')} of {len(_runs(new))} were pending when it was "
            "published: publish it again"
        )
    platform = list(_differences(old, new))
    if platform and tolerance is None:
        found = compare_means(kept, made)
        return Comparison(found.lines, platform, [], 0.0, _inputs(old, new), found.compared)
    allowed = tolerance or 0.0
    newer: list[str] = []
    cells = diff(kept, made, allowed, newer=newer)
    return Comparison(cells, platform, newer, allowed, _inputs(old, new))


def check_published(matrix: Matrix, published: Path) -> None:
    """Refuse to compare with what is not there, or is of other settings than an experiment has now.

    Raises:
        UserError: it is so.
    """
    kept = published / matrix.name / "tables"
    if not kept.is_dir():
        raise UserError(f"{kept}: nothing is published of experiment {matrix.name}")
    if (old := _record(kept)) and old.get("config_sha256") != matrix.config_sha256:
        raise UserError(
            f"{kept}: published of other settings than {matrix.name} has now: publish it again"
        )


def check_tables(matrix: Matrix, tables: Path, target: str) -> None:
    """Refuse tables that were made of other settings than an experiment has now.

    Args:
        target: what makes them again.

    Raises:
        UserError: they were.
    """
    if (found := _record(tables)) and found.get("config_sha256") != matrix.config_sha256:
        raise UserError(
            f"{tables}: made of other settings than {matrix.name} has now: snakemake {target} "
            "makes them again"
        )


def _record(tables: Path) -> dict[str, Any]:
    path = tables / "main.json"
    found: dict[str, Any] = read_json(path) if path.is_file() else {}
    return found


def _runs(record: dict[str, Any]) -> set[tuple[str, ...]]:
    """Return the runs behind tables: dataset, model, method, seed."""
    return {Path(name).parts[1:5] for name in record.get("inputs", {})}


def _differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for key in _PLATFORM:
        a, b = old.get(key), new.get(key)
        if key == "packages" and isinstance(a, dict) and isinstance(b, dict):
            for name in sorted(a.keys() | b.keys()):
                if a.get(name) != b.get(name):
                    yield f"{name}: {b.get(name, 'none')} instead of {a.get(name, 'none')}"
        elif a != b:
            yield f"{key}: {b or 'none'} instead of {a or 'none'}"


def check_files(results: Path, tables: Path, target: str) -> None:
    """Refuse tables whose files of metrics and predictions are gone or others by now.

    Args:
        target: what makes them again.

    Raises:
        UserError: they are.
    """
    record, again = _record(tables), f"snakemake {target} makes it again"
    # a file of others' figures is no result: it is named without a folder
    named = {n: value for n, value in record.get("inputs", {}).items() if "/" in n}
    if not named:
        raise UserError(f"{tables}: says of no file what it was made of: {again}")
    for name, value in named.items():
        path = results / name
        if not path.is_file():
            raise UserError(f"{path}: not there, but {tables} was made of it: {again}")
        if sha256(path) != value:
            raise UserError(f"{path}: other bytes than {tables} was made of: {again}")


def _inputs(old: dict[str, Any], new: dict[str, Any]) -> str:
    before, now = old.get("inputs", {}), new.get("inputs", {})
    same = sum(now.get(name) == value for name, value in before.items())
    return f"{same} of {len(before)} files of metrics and predictions have the same bytes"
