"""A CSV with figures of others, read strictly: what cannot be one is refused with its line."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conpet.errors import UserError

METRICS = ("whole_accuracy", "average_accuracy")
_NEEDED = ("dataset", "backbone", "method", "source")  # and none is empty
_PERCENT = "accuracies are in percent, as 84.5"


@dataclass(frozen=True)
class Key:
    """What tells the rows of others apart; titles are names where the file gives none."""

    source: str
    method: str
    title: str
    backbone: str
    backbone_title: str
    peft: str
    setting: str


@dataclass(frozen=True)
class Figure:
    """One line: a run, or the mean of several (``runs``; None: nobody says of how many).

    ``accuracies`` has the metrics in percent, by name; NaN where one is not reported.
    """

    line: int
    datasets: tuple[str, ...]
    key: Key
    run: str
    runs: int | None
    accuracies: dict[str, float]


def read_figures(path: Path) -> list[Figure]:
    """Return the lines of a file.

    Raises:
        UserError: no CSV, a column missing or empty, a figure that is no percentage, or lines that
            are no runs of one setting though all says that they are.
    """
    figures = [_figure(cells, path, line) for line, cells in _lines(path)]
    known = [v for f in figures for v in f.accuracies.values() if not math.isnan(v)]
    if known and max(known) <= 1:
        raise UserError(f"{path}: no figure is above 1: {_PERCENT}, not 0.845: multiply by 100")
    _check_runs(figures, path)
    return figures


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, stripped cells by column)."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as opened:
            rows = csv.reader(opened, strict=True)
            names = [name.strip() for name in next(rows, [])]
            _check_header(names, path)
            line = rows.line_num + 1
            for cells in rows:
                if cells and len(cells) != len(names):
                    raise UserError(
                        f"{path}:{line}: {len(cells)} values where line 1 has {len(names)}: put "
                        "quotes around a value with a comma"
                    )
                if cells:
                    yield line, dict(zip(names, (cell.strip() for cell in cells), strict=True))
                line = rows.line_num + 1
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a CSV file ({error})") from None


def _check_header(names: Sequence[str], path: Path) -> None:
    if not names:
        raise UserError(f"{path}: not a CSV file (nothing in line 1)")
    for name in (*_NEEDED, "setting", *METRICS):
        if name not in names:
            raise UserError(f"{path}: no column {name}: the columns are {', '.join(names)}")
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"{path}: two columns {twice[0]}: take one out")


def _figure(cells: dict[str, str], path: Path, line: int) -> Figure:
    place = f"{path}:{line}"
    # one figure may stand beside several cuts of the same data
    datasets = tuple(dict.fromkeys(name.strip() for name in cells["dataset"].split(";")))
    if empty := [name for name in _NEEDED if not cells[name]] or ["dataset"] * ("" in datasets):
        raise UserError(f"{place}: {empty[0]}: empty: every line says one")
    key = Key(
        source=cells["source"],
        method=cells["method"],
        title=cells.get("method_title") or cells["method"],
        backbone=cells["backbone"],
        backbone_title=cells.get("backbone_title") or cells["backbone"],
        peft=cells.get("peft", ""),
        setting=cells["setting"],
    )
    accuracies = {name: _accuracy(cells[name], f"{place}: {name}") for name in METRICS}
    runs = _runs(cells, f"{place}: runs")
    return Figure(line, datasets, key, cells.get("seed_or_run", ""), runs, accuracies)


def _accuracy(cell: str, place: str) -> float:
    if cell.lower() in ("", "nan"):
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        raise UserError(f"{place}: not a number: {cell!r}") from None
    if not 0 <= value <= 100:
        raise UserError(f"{place}: {cell}: {_PERCENT}: from 0 to 100")
    return value


def _runs(cells: dict[str, str], place: str) -> int | None:
    """Return of how many runs a line is; one where the file has no such column."""
    cell = cells.get("runs", "1")
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        raise UserError(f"{place}: not a number: {cell!r}") from None
    if value < 1 or not value.is_integer():
        raise UserError(f"{place}: {cell}: a whole number from 1 is expected, or nothing")
    return int(value)


def _check_runs(figures: Sequence[Figure], path: Path) -> None:
    """Refuse lines of one row that cannot be averaged as runs of equal weight."""
    found: dict[tuple[str, Key], list[Figure]] = {}
    for figure in figures:
        for dataset in figure.datasets:
            found.setdefault((dataset, figure.key), []).append(figure)
    for same in (group for group in found.values() if len(group) > 1):
        lines = " and ".join(str(figure.line) for figure in same)
        place = f"{path}: lines {lines} are one row (source, method, backbone, peft, setting)"
        if any(figure.runs != 1 for figure in same):
            raise UserError(
                f"{place}, but not each is one run (runs: 1): means are not averaged: keep one, or "
                "say in setting how they differ"
            )
        names = [figure.run for figure in same]
        if twice := [name for name in names if names.count(name) > 1]:
            shown = repr(twice[0]) if twice[0] else "empty"
            raise UserError(
                f"{place}, and seed_or_run is {shown} in more than one: say which "
                "run each is, or take one out"
            )
