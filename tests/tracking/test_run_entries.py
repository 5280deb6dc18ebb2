"""What is told about a run, without a store."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conpet.config import Method
from conpet.config.method import Look
from conpet.config.strict import read_yaml, validate
from conpet.run import RunKey
from conpet.run.reading import Run, Training, read_run
from conpet.tracking import notes, run_entries, views
from tests.tracking.synthetic import BIRTH, SPAN, TAGS, accuracy, build_run, config

KEY = RunKey("demo", "demo", "minilm", "dynamic", 100)


@pytest.fixture
def record(tmp_path: Path) -> Run:
    return read_run(build_run(tmp_path, KEY, 3), KEY, 3)


def by_step(points: list[run_entries.Point], key: str) -> dict[int, float]:
    return {point.step: point.value for point in points if point.key == key}


def test_import_needs_no_mlflow(root: Path) -> None:
    code = "import sys, conpet.tracking; print('mlflow' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert found.stdout.strip() == "False"


def test_flatten() -> None:
    nested = {"a": {"b": {"c": 1}, "d": None}, "e": [1, "x"], "f": True, "g": "text", "h": {}}
    assert run_entries.flatten(nested) == {
        "a.b.c": "1",
        "a.d": "null",
        "e": '[1, "x"]',
        "f": "true",
        "g": "text",
        "h": "{}",
    }


@pytest.mark.parametrize(
    "odd",
    [
        {r"encoder\.layer\.(0|1)\..*": 8, "value": 2},
        {"layer.0": 8},
        {"": 1},
        {"a" * 300: 1},
        {3: 1},
        {"größe": 1},
    ],
)
def test_keys_that_a_store_refuses_stay_in_one_value(odd: dict[Any, Any]) -> None:
    flat = run_entries.flatten({"tuning": {"rank_pattern": odd, "r": 4}})
    assert flat["tuning.r"] == "4"
    assert json.loads(flat["tuning.rank_pattern"]) == {str(k): v for k, v in odd.items()}


def test_settings_whose_keys_hold_dots_do_not_meet() -> None:
    flat = run_entries.flatten({"t": {"a": {"b": 1}, "a.b": 2}})
    assert json.loads(flat["t"]) == {"a": {"b": 1}, "a.b": 2}


def test_long_values_are_cut_but_stay_different() -> None:
    first, second = (run_entries.flatten({"x": ["class"] * 2000 + [end]})["x"] for end in "ab")
    assert len(first) == len(second) == run_entries.MAX_PARAM
    assert first != second


def test_parameters_say_who_first_and_hold_the_whole_config(record: Run) -> None:
    params = run_entries.run_params(record, config(KEY))
    assert list(params)[:5] == ["dataset", "model", "method", "seed", "tasks"]
    assert params["method"] == "dynamic"
    assert params["method.train.learning_rate"] == "0.001"
    assert set(run_entries.flatten(config(KEY))) <= set(params)


def test_metrics_by_task(record: Run) -> None:
    points = run_entries.run_metrics(record)
    expected = {t: round(record.tasks[t - 1].metrics["whole_accuracy"], 4) for t in (1, 2, 3)}
    assert by_step(points, "whole_accuracy") == expected
    assert by_step(points, "task_accuracy/02") == {
        2: accuracy("dynamic", 100, 2, 2),
        3: accuracy("dynamic", 100, 3, 2),
    }
    # Forgetting exists from the second task on: the drop of task 1.
    dropped = accuracy("dynamic", 100, 1, 1) - accuracy("dynamic", 100, 2, 1)
    assert set(by_step(points, "forgetting")) == {2, 3}
    assert by_step(points, "forgetting")[2] == pytest.approx(dropped, abs=5e-5)
    assert set(by_step(points, "selector_accuracy_top3")) == {3}


def test_costs_add_the_selector_and_experts_add_up(record: Run) -> None:
    points = run_entries.run_metrics(record)
    # Task 1 has no selector; later tasks train one for 10 s before the expert.
    assert by_step(points, "seconds") == {1: SPAN, 2: SPAN + 10, 3: SPAN + 10}
    assert by_step(points, "seconds_total") == {1: SPAN, 2: 2 * SPAN + 10, 3: 3 * SPAN + 20}
    assert by_step(points, "samples_passed") == {1: 640, 2: 1280, 3: 1280}
    state = [task.learner.state["stored_bytes"] for task in record.tasks]
    selector = [task.selector.state.get("stored_bytes", 0) for task in record.tasks]
    assert by_step(points, "stored_bytes_total") == {
        1: state[0],
        2: state[0] + state[1] + selector[1],
        3: sum(state) + selector[2],
    }


def test_linear_learner_keeps_its_last_state_only(tmp_path: Path) -> None:
    key = RunKey("demo", "demo", "minilm", "emr", 100)
    record = read_run(build_run(tmp_path, key, 3), key, 3)
    points = run_entries.run_metrics(record)
    stored = by_step(points, "stored_bytes")
    assert by_step(points, "stored_bytes_total") == stored
    assert not any(point.key.startswith("selector") for point in points)


def test_metrics_come_in_reading_order(record: Run) -> None:
    keys = list(dict.fromkeys(point.key for point in run_entries.run_metrics(record)))
    assert keys[:3] == ["whole_accuracy", "average_accuracy", "forgetting"]


def test_curves_and_times(record: Run) -> None:
    task = record.tasks[1]
    points = run_entries.task_metrics(task)
    loss = by_step(points, "loss")
    assert len(loss) == 40 and loss[1] > loss[40]
    assert by_step(points, "valid_accuracy") == pytest.approx({1: 0.7, 2: 0.8, 3: 0.9})
    assert len(by_step(points, "selector_loss")) == 40
    assert by_step(points, "learning_accuracy") == {2: accuracy("dynamic", 100, 2, 2)}
    end = 1000 * (BIRTH + 120)
    times = [point.time for point in points if point.key == "loss"]
    assert times == sorted(times) and times[-1] == end
    assert times[0] == end - 1000 * SPAN + 1000 * SPAN // 40
    assert task.start_ms == end - 1000 * (SPAN + 10)


def test_epochs_are_counted_as_in_the_log(record: Run) -> None:
    """state.json counts from 0, and says -1 of what was there before: the log, 1 and nothing."""
    task = record.tasks[1]
    assert task.learner.state["best_epoch"] == 2  # the last of three
    assert by_step(run_entries.task_metrics(task), "best_epoch") == {2: 3}
    assert "Best epoch: 3\n" in notes.task_note(record, task)
    assert [line[:4] for line in notes.task_note(record, task).splitlines()[-3:]] == [
        "| 1 ", "| 2 ", "| 3 ",
    ]  # fmt: skip
    untrained = replace(task.learner, state={**task.learner.state, "best_epoch": -1})
    assert untrained.best_epoch == 0


def test_what_it_was_computed_with_is_told(record: Run) -> None:
    assert "computed" not in run_entries.run_params(record, {})
    last = record.tasks[-1]
    learner = replace(
        last.learner,
        state={**last.learner.state, "precision": "bfloat16"},
        timing={**last.learner.timing, "device": "cpu", "cpu": "Some CPU at 3 GHz"},
    )
    told = replace(record, tasks=[*record.tasks[:-1], replace(last, learner=learner)])
    params = run_entries.run_params(told, {"settings": {"compute": {"precision": "auto"}}})
    assert params["computed"] == "bfloat16, cpu, Some CPU at 3 GHz"


def test_seconds_are_rounded(record: Run) -> None:
    odd = {"seconds": 9.681666666666667}
    tasks = [replace(t, learner=replace(t.learner, timing=odd)) for t in record.tasks]
    points = run_entries.run_metrics(replace(record, tasks=tasks))
    assert by_step(points, "seconds")[1] == 9.682
    assert by_step(points, "seconds_total")[3] == 49.045


def test_tags(record: Run) -> None:
    tags = run_entries.run_tags(record, {**TAGS, "empty": "", "none": None, "dirty": True})
    assert tags["conpet.run_key"] == "demo/demo/minilm/dynamic/100"
    assert tags["conpet.kind"] == "run"
    assert tags["mlflow.source.git.commit"] == tags["git_commit"] == TAGS["git_commit"]
    assert tags["dirty"] == "true"
    assert not {"empty", "none"} & set(tags)
    one = run_entries.task_tags(record, record.tasks[0], TAGS)
    assert one["conpet.run_key"] == "demo/demo/minilm/dynamic/100/task01"
    assert one["plan_sha256"] == record.tasks[0].learner.state["plan_sha256"]
    assert len(tags["plan_sha256"]) == 64 and tags["plan_sha256"] != one["plan_sha256"]


def test_note_says_what_became_of_each_task(record: Run) -> None:
    note = notes.run_note(record)
    new, now = (100 * accuracy("dynamic", 100, after, 1) for after in (1, 3))
    row = next(line for line in note.splitlines() if line.startswith("| 1 |"))
    assert row.endswith(f"| {new:.1f} | {now:.1f} | {SPAN:.1f} |")
    assert "selector" in note


def test_note_of_a_long_stream_fits(tmp_path: Path) -> None:
    key = RunKey("demo", "demo", "minilm", "finetune", 100)
    note = notes.run_note(read_run(build_run(tmp_path, key, 200), key, 200))
    assert len(note) <= run_entries.MAX_TAG
    assert "| 1 |" in note and "| 200 |" in note and "left out" in note


def test_views_are_small_and_name_metrics_that_exist(record: Run) -> None:
    tags = views.tags_of("demo")
    logged = {point.key for point in run_entries.run_metrics(record)}
    saved = [
        json.loads(tags[f"mlflow.sharedViewState.{key}"]) for key in (views.RUNS, views.METHODS)
    ]
    for view in saved:
        state = json.loads(view["state"])
        shown = [name for name in state["selectedColumns"] if name.startswith("metrics.")]
        assert {name.removeprefix("metrics.").strip("`") for name in shown} <= logged
        assert {chart["metricKey"] for chart in state["compareRunCharts"]} <= logged
    assert max(map(len, tags.values())) < 20_000


def test_colours_are_those_of_the_figures_and_all_different(root: Path, record: Run) -> None:
    shown = [
        validate(Method, read_yaml(path), str(path)).look
        for path in sorted((root / "config/methods").glob("*.yaml"))
    ]
    colors = [run_entries.color(look) for look in shown if look]
    assert len(set(colors)) == len(shown)
    assert {look.color for look in shown if look and look.filled} <= set(colors)
    look = Look(color="#0072B2", filled=False)
    assert run_entries.color(look) == "#59a3cd"
    assert run_entries.run_tags(record, {}, look)["mlflow.runColor"] == "#59a3cd"
    assert "mlflow.runColor" not in run_entries.run_tags(record, {})


def told_apart(run: Run) -> Run:
    """Return a run in which no two of a task's numbers are equal."""
    tasks = []
    for number, task in enumerate(run.tasks, start=1):
        scores = {"whole_accuracy": 0.5, "average_accuracy": 0.6, "macro_f1": 0.7}
        scores = {name: value + number / 100 for name, value in scores.items()}
        top = {str(k): 0.8 + k / 100 for k in range(1, min(number, 3) + 1)}
        tasks.append(replace(task, metrics={**task.metrics, **scores, "selector_accuracy": top}))
    return replace(run, tasks=tasks)


