"""One run from near: its tasks, its worst confusions with examples; curves.py has its epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conpet.reading import read_object
from conpet.reporting.collect import Results
from conpet.reporting.cost import task_cost
from conpet.reporting.numbers import DASH, number, percent
from conpet.reporting.predictions import Texts, last_predictions
from conpet.run.reading import Run


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
    seed: int
    status: str
    headline: str
    mlflow: str
    link: str
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
    tracked = read_object(marker) if marker.is_file() else None
    return Drill(
        key=f"{'/'.join(run.key.cell)}/seed{run.key.seed}",
        seed=run.key.seed,
        status="finished" if run.finished else "pending",
        headline=headline,
        mlflow=str(tracked["run_id"]) if tracked else "",
        link=_link(store, tracked) if tracked else "",
        tasks=[_task_row(run, task) for task in range(1, len(run.metrics) + 1)],
        confusions=confusions(run, texts),
    )


def _link(store: str, tracked: Mapping[str, Any]) -> str:
    if not store or "experiment_id" not in tracked:
        return ""
    return f"{store.rstrip('/')}/#/experiments/{tracked['experiment_id']}/runs/{tracked['run_id']}"


def _task_row(run: Run, task: int) -> list[str]:
    entry, cost = run.metrics[task - 1], task_cost(run, task)
    best = run.tasks[task - 1].learner.best_epoch
    return [
        str(task),
        str(entry.get("classes_seen", DASH)),
        percent(entry["whole_accuracy"]),
        percent(entry["average_accuracy"]),
        DASH if best is None else str(best),
        number(cost.samples, 0),
        number(cost.seconds),
    ]


def confusions(run: Run, texts: Texts, most: int = 4) -> list[Confusion]:
    """Return the most frequent confusions after the run's last evaluated task."""
    frame = last_predictions(run)
    if frame is None:
        return []
    sizes = frame["label"].value_counts()
    wrong = frame[~frame["correct"].astype(bool)]
    counts = wrong.groupby(["label", "prediction"]).size().reset_index(name="count")
    counts = counts.sort_values(["count", "label", "prediction"], ascending=[False, True, True])
    found = []
    for label, prediction, count in counts.head(most).itertuples(index=False):
        same = wrong[(wrong["label"] == label) & (wrong["prediction"] == prediction)]
        part, row = same.sort_index()["score"].idxmax()
        shown = texts.get(run.key.dataset, int(part), int(row))
        found.append(Confusion(str(label), str(prediction), int(count), int(sizes[label]), shown))
    return found
