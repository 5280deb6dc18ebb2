"""Costs by hand, and slopes against the textbook formula."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.reporting.answers import trained
from conpet.reporting.collect import Results, collect
from conpet.reporting.cost import by_task, kept_bytes, slope, task_cost
from conpet.reporting.pareto import pareto_front
from conpet.reporting.tables import TABLES
from conpet.run import RunFolder, RunKey
from conpet.run.reading import Run, Task, Training
from tests.reporting.synthetic import build, cells, known

KEY, NOWHERE = RunKey("e", "d", "m", "x", 1), RunFolder(Path("nowhere"))


def run(states: str, selector: bool) -> Run:
    def training(scale: int) -> Training:
        state = {
            "needs": {"states": states, "selector": selector},
            "trainable_parameters": 10 * scale,
            "total_parameters": 1000,
            "stored_bytes": 400 * scale,
            "samples_passed": 50 * scale,
            "tokens_passed": 500 * scale,
            "forward_samples": 30 * scale,
            "forward_tokens": 300 * scale,
        }
        return Training(state, {"seconds": 2.0 * scale, "peak_memory_mb": 100.0 * scale})

    second = Task(2, learner=training(3), selector=training(2) if selector else Training())
    return Run(KEY, NOWHERE, [Task(1, learner=training(1)), second])


def test_a_selector_is_part_of_the_cost() -> None:
    cost = task_cost(run("all", True), 2)
    assert cost.tunable == 30 + 20
    assert cost.share == pytest.approx(0.05)
    assert cost.samples == 150 + 100
    assert cost.forward_samples == 90 + 60
    assert cost.equivalent_samples == 250 + 150 / 3
    assert cost.seconds == 6 + 4
    assert cost.peak_memory_mb == 300
    assert cost.flops == (4 * 1000 + 2 * 30) * 1500 + (4 * 1000 + 2 * 20) * 1000
    assert cost.forward_flops == 2 * 1000 * (900 + 600)


def test_a_task_of_which_a_part_is_trained_has_no_cost_yet() -> None:
    whole = run("all", True)
    for lacking in ("learner", "selector"):
        part = replace(whole.tasks[1], **{lacking: Training()})
        begun = replace(whole, tasks=[whole.tasks[0], part])
        assert math.isnan(task_cost(begun, 2).samples)
        assert by_task([whole, begun], "samples")[1] == 250
    # a state that needs no selector is whole without one
    assert task_cost(run("all", False), 2).samples > 0


def test_what_trains_nothing_is_not_free(tmp_path: Path) -> None:
    matrix = cells(methods=("static_emr",), seeds=(100,), n_tasks=2)
    (made,) = build(tmp_path, matrix, per_class=2).runs
    for task in (1, 2):
        path = made.folder.state(task) / "state.json"
        none = {"samples_passed": 0, "tokens_passed": 0, "forward_tokens": 10**6}
        write_json(path, read_json(path) | none | {"total_parameters": 3 * 10**6})
    table = TABLES["cost"][0](collect("demo", tmp_path, matrix, **known()))
    names = [column for _, column in table.columns]
    shown = dict(zip(names, table.rows[0], strict=True))
    assert (shown["TFLOP"], shown["Forward TFLOP"]) == ("0.00", "6.00")
    assert table.data["forward_flops_per_task"].tolist() == [6e12]


def test_what_is_kept_is_what_the_state_says_it_needs() -> None:
    assert kept_bytes(run("all", True)) == 400 + 1200 + 800
    assert kept_bytes(run("all", False)) == 400 + 1200
    assert kept_bytes(run("last", True)) == 1200 + 800
    assert kept_bytes(run("last", False)) == 1200
    with pytest.raises(UserError, match=r"state\.json: does not say what it needs"):
        kept_bytes(run("some", False))


def test_missing_files_are_not_zero() -> None:
    empty = Run(KEY, NOWHERE, [Task(1)])
    assert math.isnan(task_cost(empty, 1).seconds)
    assert math.isnan(kept_bytes(empty))
    assert math.isnan(by_task([empty], "samples")[0])


def test_slope_leaves_the_first_task_out_and_has_an_interval() -> None:
    y = np.array([3.0, 5.5, 6.5, 9.5])
    found = slope([100.0, *y])
    x = np.arange(2, 6)
    expected, intercept = np.polyfit(x, y, 1)
    residual = y - expected * x - intercept
    error = math.sqrt((residual**2).sum() / 2 / ((x - x.mean()) ** 2).sum())
    assert found.value == pytest.approx(expected)
    assert found.high - found.value == pytest.approx(4.302652729911275 * error)  # t(0.975, 2)
    assert found.value - found.low == pytest.approx(found.high - found.value)


def test_slope_of_few_or_equal_points() -> None:
    assert slope([9.0, 4.0, 4.0, 4.0]) == slope([1.0, 2.0, 2.0, 2.0])
    assert (slope([9.0, 4.0, 4.0, 4.0]).value, slope([9.0, 4.0, 4.0, 4.0]).high) == (0.0, 0.0)
    two = slope([9.0, 4.0, 6.0])
    assert two.value == pytest.approx(2.0)
    assert math.isnan(two.low)
    assert math.isnan(slope([9.0, 4.0]).value)
    assert math.isnan(slope([]).value)


def test_cost_table_tells_flat_from_growing(results: Results) -> None:
    frame = TABLES["cost"][0](results).data.set_index("method")
    assert frame.loc["static_emr", "samples_slope"] == 0
    assert frame.loc["static_emr", "samples_slope_high"] == 0
    assert frame.loc["joint", "samples_slope"] > 1000
    assert frame.loc["dynamic", "tunable"] > frame.loc["static_emr", "tunable"]
    assert frame.loc["static_emr", "n"] == 3
    # passes without a gradient that grow are seen, also where training is flat
    assert frame.loc["static_emr", "forward_samples_per_task"] == 90 * 2.5
    assert frame.loc["static_emr", "forward_samples_slope"] == pytest.approx(90)
    assert frame.loc["static_emr", "equivalent_samples_slope"] == pytest.approx(30)
    assert any("counts one third" in note for note in TABLES["cost"][0](results).footnotes)


def test_a_shared_training_counts_in_each_row_and_takes_its_time_once(tmp_path: Path) -> None:
    matrix = cells(methods=("static_emr", "joint"), seeds=(100,), n_tasks=2)
    before = build(tmp_path, matrix, per_class=4)
    said = "Methods that train alike"
    assert not any(said in note for note in TABLES["cost"][0](before).footnotes)
    for path in tmp_path.glob("demo/demo/minilm/joint/**/timing.json"):
        write_json(path, read_json(path) | {"taken_from": "static_emr", "own_seconds": 0.0})
    after = collect("demo", tmp_path, matrix, **known())
    assert any(said in note and "Joint" in note for note in TABLES["cost"][0](after).footnotes)
    one, other = (
        TABLES["cost"][0](found).data["seconds_per_task"].tolist() for found in (before, after)
    )
    assert one == other
    alone = collect(
        "demo", tmp_path, cells(methods=("static_emr",), seeds=(100,), n_tasks=2), **known()
    )
    assert trained(after).split(" of ")[0] == trained(alone).split(" of ")[0]
    assert trained(before).split(" of ")[0] != trained(alone).split(" of ")[0]


def test_pareto_front() -> None:
    points = [(1.0, 50.0), (1.0, 60.0), (2.0, 55.0), (3.0, 70.0), (4.0, 70.0)]
    assert pareto_front(points) == [(1.0, 60.0), (3.0, 70.0)]
    assert pareto_front([]) == []