def test_each_metric_is_what_its_name_says(record: Run) -> None:
    run = told_apart(record)
    points = run_entries.run_metrics(run)
    for name in ("whole_accuracy", "average_accuracy", "macro_f1", "classes_seen"):
        expected = {task.number: task.metrics[name] for task in run.tasks}
        assert by_step(points, name) == pytest.approx(expected)
    assert by_step(points, "selector_accuracy_top2") == pytest.approx({2: 0.82, 3: 0.82})
    assert by_step(points, "mean_whole_accuracy") == pytest.approx({1: 0.51, 2: 0.515, 3: 0.52})
    transfer = {n: summary["backward_transfer"] for n, summary in enumerate(run.summaries, 1)}
    assert by_step(points, "backward_transfer") == pytest.approx(
        {n: value for n, value in transfer.items() if value is not None}, abs=1e-4
    )
    assert by_step(points, "samples_passed_total") == {1: 640, 2: 1920, 3: 3200}
    assert by_step(points, "tokens_passed") == {1: 25600, 2: 51200, 3: 51200}
    of = {task.number: task.learner.state["trainable_parameters"] for task in run.tasks}
    assert by_step(points, "trainable_parameters") == of
    model = run_entries.model_metrics(run, run.tasks[1])
    assert by_step(model, "mean_whole_accuracy") == pytest.approx({2: 0.515})
    assert json.loads(run_entries.data_input(run, run.tasks[1], "").profile)["test_samples"] == 200


