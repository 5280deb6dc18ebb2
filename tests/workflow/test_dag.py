"""Which jobs are run, with what, and which are run again."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import itertools
import json
import re
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from conpet.commands.results import TARGETS
from conpet.config import load_experiment
from conpet.files import read_json, write_json
from conpet.learners import learner_class
from conpet.reporting.figures import FIGURES
from conpet.reporting.tables import TABLES
from tests.conftest import ROOT
from tests.workflow.conftest import Workspace, said

pytestmark = pytest.mark.slow

RUNS = {f"tiny minilm {method} seed 7" for method in ("simple", "recall", "expert")}
SUMMARY = "tables and figures of tiny"


def option(call: list[str], name: str) -> list[str]:
    """Return the values of one option of a call, which may be given more than once."""
    return [value for word, value in itertools.pairwise(call) if word == f"--{name}"]


def call_of(workspace: Workspace, rule: str, method: str, task: int) -> list[str]:
    """Return the one call of a rule that writes into a task of a method's run."""
    place = f"results/tiny/tiny/minilm/{method}/seed7/task{task:02d}/"
    found = [
        call
        for call in workspace.calls()
        if call[0] == rule
        and any(v.startswith(place) for name in ("out", "metrics") for v in option(call, name))
    ]
    assert len(found) == 1
    return found[0]


def told(workspace: Workspace, call: list[str]) -> dict[str, Any]:
    """Return the settings that a call was handed."""
    (name,) = option(call, "settings")
    value: dict[str, Any] = json.loads((workspace.folder / name).read_text())
    return value


def files(call: list[str], name: str, method: str) -> list[str]:
    start = f"results/tiny/tiny/minilm/{method}/seed7/"
    return [value.removeprefix(start) for value in option(call, name)]


def test_demo_is_the_whole_matrix_whatever_the_config_says(fresh: Workspace) -> None:
    demo = load_experiment("demo", ROOT / "config")
    tasks = demo.tasks("demo")
    methods = demo.methods.values()
    runs = len(methods) * len(demo.seeds)
    experts = sum(learner_class(m.learner).experts for m in methods) * len(demo.seeds)
    counts = {rule: len(jobs) for rule, jobs in fresh.planned("demo").items()}
    assert counts.pop("fetch") == 2  # a model and a dataset
    assert counts.pop("make") == 1  # the store
    assert counts == {
        "prepare": 1,
        "split": 1,
        "encode": 1,
        "train": runs * tasks,
        "evaluate": runs * tasks,
        "package": 1,  # a learner to ask
        "log": 1,  # as a model of MLflow
        "select": experts * (tasks - 1),
        "track": runs + 1,  # the tables and figures too
        "table": len(TABLES),
        "figure": len(FIGURES),
        "report": 1,
        "rules": 1,
    }


def test_what_the_report_says_of_the_rules_is_the_workflow(finished: Workspace) -> None:
    rules = json.loads((finished.folder / "results/tiny/rules.json").read_text())
    counted = re.findall(r"\d+ jobs: (.*)", finished.run("-n", "--forceall", "all").stderr)[0]
    jobs = {rule: int(n) for n, rule in re.findall(r"(\d+) (\w+)", counted)}
    jobs.pop("all")
    assert {name: entry["jobs"] for name, entry in rules.items()} == jobs
    assert rules["split"]["after"] == ["fetch_dataset", "prepare"]
    assert {"train", "select", "encode", "fetch_model"} <= {*rules["train"]["after"]}
    assert rules["fetch_model"]["level"] == 0 < rules["train"]["level"]
    assert list(rules) == sorted(rules, key=lambda name: (rules[name]["level"], name))
    said = [entry["meaning"] for entry in rules.values()]
    assert all(said), "a rule's docstring says in the report what it is for"


def test_what_is_finished_is_shown_without_running_the_rest(fresh: Workspace) -> None:
    done = fresh.run("partial")
    assert done.returncode == 0, done.stderr
    assert [call[0] for call in fresh.calls()] == ["tables"]


def test_no_timer_wakes_the_scheduler_for_every_job_that_ended(fresh: Workspace) -> None:
    done = fresh.run("partial", "--verbose")
    assert done.returncode == 0, done.stderr
    # what jobs per second leave free is _job_count: no limit, and nobody asks again
    left = re.findall(r"Resources after job selection: .*'_job_count': (\d+)", done.stderr)
    assert {*left} == {str(sys.maxsize)}


