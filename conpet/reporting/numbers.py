"""Means and spreads over runs, and how numbers look in tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

DASH = "–"  # there is no such number
PENDING = "…"  # there will be one


def spread(values: Iterable[float | None]) -> tuple[float, float, int]:
    """Return (mean, sample standard deviation, n) of the values that are there; NaN without."""
    found = np.array([v for v in values if v is not None and not math.isnan(v)], dtype=float)
    n = len(found)
    return (
        float(found.mean()) if n else math.nan,
        float(found.std(ddof=1)) if n > 1 else math.nan,
        n,
    )


def percent(mean: float, std: float = math.nan, digits: int = 2) -> str:
    """Show a fraction as a percentage with its spread, a missing one as a dash."""
    if math.isnan(mean):
        return DASH
    shown = _no_minus_zero(f"{100 * mean:.{digits}f}")
    return shown if math.isnan(std) else f"{shown} ± {100 * std:.{digits}f}"


def points(mean: float, std: float = math.nan) -> str:
    """Show a difference of fractions in percentage points, with its sign."""
    if math.isnan(mean):
        return DASH
    return f"{100 * mean:+.2f}" + ("" if math.isnan(std) else f" ± {100 * std:.2f}")


def number(value: float, digits: int = 1) -> str:
    """Show a number with thousands separators, a missing one as a dash."""
    return DASH if math.isnan(value) else _no_minus_zero(f"{value:,.{digits}f}")


def duration(seconds: float) -> str:
    """Show a length of time as one says it: 0.4 s, 42 s, 23 min 5 s, 5 h 2 min."""
    if math.isnan(seconds):
        return DASH
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def _no_minus_zero(shown: str) -> str:
    return shown[1:] if shown.startswith("-") and not shown.strip("-0.,") else shown


def waiting(cells: Sequence[str], pending: bool = True) -> list[str]:
    """Return a row's cells, those without a number marked as pending where that is so."""
    return [PENDING if pending and cell == DASH else cell for cell in cells]


def p_value(p: float) -> str:
    """Show a p value."""
    return DASH if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def points_interval(low: float, high: float) -> str:
    """Show an interval of differences of fractions in percentage points."""
    return DASH if math.isnan(low) else f"[{100 * low:+.2f}, {100 * high:+.2f}]"
