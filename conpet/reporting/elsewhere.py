"""Tables of another platform: no digit need be the same, but means differ as seeds do.

Other processors round otherwise, and training carries that on as it carries on another seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from conpet.reporting.compare import KEYS, MEASURED, diff

#: accuracies nearer than this are taken for the same, however little their seeds differ
LEAST = 0.01
#: what is counted, not measured: the same everywhere
_COUNTED = ("tunable", "samples_per_task", "kept_samples")
_SURE = 0.9995  # of Student's t: one cell of a thousand is further out by chance


@dataclass(frozen=True)
class Elsewhere:
    """A line for each mean that is further off than seeds explain, and how many were compared."""

    lines: list[str]
    compared: int


def compare_means(a: Path, b: Path) -> Elsewhere:
    """Compare the means over seeds in the tables of two folders.

    Two means of n seeds are held apart where they differ by more than Student's t (2 n - 2 degrees
    of freedom) times the standard error of their difference, and by more than :data:`LEAST`.
    Samples that were passed or are kept, and tunable weights, must be the same.

    Raises:
        UserError: a path is missing or has no CSV file, or a CSV cannot be read.
    """
    missing = [line for line in diff(a, b, math.inf, newer=[]) if " only in " in line]
    lines, compared = missing, 0
    for old in sorted(a.rglob("*.csv")):
        new = b / old.relative_to(a)
        if new.is_file():
            found = list(_means(pd.read_csv(old), pd.read_csv(new)))
            lines += [f"{old.relative_to(a)}: {line}" for line in found if line]
            compared += len(found)
    return Elsewhere(lines, compared)


def _means(old: pd.DataFrame, new: pd.DataFrame) -> Iterator[str]:
    """Yield a line for each mean of the old table: nothing in it, or what is wrong."""
    keys = [key for key in KEYS if key in old and key in new]
    stems = [c.removesuffix("_mean") for c in map(str, old) if c.endswith("_mean")]
    stems = [s for s in stems if f"{s}_std" in old and not s.startswith(MEASURED)]
    counted = [name for name in _COUNTED if name in old and name in new]
    if not keys or not (stems or counted):
        return
    rows = {_key(row, keys): row for _, row in new.iterrows()}
    for _, row in old.iterrows():
        key = _key(row, keys)
        if (other := rows.get(key)) is None:
            yield f"row {key} is not in the second"
            continue
        for stem in stems:
            if not math.isnan(mean := row[f"{stem}_mean"]):
                yield _told(row, other, stem, key, mean)
        for name in counted:
            if not math.isnan(row[name]):
                same = math.isclose(row[name], other[name], rel_tol=1e-9)
                yield "" if same else f"row {key}: {name}: {row[name]:g} against {other[name]:g}"


def _told(row: pd.Series, other: pd.Series, stem: str, key: str, mean: float) -> str:
    there = other.get(f"{stem}_mean", math.nan)
    n = min(_count(row, stem), _count(other, stem))
    room = max(LEAST, _error(row, other, stem, n))
    if abs(mean - there) <= room:
        return ""
    return f"row {key}: {stem}: {mean:.4f} against {there:.4f}, {room:.4f} allowed"


def _error(row: pd.Series, other: pd.Series, stem: str, n: int) -> float:
    if n < 2:
        return 0.0
    from scipy import stats

    variance = row[f"{stem}_std"] ** 2 + other[f"{stem}_std"] ** 2
    return float(stats.t.ppf(_SURE, 2 * n - 2) * math.sqrt(variance / n))


def _count(row: pd.Series, stem: str) -> int:
    """Return over how many seeds a mean is, under whichever name its table has that.

    0 of a number that was reported elsewhere.
    """
    found = next(row[name] for name in (f"{stem}_n", "n", "seeds") if name in row)
    return 0 if math.isnan(found) else int(found)


def _key(row: pd.Series, keys: list[str]) -> str:
    return " ".join(f"{key}={row[key]}" for key in keys if not pd.isna(row[key]))