def test_every_target_is_listed_by_conpet_targets() -> None:
    targets = re.findall(r"^rule (\w+):", (ROOT / "Snakefile").read_text(), re.MULTILINE)
    assert sorted(targets) == sorted(TARGETS)


def test_verify_makes_it_again_elsewhere_and_compares(finished: Workspace) -> None:
    assert "nothing is published of experiment tiny" in finished.run("verify").stderr
    assert finished.run("publish").returncode == 0
    tables = finished.folder / "results/published/tiny/tables"
    tables.mkdir()
    finished.forget_calls()
    (tables / "main.json").write_text('{"config_sha256": "00"}', encoding="utf-8")
    assert "published of other settings than tiny has now" in finished.run("verify").stderr
    assert not finished.calls()  # refused before anything is trained
    (tables / "main.json").unlink()
    finished.extend(ADDITION)  # after it was published
    before = finished.bytes()
    finished.forget_calls()
    done = finished.run("verify", tolerance="0.5")
    assert done.returncode == 0, done.stderr
    counts = collections.Counter(call[0] for call in finished.calls())
    assert (counts["train"], counts["table"], counts["verify"]) == (9, len(TABLES), 1)
    assert counts["fetch-model"] == counts["fetch-dataset"] == 0
    assert option(finished.calls()[-1], "tolerance") == ["0.5"]
    assert finished.bytes() == before
    assert not (finished.folder / "results/scratch/tiny").exists()


def test_what_differs_is_kept_for_a_look_and_made_anew(finished: Workspace) -> None:
    (finished.folder / "results/published/tiny/tables").mkdir(parents=True)
    done = finished.run("verify", env={"FAKE_FAIL": "verify"})
    assert done.returncode == 1
    assert "kept in results/scratch/tiny" in done.stderr
    assert (finished.folder / "results/scratch/tiny/results/tiny/tables/main.csv").is_file()
    finished.forget_calls()
    assert finished.run("verify").returncode == 0
    assert sum(call[0] == "train" for call in finished.calls()) == 9


def test_each_job_is_given_what_it_needs_and_no_more(finished: Workspace) -> None:
    simple = call_of(finished, "train", "simple", 3)
    assert files(simple, "state", "simple") == ["task02/state"]
    assert "--selector" not in simple
    assert option(simple, "snapshot") == ["results/models/minilm"]
    assert option(simple, "encoded") == ["results/tiny/tiny/minilm/base.safetensors"]
    recall = call_of(finished, "train", "recall", 3)
    assert files(recall, "state", "recall") == ["task02/state"]
    expert = call_of(finished, "train", "expert", 3)
    assert files(expert, "state", "expert") == ["task01/state", "task02/state"]
    assert files(expert, "selector", "expert") == ["task03/selector"]
    second, third = (call_of(finished, "select", "expert", task) for task in (2, 3))
    assert "--previous" not in second
    assert files(third, "previous", "expert") == ["task02/selector"]
    assert files(third, "state", "expert") == []
    tested = call_of(finished, "evaluate", "expert", 3)
    assert files(tested, "state", "expert") == ["task01/state", "task02/state", "task03/state"]
    assert files(tested, "selector", "expert") == ["task03/selector"]
    assert "--selector" not in call_of(finished, "evaluate", "expert", 1)
    assert files(call_of(finished, "evaluate", "recall", 3), "state", "recall") == ["task03/state"]
    counts = collections.Counter(call[0] for call in finished.calls())
    assert (counts["select"], counts["track-store"]) == (2, 1)


def test_methods_that_train_alike_train_once(fresh: Workspace) -> None:
    fresh.write("methods/fitted.yaml", "title: F\nlearner: linear\nreplay: none\n"
                "settings: {head: lda}\n")  # fmt: skip
    path = fresh.folder / "config/experiments/tiny.yaml"
    fresh.write("experiments/tiny.yaml", path.read_text().replace("simple, ", "simple, fitted, "))
    done = fresh.run("results/tiny/tiny/minilm/fitted/seed7/task02/metrics.json")
    assert done.returncode == 0, done.stderr
    assert collections.Counter(call[0] for call in fresh.calls())["train"] == 4
    taken = call_of(fresh, "train", "fitted", 2)
    assert files(taken, "trained", "simple") == ["task02/state"]
    assert files(taken, "state", "fitted") == ["task01/state"]
    assert "--trained" not in call_of(fresh, "train", "simple", 2)


