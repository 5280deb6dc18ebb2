"""One run from near: its epochs, its tasks, its worst confusions with examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conpet.files import read_json
from conpet.reporting.collect import Results
from conpet.reporting.cost import task_cost
from conpet.reporting.numbers import DASH, number, percent
from conpet.reporting.predictions import Texts, read_predictions
from conpet.reporting.style import BLUE, GREEN, VERMILLION
from conpet.run.reading import Run, Training

_WIDTH, _STRIP, _LEFT, _GAP = 640, 90, 44, 26


@dataclass(frozen=True)
class Confusion:
    """A class taken for another one: how often, and one sample of it (the surest mistake)."""

    label: str
    prediction: str
    count: int
    of: int
    example: str


@dataclass(frozen=True)
class Drill:
    """What the page shows of one run."""

    key: str
    status: str
    headline: str
    mlflow: str
    link: str
    curves: str
    tasks: list[list[str]]
    confusions: list[Confusion]


TASK_COLUMNS = ("Task", "Classes", "Whole", "Average", "Best epoch", "Samples passed", "Seconds")


def drill(results: Results, run: Run, texts: Texts, store: str = "") -> Drill:
    """Gather what the page shows of one run; whatever is absent is left out.

    ``store`` is the address of MLflow's pages, which the run's link leads to.
    """
    headline = f"{len(run.metrics)} of {len(run.tasks)} tasks"
    if run.finished:
        summary = run.summary
        headline = (
            f"whole {percent(summary['whole_accuracy'])} %, "
            f"average {percent(summary['average_accuracy'])} %"
        )
    marker = run.folder.tracked
    tracked = read_json(marker) if marker.is_file() else None
    return Drill(
        key=f"{'/'.join(run.key.cell)}/seed{run.key.seed}",
        status="finished" if run.finished else "pending",
        headline=headline,
        mlflow=str(tracked["run_id"]) if tracked else "",
        link=_link(store, tracked) if tracked else "",
        curves=epoch_curves(run),
        tasks=[_task_row(run, task) for task in range(1, len(run.metrics) + 1)],
        confusions=confusions(run, texts),
    )


def _link(store: str, tracked: Mapping[str, Any]) -> str:
    if not store or "experiment_id" not in tracked:
        return ""
    return f"{store.rstrip('/')}/#/experiments/{tracked['experiment_id']}/runs/{tracked['run_id']}"


def _task_row(run: Run, task: int) -> list[str]:
    entry, cost = run.metrics[task - 1], task_cost(run, task)
    state = run.tasks[task - 1].learner.state
    return [
        str(task),
        str(entry.get("classes_seen", DASH)),
        percent(entry["whole_accuracy"]),
        percent(entry["average_accuracy"]),
        str(state.get("best_epoch", DASH)),
        number(cost.samples, 0),
        number(cost.seconds),
    ]


def confusions(run: Run, texts: Texts, most: int = 4) -> list[Confusion]:
    """Return the most frequent confusions after the run's last evaluated task."""
    path = run.folder.predictions(len(run.metrics))
    if not run.metrics or not path.is_file():
        return []
    frame = read_predictions(path)
    sizes = frame["label"].value_counts()
    wrong = frame[~frame["correct"].astype(bool)]
    counts = wrong.groupby(["label", "prediction"]).size().reset_index(name="count")
    counts = counts.sort_values(["count", "label", "prediction"], ascending=[False, True, True])
    found = []
    for label, prediction, count in counts.head(most).itertuples(index=False):
        same = wrong[(wrong["label"] == label) & (wrong["prediction"] == prediction)]
        part, row = same.sort_index()["score"].idxmax()
        text = texts.get(run.key.dataset, int(part), int(row))
        shown = text if len(text) <= 240 else text[:239] + "…"
        found.append(Confusion(str(label), str(prediction), int(count), int(sizes[label]), shown))
    return found


