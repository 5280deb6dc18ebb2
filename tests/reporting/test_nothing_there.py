"""What figures and sentences make of tasks without test samples, without training, or to come."""

from __future__ import annotations

import math
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import pytest

from conpet.evaluation import task_metrics
from conpet.files import read_json, write_json
from conpet.reporting import answers
from conpet.reporting.accuracy_curves import accuracy
from conpet.reporting.collect import Results, collect
from conpet.reporting.cost_figures import cost
from conpet.reporting.forgetting_bars import forgetting
from tests.reporting.synthetic import build, cells, known

METHODS = ("finetune", "emr", "joint")


def made(root: Path) -> Results:
    return collect("demo", root, cells(methods=METHODS, seeds=(100,), n_tasks=8), **known())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build(tmp_path, cells(methods=METHODS, seeds=(100,), n_tasks=8), per_class=4)
    return tmp_path


def change(root: Path, method: str, name: str, of: Any) -> None:
    for path in sorted(root.glob(f"demo/demo/minilm/{method}/seed100/task*/{name}")):
        found = read_json(path)
        write_json(path, found | of(found["task"]))


def untested(t: int) -> dict[str, Any]:
    """Metrics of a stream whose task 2 has no test sample: all right of task 1, else half."""
    tasks = [i for i in range(1, t + 1) if i != 2 for _ in range(2)]
    right = [i == 1 or j % 2 == 0 for j, i in enumerate(tasks)]
    guesses = ["x" if ok else "y" for ok in right]
    return {**task_metrics(["x"] * len(tasks), guesses, tasks, None, t), "samples": len(tasks)}


def test_a_task_without_a_test_sample_is_left_out(root: Path) -> None:
    for method in METHODS:
        change(root, method, "metrics.json", untested)
    (said,) = answers.forgotten(made(root))
    assert said.endswith("ends weakest on task 3 (50.0 %) and strongest on task 1 (100.0 %).")
    (ax,) = forgetting(made(root)).axes
    assert ax.patches
    assert not any(math.isnan(bar.get_window_extent().x0) for bar in ax.patches)


def test_what_trains_on_some_tasks_alone_is_not_said_to_train_on_none(root: Path) -> None:
    change(root, "finetune", "state/state.json", lambda _: {"samples_passed": 0})
    change(root, "emr", "state/state.json", lambda t: {"samples_passed": 4800 * (t == 1)})
    texts = [text.get_text() for ax in cost(made(root)).axes for text in ax.texts]
    (said,) = (text for text in texts if "\n" in text)
    assert said == "0 in every task: Fine-tuning\n0 in some tasks: EMR"
    notes: list[Any] = [*cost(made(root)).axes[0].texts]
    (end,) = (note.xy for note in notes if note.get_text() == "EMR")
    assert end == (pytest.approx(1, abs=0.3), 4800)


def test_a_method_that_has_learnt_one_task_is_within_the_panel(root: Path) -> None:
    for task in range(2, 9):
        rmtree(root / f"demo/demo/minilm/joint/seed100/task{task:02d}")
    low = {"whole_accuracy": 0.6, "average_accuracy": 0.6}
    for method in ("finetune", "emr"):
        change(root, method, "metrics.json", lambda t: low | {"task_accuracy": [0.6] * t})
    (ax,) = accuracy(made(root)).axes
    heights = [float(y) for line in ax.lines for y in np.asarray(line.get_ydata())]
    assert max(heights) <= ax.get_ylim()[1]