def test_a_tasks_metrics_are_what_their_names_say(record: Run) -> None:
    task = record.tasks[1]
    timed = [
        replace(t, timing={**t.timing, "cpu_seconds": seconds, "peak_memory_mb": 10 * seconds})
        for t, seconds in ((task.learner, 5.0), (task.selector, 3.0))
    ]
    points = run_entries.task_metrics(replace(task, learner=timed[0], selector=timed[1]))
    assert by_step(points, "epoch_loss") == pytest.approx({1: 2.0, 2: 1.0, 3: 2 / 3})
    assert by_step(points, "steps") == {2: 40}
    assert by_step(points, run_entries.CPU_SECONDS) == {2: 8.0}
    assert by_step(points, run_entries.PEAK_MEMORY) == {2: 50.0}


def test_a_note_says_what_the_run_came_to_and_cost(record: Run) -> None:
    run = told_apart(record)
    summary, state = run.summaries[-1], run.last.learner.state
    head = notes.run_note(run).partition("\n\n| ")[0]
    assert "After the last task: whole accuracy **53.0 %**, average 63.0 %, forgetting " in head
    assert f"forgetting {100 * summary['forgetting']:.1f} %." in head
    assert "Cost: 110.0 s of training, 3,200 samples passed, " in head
    assert f"{state['trainable_parameters']:,} of {state['total_parameters']:,} parameters" in head
    assert f"{run.kept_bytes(3) / 1e6:.2f} MB stored." in head


def test_the_last_epoch_ends_with_the_training() -> None:
    epochs = [{"epoch": e, "loss": 1.0, "valid_accuracy": 0.5} for e in (-1, 0, 1, 2)]
    state = {"epochs": epochs, "loss_curve": [[1, 1.0], [4, 0.5]]}
    points = run_entries._curves(Training(state, {"seconds": 30.0}, end_ms=30_000), "")
    for name in ("loss", "epoch_loss", "valid_accuracy"):
        assert max(point.time for point in points if point.key == name) == 30_000