def epoch_curves(run: Run) -> str:
    """Draw validation accuracy and loss over the epochs of all tasks, as an SVG; '' without."""
    tasks = [_epochs(task.learner) for task in run.tasks]
    total = sum(max(1, len(epochs)) for epochs in tasks)
    if not any(tasks):
        return ""
    scale = (_WIDTH - _LEFT - 8) / total
    losses = [e["loss"] for epochs in tasks for e in epochs if e.get("loss") is not None]
    top = max(losses, default=1.0) or 1.0
    parts, start = list(_axes(top)), 0.0
    for i, epochs in enumerate(tasks):
        width = scale * max(1, len(epochs))
        x0 = _LEFT + start
        parts.append(f'<text x="{x0 + 3:.1f}" y="10">task {i + 1}</text>')
        parts.append(f'<path d="M{x0:.1f} 0V{2 * _STRIP + _GAP}" stroke="#ccc"/>')
        xs = [x0 + scale * (j + 0.5) for j in range(len(epochs))]
        selector = _epochs(run.tasks[i].selector)
        wide = width / max(1, len(selector))
        ss = [x0 + wide * (j + 0.5) for j in range(len(selector))]
        parts += _line(ss, [e.get("valid_accuracy") for e in selector], 1.0, 0, GREEN, "3 2")
        parts += _line(xs, [e.get("valid_accuracy") for e in epochs], 1.0, 0, BLUE)
        parts += _line(xs, [e.get("loss") for e in epochs], top, _STRIP + _GAP, VERMILLION)
        parts += _best(run.tasks[i].learner, epochs, xs)
        start += width
    height = 2 * _STRIP + _GAP + 4
    label = "validation accuracy and training loss over the epochs of every task"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}" '
        f'font-family="sans-serif" font-size="10" fill="none">{"".join(parts)}</svg>'
    )


def _epochs(training: Training) -> list[dict[str, Any]]:
    return list(training.state.get("epochs") or [])


def _axes(top: float) -> Iterator[str]:
    for offset, name, high in ((0, "valid.", "100 %"), (_STRIP + _GAP, "loss", f"{top:.2g}")):
        base = offset + _STRIP
        yield f'<path d="M{_LEFT} {base}H{_WIDTH - 8}" stroke="#888"/>'
        yield f'<text x="{_LEFT - 4}" y="{offset + 22}" text-anchor="end">{high}</text>'
        yield f'<text x="{_LEFT - 4}" y="{offset + 52}" text-anchor="end">{name}</text>'
        yield f'<text x="{_LEFT - 4}" y="{base}" text-anchor="end">0</text>'


def _line(
    xs: list[float],
    values: list[float | None],
    top: float,
    offset: int,
    color: str,
    dash: str = "",
) -> list[str]:
    # the strip's upper 18 units hold the task's name
    known = [(x, v) for x, v in zip(xs, values, strict=True) if v is not None]
    if not known:
        return []
    places = [f"{x:.1f},{_height(v / top, offset):.1f}" for x, v in known]
    style = f'stroke="{color}" stroke-width="1.5"' + (f' stroke-dasharray="{dash}"' if dash else "")
    if len(places) == 1:
        x, y = places[0].split(",")
        return [f'<circle cx="{x}" cy="{y}" r="2" fill="{color}"/>']
    return [f'<polyline points="{" ".join(places)}" {style}/>']


def _height(share: float, offset: int) -> float:
    return offset + _STRIP - min(1.0, max(0.0, share)) * (_STRIP - 18)


def _best(training: Training, epochs: list[dict[str, Any]], xs: list[float]) -> Iterator[str]:
    best = training.state.get("best_epoch")
    for x, entry in zip(xs, epochs, strict=True):
        if entry.get("epoch") == best and entry.get("valid_accuracy") is not None:
            y = _height(entry["valid_accuracy"], 0)
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{BLUE}"/>'
