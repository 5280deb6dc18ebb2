"""Two folders of tables, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from conpet.errors import UserError

# A row is known by these columns, as far as its table has them.
KEYS = ("dataset", "model", "claim", "method", "setting", "source", "baseline", "task", "seed")
# Rows of others' figures say so in their source.
REPORTED = "reported: "
# Claims in this unit were not made by versions before 0.2.0.
_LATER = "equivalent"
# What a clock or a memory gauge has measured is never the same twice.
MEASURED = ("seconds", "peak_memory")


def diff(
    a: Path,
    b: Path,
    tolerance: float = 0.0,
    ignore: tuple[str, ...] = MEASURED,
    newer: list[str] | None = None,
) -> list[str]:
    """Compare the CSV files of two folders (searched in depth) cell by cell.

    Args:
        a: a folder of tables, or one CSV file.
        b: the other one.
        tolerance: numbers further apart than this (absolute) are different.
        ignore: columns whose name begins so are left out; by default what a clock has measured.
        newer: gets a line for each table with what ``b`` alone has of tables, columns and others'
            figures, as a later version does: these then are no differences.

    Returns:
        One line a difference, empty when there is none.

    Raises:
        UserError: a path is missing or has no CSV file, a CSV cannot be read, or the tolerance is
            negative.
    """
    if not tolerance >= 0:
        raise UserError(f"--tolerance {tolerance:g}: give 0 or more")
    left, right = _tables(a), _tables(b)
    lines = [f"{name}: only in {a}" for name in left if name not in right]
    if newer is None:
        lines += [f"{name}: only in {b}" for name in right if name not in left]
    else:
        newer += [f"{name}: the table" for name in right if name not in left]
    for name in left:
        if name in right:
            old, new = _read(left[name], ignore), _read(right[name], ignore)
            if newer is not None:
                new, more = _without_newer(old, new)
                newer += [f"{name}: {', '.join(more)}"] if more else []
            lines += [f"{name}: {line}" for line in _compare(old, new, tolerance)]
    return lines


def _without_newer(old: pd.DataFrame, new: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return a table without what a later version alone has, and what that is."""
    columns = [str(column) for column in new if column not in old]
    new, more = new.drop(columns=columns), [f"columns {', '.join(columns)}"] if columns else []
    if "source" in new and "source" in old:
        keys = [key for key in KEYS if key in new and key in old]
        known = set(old[keys].itertuples(index=False, name=None))
        later = [row not in known for row in new[keys].itertuples(index=False, name=None)]
        drop = new["source"].str.startswith(REPORTED) & pd.Series(later, index=new.index)
        more += [f"{int(drop.sum())} rows of others' figures"] if drop.any() else []
        new = new[~drop]
    if "unit" in new and "unit" in old and _LATER not in set(old["unit"]):
        drop = new["unit"] == _LATER
        more += [f"{int(drop.sum())} claims"] if drop.any() else []
        new = new[~drop]
    return new, more


def _tables(place: Path) -> dict[str, Path]:
    if place.is_file():
        return {"table": place}
    found = {str(path.relative_to(place)): path for path in sorted(place.rglob("*.csv"))}
    if not found:
        raise UserError(f"{place}: no CSV table here: give a folder that tables were written to")
    return found


def _read(path: Path, ignore: tuple[str, ...]) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a CSV table ({error}): make it again") from None
    return frame[[column for column in frame if not str(column).startswith(ignore)]]


def _compare(a: pd.DataFrame, b: pd.DataFrame, tolerance: float) -> Iterator[str]:
    for one, other, name in ((a, b, "second"), (b, a, "first")):
        for column in one.columns.difference(other.columns, sort=False):
            yield f"column {column} is not in the {name}"
    shared = [column for column in a.columns if column in b.columns]
    keys = [key for key in KEYS if key in shared]
    rows_a, rows_b = _rows(a, keys), _rows(b, keys)
    for row in rows_a:
        if row not in rows_b:
            yield f"row {row} is not in the second"
    for row in rows_b:
        if row not in rows_a:
            yield f"row {row} is not in the first"
    for row, cells in rows_a.items():
        for column in shared if row in rows_b else ():
            ours, theirs = str(cells[column]), str(rows_b[row][column])
            if not _same(ours, theirs, tolerance):
                yield f"row {row}: {column}: {ours or 'empty'} against {theirs or 'empty'}"


def _rows(frame: pd.DataFrame, keys: list[str]) -> dict[str, pd.Series]:
    rows: dict[str, pd.Series] = {}
    for number, (_, cells) in enumerate(frame.iterrows(), start=1):
        name = " ".join(f"{key}={cells[key]}" for key in keys if cells[key] != "")
        # rows without a key of their own are known by their place
        rows[name if name and name not in rows else f"{name} #{number}".strip()] = cells
    return rows


def _same(a: str, b: str, tolerance: float) -> bool:
    if a == b:
        return True
    try:
        x, y = float(a), float(b)
    except ValueError:
        return False
    # a hair's breadth for decimal numbers: 0.8 and 0.81 are 0.01 apart, not 0.010000000000000009
    return math.isclose(x, y, rel_tol=0.0, abs_tol=tolerance * (1 + 1e-9))
