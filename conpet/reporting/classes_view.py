"""What the page says of the learners themselves: which classes came when, and how one is asked."""

from __future__ import annotations

from conpet.reporting.collect import Results
from conpet.reporting.verdict import most_accurate
from conpet.run.reading import Run


def classes_by_task(results: Results) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return of each dataset its name and the classes of each task, as its test samples tell.

    Read from one run that got furthest: the class order is the dataset's, not the run's.
    """
    found = []
    for dataset in results.datasets:
        runs = [run for run in results.runs if run.key.dataset == dataset]
        furthest = max(runs, key=lambda run: len(run.metrics), default=None)
        if furthest is not None and (rows := _classes(furthest)):
            found.append((results.name(dataset), rows))
    return found


def _classes(run: Run) -> list[tuple[str, str]]:
    import pandas as pd

    path = run.folder.predictions(len(run.metrics))
    if not run.metrics or not path.is_file():
        return []
    frame = pd.read_parquet(path, columns=["task", "label"]).drop_duplicates()
    return [
        (f"Task {task}", ", ".join(sorted(map(str, labels))))
        for task, labels in frame.groupby("task", sort=True)["label"]
    ]


def asked(results: Results) -> str:
    """Return the command that asks the most accurate learner; '' where none has finished.

    A path is written from the folder that the results lie in.
    """
    run = most_accurate(results, results.runs)
    return f"conpet predict --run {results.root.name}/{run.key.path} --text TEXT" if run else ""
