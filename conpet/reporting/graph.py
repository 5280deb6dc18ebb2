"""The workflow's rules and what they wait for, as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conpet.config import Experiment

_LEARNT = ("train", "select", "remember", "evaluate")
# rule: the rules whose files it reads; tests/workflow compares it with what Snakemake says
EDGES: dict[str, tuple[str, ...]] = {
    "fetch_dataset": (),
    "fetch_model": (),
    "prepare": ("fetch_dataset",),
    "split": ("fetch_dataset", "prepare"),
    "encode": ("fetch_model", "prepare", "split"),
    "select": ("encode", "fetch_model", "select"),
    "train": ("encode", "fetch_model", "remember", "select", "train"),
    "remember": ("encode", "fetch_model", "train"),
    "evaluate": ("encode", "fetch_model", "select", "train"),
    "represent": ("encode", "fetch_model", "select", "train"),
    "store": (),
    "table": _LEARNT,
    "figure": (*_LEARNT, "represent"),
    "track": (*_LEARNT, "store"),
    "page": (*_LEARNT, "represent", "track"),
    "track_summary": ("figure", "page", "store", "table"),
}
_MEANING = {
    "fetch_dataset": "raw files, by hash",
    "fetch_model": "frozen backbone",
    "prepare": "one row a sample",
    "split": "classes to tasks",
    "encode": "token ids",
    "select": "whose task is it",
    "train": "one task learnt",
    "remember": "exemplars",
    "evaluate": "all tasks so far",
    "represent": "hidden states",
    "store": "MLflow's database",
    "table": "CSV, MD, TeX",
    "figure": "SVG, PNG",
    "track": "a run in MLflow",
    "page": "this page",
    "track_summary": "all in MLflow",
}
# (column, row) of every rule: what waits is below
_PLACE = {
    "fetch_dataset": (0.5, 0), "fetch_model": (2, 0),
    "prepare": (0.5, 1), "split": (0.5, 2), "encode": (1.25, 3),
    "select": (0.5, 4), "train": (1.25, 5), "remember": (2.5, 5),
    "evaluate": (0.6, 6), "represent": (1.9, 6), "store": (3, 6),
    "table": (0, 7), "figure": (1.25, 7), "track": (2.75, 7),
    "page": (1.9, 8), "track_summary": (1.25, 9),
}  # fmt: skip
_X, _Y, _W, _H = 158, 74, 136, 42
# a task's jobs wait for those of the task before
_NEXT_TASK = {("train", "remember"), ("train", "train"), ("select", "select")}


def job_counts(experiment: Experiment) -> dict[str, int]:
    """Return how many jobs of each rule make everything of an experiment from nothing."""
    from conpet.learners import find
    from conpet.reporting.figures import FIGURES
    from conpet.reporting.tables import TABLES

    parts = sum(len(experiment.parts(name)) for name in experiment.datasets)
    models, seeds = len(experiment.models), len(experiment.seeds)
    tasks = [experiment.tasks(name) for name in experiment.datasets]
    methods = experiment.methods.values()
    experts = sum(find(method.learner).experts for method in methods)
    memories = sum(method.replay == "memory" for method in methods)
    cells = len(tasks) * models * len(methods)
    learnt = sum(tasks) * models * seeds
    return {
        "fetch_dataset": parts,
        "fetch_model": models,
        "prepare": parts,
        "split": parts,
        "encode": parts * models,
        "select": experts * (learnt - len(tasks) * models * seeds),
        "train": len(methods) * learnt,
        "remember": memories * learnt,
        "evaluate": len(methods) * learnt,
        "represent": cells,
        "store": 1,
        "table": len(TABLES),
        "figure": len(FIGURES),
        "track": cells * seeds,
        "page": 1,
        "track_summary": 1,
    }


def drawn_edges() -> list[tuple[str, str]]:
    """Return (rule, what it waits for) without what follows from the others."""
    ahead = {r: [n for n in needs if (r, n) not in _NEXT_TASK] for r, needs in EDGES.items()}

    def before(rule: str) -> set[str]:
        return {b for need in ahead[rule] for b in (need, *before(need))}

    return [
        (rule, need)
        for rule, needs in ahead.items()
        for need in needs
        if not any(need in before(other) for other in needs)
        # the last exemplars are waited for by all that sums up: lines that would hide the others
        and (rule == "train" or need != "remember")
    ]


def svg(jobs: Mapping[str, int]) -> str:
    """Draw the rules that have jobs, each with their number, as an SVG for a page."""
    there = {rule: n for rule, n in jobs.items() if n}
    width = int(3 * _X + _W + 12)
    height = int(9 * _Y + _H + 12)
    label = "the workflow's rules, how many jobs each has, and what they wait for"
    parts = [
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>',
        *(_arrow(rule, need) for rule, need in _shown(there)),
        *(_again(rule) for rule in ("select", "train") if rule in there),
        *(_box(rule, n) for rule, n in there.items()),
    ]
    if "remember" in there:
        parts.append(_back())
    return (
        f'<svg class="graph" viewBox="0 0 {width} {height}" role="img" aria-label="{label}" '
        f'font-family="sans-serif" font-size="12" fill="none">{"".join(parts)}</svg>'
    )


def _shown(there: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for rule, need in drawn_edges():
        if rule in there and need in there:
            yield rule, need
    if "select" not in there:  # then nothing stands between
        yield "train", "encode"


def _corner(rule: str) -> tuple[float, float]:
    column, row = _PLACE[rule]
    return 6 + column * _X, 6 + row * _Y


def _arrow(rule: str, need: str) -> str:
    (x0, y0), (x1, y1) = _corner(need), _corner(rule)
    if y0 == y1:
        start, end = f"{x0 + _W:.0f} {y0 + _H / 2:.0f}", f"{x1 - 2:.0f} {y1 + _H / 2:.0f}"
        return f'<path d="M{start}L{end}" stroke="#555" marker-end="url(#tip)"/>'
    # boxes that are not right below one another are joined nearer each other
    shift = max(-40.0, min(40.0, (x1 - x0) / 3))
    a, b = x0 + _W / 2 + shift, x1 + _W / 2 - shift
    top, bottom = y0 + _H, y1 - 2
    bend = min(30.0, (bottom - top) / 2)
    path = f"M{a:.0f} {top:.0f}C{a:.0f} {top + bend:.0f} {b:.0f} {bottom - bend:.0f} "
    return f'<path d="{path}{b:.0f} {bottom:.0f}" stroke="#555" marker-end="url(#tip)"/>'


def _again(rule: str) -> str:
    x, y = _corner(rule)
    path = f"M{x:.0f} {y + 30:.0f}C{x - 26:.0f} {y + 34:.0f} {x - 26:.0f} {y + 8:.0f} "
    return (
        f'<path d="{path}{x - 2:.0f} {y + 12:.0f}" stroke="#0072B2" stroke-dasharray="3 2" '
        'marker-end="url(#tip)"/>'
    )


def _back() -> str:
    (x0, y), (x1, _) = _corner("remember"), _corner("train")
    path = f"M{x0:.0f} {y + 32:.0f}L{x1 + _W + 2:.0f} {y + 32:.0f}"
    return (
        f'<path d="{path}" stroke="#0072B2" stroke-dasharray="3 2" marker-end="url(#tip)"/>'
        f'<text x="{(x0 + x1 + _W) / 2:.0f}" y="{y + _H + 3:.0f}" text-anchor="middle" '
        'font-size="10">next task</text>'
    )


def _box(rule: str, jobs: int) -> str:
    x, y = _corner(rule)
    middle = f'x="{x + _W / 2:.0f}" text-anchor="middle"'
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{_W}" height="{_H}" rx="6" fill="#eef4f9" '
        'stroke="#0072B2"/>'
        f'<text {middle} y="{y + 17:.0f}" font-weight="600">{escape(rule)} × {jobs:,}</text>'
        f'<text {middle} y="{y + 33:.0f}" font-size="11">{escape(_MEANING[rule])}</text>'
    )
