"""Figures of others, from a CSV, for rows of their own in the main table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from conpet.errors import UserError
from conpet.reporting.collect import Results
from conpet.reporting.compare import REPORTED
from conpet.reporting.numbers import DASH, spread

METRICS = ("whole_accuracy", "average_accuracy")


def reported_facts(results: Results) -> list[tuple[str, dict[str, Any]]]:
    """Return the figures of others on these datasets, each with the name of its row.

    Raises:
        UserError: the CSV cannot be read, or lacks a column.
    """
    if results.reported is None or not results.reported.is_file():
        return []
    keys = ["dataset", "backbone", "method", "setting", "source"]
    frame = _read_reported(results.reported, [*keys, *METRICS])
    # one figure may stand beside several cuts of the same data
    frame = frame.assign(dataset=frame["dataset"].str.split(";")).explode("dataset")
    frame = frame[frame["dataset"].isin(results.datasets)]
    rows: list[tuple[str, dict[str, Any]]] = []
    for key, group in frame.groupby(keys, sort=False):
        dataset, backbone, method, setting, source = key
        row: dict[str, Any] = {"dataset": dataset, "model": backbone, "method": method}
        row |= {"setting": setting, "source": f"{REPORTED}{source}"}
        for metric in METRICS:
            mean, std, _ = spread(group[metric] / 100)
            row |= {f"{metric}_mean": mean, f"{metric}_std": std}
        n = _runs(group)
        row |= {"n": n, "seeds": n, "status": "reported"}
        title, model = (_title(group, name) for name in ("method", "backbone"))
        rows.append((f"{title}, reported ({model}; {setting})", row))
    return rows


def _runs(group: pd.DataFrame) -> int | None:
    """Return how many runs stand behind a group's figures: one each, or as many as ``runs`` says.

    None where a figure does not say of how many runs it is a mean.
    """
    if "runs" not in group:
        return len(group)
    return None if group["runs"].isna().any() else int(group["runs"].sum())


def _title(group: pd.DataFrame, column: str) -> str:
    """Return the title that the CSV gives a method or a backbone, else its name there."""
    return str(group[f"{column}_title" if f"{column}_title" in group else column].iloc[0])


def _read_reported(path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a CSV file ({error})") from None
    for name in columns:
        if name not in frame:
            there = ", ".join(map(str, frame))
            raise UserError(f"{path}: no column {name}: the columns are {there}")
    for name in (*METRICS, *(["runs"] if "runs" in frame else [])):
        text = frame[name].notna() & pd.to_numeric(frame[name], errors="coerce").isna()
        if text.any():
            row = int(text.argmax())
            raise UserError(f"{path}:{row + 2}: {name}: not a number: {frame[name].iloc[row]!r}")
    return frame


def reported_rows(
    facts: list[tuple[str, dict[str, Any]]],
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the facts by the name of their row and their dataset."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for name, fact in facts:
        rows.setdefault(name, {})[fact["dataset"]] = fact
    return rows


def reported_note(facts: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return the footnote on whose figures these are, if there are any."""
    sources = sorted({fact["source"].removeprefix(REPORTED) for _, fact in facts})
    if not sources:
        return []
    return [
        f"Reported: figures of others ({'; '.join(sources)}), with the backbone and protocol "
        f"named there; not runs of this suite and not ranked. {DASH}: not reported."
    ]
