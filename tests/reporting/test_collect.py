"""What is found of a matrix, finished or not, and from a configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conpet.errors import UserError
from conpet.reporting.collect import (
    Results,
    collect,
    collect_experiment,
    configuration,
    short_titles,
)
from tests.reporting.synthetic import build, cells


def test_finished_partial_and_absent(two: Results) -> None:
    status = {(*run.key.cell, run.key.seed): (len(run.metrics), run.finished) for run in two.runs}
    assert status["demo", "minilm", "joint", 100] == (3, True)
    assert status["demo", "minilm", "emr", 100] == (0, False)
    assert status["tacred", "minilm", "emr", 100] == (3, True)
    assert status["tacred", "minilm", "emr", 200] == (2, False)
    assert sum(run.finished for run in two.runs) == 17


def test_a_hole_ends_the_history(tmp_path: Path) -> None:
    matrix = cells(methods=("emr",), seeds=(100,), n_tasks=3)
    run = build(tmp_path, matrix, per_class=2).runs[0]
    run.folder.metrics(2).unlink()
    again = collect("demo", tmp_path, matrix).runs[0]
    assert len(again.metrics) == 1
    assert not again.finished


def test_selectors_from_task_two_on(results: Results) -> None:
    run = results.of("demo", "minilm", "dynamic")[0]
    assert [bool(task.selector.state) for task in run.tasks] == [False, True, True, True]
    assert results.of("demo", "minilm", "emr")[0].tasks[1].selector.state == {}


def test_hashes_are_of_what_is_there(two: Results) -> None:
    hashes = two.hashes(two.metrics_files())
    assert len(hashes) == 17 * 3 + 2
    assert all(not key.startswith("/") and len(value) == 64 for key, value in hashes.items())


def test_broken_json_is_said_with_its_path(tmp_path: Path) -> None:
    matrix = cells(methods=("emr",), seeds=(100,), n_tasks=1)
    build(tmp_path, matrix, per_class=2).runs[0].folder.metrics(1).write_text("{")
    with pytest.raises(UserError, match=r"task01/metrics\.json"):
        collect("demo", tmp_path, matrix)


@pytest.mark.parametrize(
    "change", [{"task_accuracy": [0.5, 0.5]}, {"macro_f1": None}, {"task_samples": 3}, None]
)
def test_a_file_that_is_no_metrics_is_said_with_its_path(
    change: dict[str, object] | None, tmp_path: Path
) -> None:
    matrix = cells(methods=("emr",), seeds=(100,), n_tasks=1)
    path = build(tmp_path, matrix, per_class=2).runs[0].folder.metrics(1)
    found = json.loads(path.read_text())
    if change == {"macro_f1": None}:
        del found["macro_f1"]
        change = {}
    path.write_text(json.dumps([] if change is None else found | change))
    with pytest.raises(UserError, match=r"task01/metrics\.json: no metrics of task 1: delete"):
        collect("demo", tmp_path, matrix)


def test_from_a_configuration(root: Path, tmp_path: Path) -> None:
    from conpet.config import load_experiment

    experiment = load_experiment("demo", root / "config")
    results = collect_experiment(experiment.matrix(), tmp_path)
    matrix = len(experiment.datasets) * len(experiment.models) * len(experiment.methods)
    assert len(results.runs) == matrix * len(experiment.seeds)
    assert len(results.runs[0].tasks) == experiment.tasks("demo")
    assert results.bound("joint")
    assert not results.bound("dynamic")
    assert results.name("demo") == experiment.datasets["demo"].title
    assert json.loads(json.dumps(configuration(experiment)))["name"] == "demo"


def test_titles_are_short_where_that_is_clear() -> None:
    titles = {"a": "Limitless (Dynamic, full replay)", "b": "Static ConPET (EMR)"}
    assert short_titles(titles) == {**titles, "a": "Limitless"}
    alike = {"a": "Mine (with one very long remark)", "b": "Mine (with another long remark)"}
    assert short_titles(alike) == alike


def test_reporting_needs_no_torch(root: Path) -> None:
    code = (
        "import sys, conpet.reporting.tables, conpet.reporting.figures, conpet.reporting.page,"
        "conpet.reporting.compare; sys.exit('torch' in sys.modules or 'mlflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