def test_logs_and_benchmarks_lie_beside_the_results(finished: Workspace) -> None:
    place = "tiny/minilm/expert/seed7/task02"
    results = finished.folder / "results"
    assert (results / "tiny" / "logs" / place / "train.log").is_file()
    measured = (results / "tiny" / "benchmarks" / place / "train.tsv").read_text()
    assert {"s", "max_rss"} <= set(measured.splitlines()[0].split("\t"))
    assert (results / "models" / "minilm.benchmark.tsv").is_file()


def test_a_second_run_does_nothing_with_a_mirror_or_another_target(finished: Workspace) -> None:
    finished.forget_calls()
    done = finished.run("all", mirror="config")
    assert done.returncode == 0
    assert "Nothing to be done" in done.stderr
    assert finished.calls() == []
    assert finished.planned("tables") == {}


def test_a_learning_rate_reruns_its_method_alone(finished: Workspace) -> None:
    finished.append("methods/recall.yaml", "settings: {training: {lr: 5e-4}}\n")
    jobs = finished.planned("all")
    published = {rule: jobs.pop(rule) for rule in ("table", "figure", "report", "track")}
    assert set(jobs) == {"train", "evaluate"}
    assert len(jobs["train"]) == 3
    assert {name.rpartition(" task")[0] for names in jobs.values() for name in names} == {
        "tiny minilm recall seed 7"
    }
    assert published["track"] == ["tiny minilm recall seed 7", SUMMARY]


def test_what_is_learnt_is_tested_before_the_rest_is_learnt(finished: Workspace) -> None:
    rules = [call[0] for call in finished.calls()]
    last = len(rules) - 1 - rules[::-1].index("train")
    # two jobs run at a time, and a busy machine may be late with some
    assert rules[:last].count("evaluate") > rules.count("evaluate") / 2


@pytest.mark.parametrize("target", ["all", "tables"])
def test_a_run_that_is_gone_comes_back(target: str, finished: Workspace) -> None:
    shutil.rmtree(finished.folder / "results/tiny/tiny/minilm/simple")
    jobs = finished.planned(target)
    assert len(jobs["train"]) == len(jobs["evaluate"]) == 3
    assert all("simple" in name for name in jobs["train"])


def test_a_rate_of_a_later_task_leaves_the_earlier_ones(finished: Workspace) -> None:
    finished.append("methods/simple.yaml", "settings: {training: {lr: {1: 1e-3, 3: 5e-4}}}\n")
    jobs = finished.planned("all")
    assert jobs["train"] == jobs["evaluate"] == ["tiny minilm simple seed 7 task 03"]


def test_a_reworded_title_is_shown_and_nothing_is_learnt_again(finished: Workspace) -> None:
    path = finished.folder / "config" / "methods" / "recall.yaml"
    finished.write("methods/recall.yaml", path.read_text().replace("Recall", "Recalling"))
    jobs = finished.planned("all")
    # runs are called by it in MLflow
    assert set(jobs.pop("track")) == {"tiny minilm recall seed 7", SUMMARY}
    assert set(jobs) == {"table", "figure", "report"}


def test_a_new_key_with_its_default_reruns_nothing(finished: Workspace) -> None:
    """As after an update of this package: what was never said is what it was."""
    finished.append("methods/recall.yaml", "options: {}\nreplay_options: {}\nagainst: []\n")
    finished.append("experiments/tiny.yaml", "settings: {head: grow, compute: {fast: true}}\n")
    assert finished.planned("all") == {}


def test_a_job_is_handed_the_settings_that_trigger_it(finished: Workspace) -> None:
    train = told(finished, call_of(finished, "train", "expert", 2))
    assert (train["learner"], train["replay"]) == ("experts", "dynamic")
    assert train["lora_targets"] == ["query", "value"]
    assert told(finished, call_of(finished, "evaluate", "expert", 2)) == {}
    for call in finished.calls():
        assert "--config-dir" not in call
        if call[0] in ("publish", "track-store", "log-model"):
            continue
        (path,) = option(call, "settings")
        text = (finished.folder / path).read_bytes()
        assert Path(path).stem == hashlib.sha256(text).hexdigest()


ADDITION = "additions:\n  - {generator: {seed: 2}, classes: [P1, P2]}\n"


def test_what_is_published_stays_until_the_new_one_is_there(finished: Workspace) -> None:
    assert finished.run("publish").returncode == 0
    kept = finished.folder / "results/published/tiny"
    (kept / "notes.txt").write_text("mine")
    again = ("publish", "--forcerun", "keep")
    assert finished.run(*again, env={"FAKE_FAIL": "publish"}).returncode == 1
    assert (kept / "notes.txt").read_text() == "mine"
    assert (kept / "state.json").is_file()
    assert finished.run(*again).returncode == 0


def test_figures_of_others_reach_table_and_page(finished: Workspace) -> None:
    finished.write("author_results.csv", "dataset,method\n")
    jobs = finished.planned("all")
    assert [len(jobs[rule]) for rule in ("table", "report")] == [1, 1]


def test_all_logs_packaged_learners_again_as_mlflow_does(finished: Workspace) -> None:
    assert finished.run("models").returncode == 0
    finished.append("methods/simple.yaml", "settings: {training: {lr: 0.5}}\n")
    logged = finished.planned("all")["log"]
    assert logged
    assert sorted(logged) == sorted(finished.planned("mlflow")["log"])


def test_a_damaged_file_of_settings_is_written_again(finished: Workspace) -> None:
    handed = sorted((finished.folder / ".snakemake/conpet").glob("*.json"))
    before = [path.read_bytes() for path in handed]
    for path in handed:
        path.write_text("")
    assert finished.run("all").returncode == 0
    assert [path.read_bytes() for path in handed] == before


def test_what_was_extended_is_not_published(finished: Workspace) -> None:
    finished.extend(ADDITION)
    done = finished.run("publish")
    assert done.returncode == 1
    expected = "config/additions/tiny.yaml: adds tasks to tiny: publish without it, or under a na"
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("own_file", [False, True])
def test_an_appended_task_runs_itself_and_what_follows(own_file: bool, finished: Workspace) -> None:
    if own_file:
        finished.extend(ADDITION)
    else:
        finished.append("datasets/tiny.yaml", ADDITION)
    jobs = finished.planned("all")
    for rule in ("table", "figure", "rules", "report"):
        jobs.pop(rule)
    assert set(jobs.pop("track")) == {*RUNS, SUMMARY}
    assert set(jobs.pop("train")) == set(jobs.pop("evaluate")) == {f"{run} task 04" for run in RUNS}
    assert jobs.pop("select") == ["tiny minilm expert seed 7 task 04"]
    assert jobs == {
        "fetch": ["dataset tiny (add1)"],
        "prepare": ["tiny (add1)"],
        "split": ["tiny (add1)"],
        "encode": ["tiny (add1) for minilm"],
    }
    finished.forget_calls()
    assert finished.run("all").returncode == 0
    train = call_of(finished, "train", "expert", 4)
    parts = ("base", "add1")
    assert option(train, "encoded") == [f"results/tiny/tiny/minilm/{p}.safetensors" for p in parts]
    split = next(call for call in finished.calls() if call[0] == "split")
    assert option(split, "before") == ["results/tiny/tiny/base.tasks.json"]


def test_a_lost_store_is_filled_again(finished: Workspace) -> None:
    (finished.folder / "results" / "mlflow.db").unlink()
    jobs = finished.planned("mlflow")
    assert set(jobs.pop("track")) == {*RUNS, SUMMARY}
    assert jobs.pop("make") == ["the MLflow store sqlite:///results/mlflow.db"]
    assert set(jobs) == {"report"}  # which links to the new runs
    assert finished.planned("tables") == {}


def test_an_experiment_deleted_in_mlflow_says_how_to_log_it_again(finished: Workspace) -> None:
    path = finished.folder / "results" / "mlflow.db"
    before = path.read_bytes()
    path.unlink()
    try:
        with contextlib.closing(sqlite3.connect(path)) as store:
            store.execute("CREATE TABLE experiments (name TEXT, lifecycle_stage TEXT)")
            store.execute("INSERT INTO experiments VALUES ('tiny', 'deleted')")
            store.commit()
        line = (
            "tiny: was deleted in MLflow: log it again: "
            "snakemake mlflow --config experiment=tiny --forcerun store"
        )
        assert said(finished.run("mlflow", "-n")).count(line) == 1
        with contextlib.closing(sqlite3.connect(path)) as store:
            store.execute("UPDATE experiments SET lifecycle_stage = 'active'")
            store.commit()
        assert line not in said(finished.run("mlflow", "-n"))
    finally:
        path.write_bytes(before)


def test_another_store_is_filled_too(finished: Workspace) -> None:
    jobs = finished.planned("mlflow", store="http://127.0.0.1:5000")
    assert set(jobs["track"]) == {*RUNS, SUMMARY}
    assert set(jobs) == {"track", "make", "report"}


@pytest.mark.parametrize(
    ("begins", "second", "third"),
    [("selector", ["task01/state"], ["task01/state", "task02/state"]),
     ("shared", ["task01/state"], [])],
)  # fmt: skip
def test_a_selector_may_start_from_the_experts(
    begins: str, second: list[str], third: list[str], finished: Workspace
) -> None:
    finished.append("methods/expert.yaml", f"options: {{expert_init: {begins}}}\n")
    finished.forget_calls()
    target = "results/tiny/tiny/minilm/expert/seed7/task03/selector"
    assert finished.run(target).returncode == 0
    calls = [call_of(finished, "select", "expert", task) for task in (2, 3)]
    assert [files(call, "state", "expert") for call in calls] == [second, third]


def test_a_selector_has_the_memory_of_a_replay_that_keeps_one(finished: Workspace) -> None:
    kept = finished.folder / ".snakemake/conpet/checked.json"
    checked = read_json(kept)
    for facts in checked.values():  # as of a replay of one's own
        facts["expert"]["keeps"] = True
    write_json(kept, checked)
    wanted = "results/tiny/tiny/minilm/expert/seed7/task03/selector"
    done = finished.run("-n", "-p", wanted, "--forcerun", "select")
    (command,) = [line for line in done.stderr.splitlines() if "--task 03" in line]
    states = [f"--state {wanted.replace('task03/selector', f'task0{t}/state')}" for t in (1, 2)]
    assert " ".join(states) in command


def test_an_experiment_may_be_any_file(fresh: Workspace) -> None:
    text = (fresh.folder / "config" / "experiments" / "tiny.yaml").read_text()
    (fresh.folder / "mine.yaml").write_text(text)
    target = "results/mine/tiny/base.tasks.json"
    assert fresh.run(target, experiment="mine.yaml").returncode == 0
    assert [call[0] for call in fresh.calls()] == ["fetch-dataset", "prepare", "split"]


def test_a_path_brings_its_own_experiment(fresh: Workspace) -> None:
    target = "results/tiny/tiny/base.tasks.json"
    assert fresh.run(target, experiment="demo").returncode == 0
    split = told(fresh, fresh.calls()[-1])
    assert split["order"] == {"seed": 1, "tasks": 3}


def test_models_are_packaged_from_the_last_task_and_logged(finished: Workspace) -> None:
    jobs = finished.planned("models")
    assert set(jobs) == {"package", "log"}
    assert {name.removeprefix("model ") for name in jobs["log"]} == RUNS == set(jobs["package"])
    assert finished.run("models").returncode == 0
    made = {
        method: call
        for call in finished.calls()
        for method in ("simple", "recall", "expert")
        if call[0] == "package" and f"/{method}/" in option(call, "out")[0]
    }
    tasks = ["task01/state", "task02/state", "task03/state"]
    assert files(made["expert"], "state", "expert") == tasks
    assert files(made["expert"], "selector", "expert") == ["task03/selector"]
    assert files(made["recall"], "state", "recall") == ["task03/state"]
    assert "--selector" not in made["recall"]
    assert "--raw" not in made["recall"]
    assert finished.planned("models") == {}
    # a store that is lost takes the models along; packaging is not done again for it
    (finished.folder / "results" / "mlflow.db").unlink()
    jobs = finished.planned("mlflow")
    assert set(jobs) == {"track", "make", "log", "report"}  # which links to the new runs
    assert {name.removeprefix("model ") for name in jobs["log"]} == RUNS


def test_no_rule_needs_cores_that_a_cluster_does_not_name() -> None:
    """`workflow.cores` is an error where a profile names jobs instead."""
    for path in (ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")):
        code = [line.split("#")[0] for line in path.read_text(encoding="utf-8").splitlines()]
        assert "workflow.cores" not in "\n".join(code), path.name
