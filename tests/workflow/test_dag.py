"""Which jobs are run, with what, and which are run again."""

from __future__ import annotations

import collections
import re

import pytest

from conpet.config import load_experiment
from conpet.jobs.publish import TARGETS
from conpet.learners import find
from conpet.reporting.figures import FIGURES
from conpet.reporting.graph import EDGES, job_counts
from conpet.reporting.tables import TABLES
from tests.conftest import ROOT
from tests.workflow.conftest import Workspace

pytestmark = pytest.mark.slow

RUNS = {f"tiny minilm {method} seed 7" for method in ("simple", "recall", "expert")}
SUMMARY = "tables and figures of tiny"


def option(call: list[str], name: str) -> list[str]:
    """Return the values of one option of a call."""
    if f"--{name}" not in call:
        return []
    rest = call[call.index(f"--{name}") + 1 :]
    end = next((i for i, word in enumerate(rest) if word.startswith("--")), len(rest))
    return rest[:end]


def call_of(workspace: Workspace, rule: str, method: str, task: int) -> list[str]:
    keys = {"method": [method], "task": [f"{task:02d}"]}
    found = [
        call
        for call in workspace.calls()
        if call[0] == rule and all(option(call, name) == value for name, value in keys.items())
    ]
    assert len(found) == 1
    return found[0]


def files(call: list[str], name: str, method: str) -> list[str]:
    start = f"results/tiny/tiny/minilm/{method}/seed7/"
    return [value.removeprefix(start) for value in option(call, name)]


def test_demo_is_the_whole_matrix_whatever_the_config_says(fresh: Workspace) -> None:
    demo = load_experiment("demo", ROOT / "config")
    tasks = demo.tasks("demo")
    methods = demo.methods.values()
    runs = len(methods) * len(demo.seeds)
    experts = sum(find(m.learner).experts for m in methods) * len(demo.seeds)
    memory = sum(m.replay == "memory" for m in methods) * len(demo.seeds)
    counts = {rule: len(jobs) for rule, jobs in fresh.planned("demo").items()}
    assert counts.pop("fetch") == 2  # a model and a dataset
    assert counts.pop("make") == 1  # the store
    assert counts == {
        "prepare": 1,
        "split": 1,
        "encode": 1,
        "train": runs * tasks,
        "evaluate": runs * tasks,
        "select": experts * (tasks - 1),
        "remember": memory * tasks,
        "track": runs + 1,  # the tables and figures too
        "table": len(TABLES),
        "figure": len(FIGURES),
        "represent": len(methods),
        "report": 1,
    }


def test_the_reports_picture_is_the_workflow(fresh: Workspace) -> None:
    done = fresh.run("all", "--rulegraph", "mermaid-js")
    names = dict(re.findall(r"(id\d+)\[(\w+)\]", done.stdout))
    found = {(names[b], names[a]) for a, b in re.findall(r"(id\d+) --> (id\d+)", done.stdout)}
    drawn = {(rule, need) for rule, needs in EDGES.items() for need in needs}
    assert {(rule, need) for rule, need in found if rule != "all"} == drawn
    tiny = load_experiment("tiny", fresh.folder / "config")
    counted = re.findall(r"\d+ jobs: (.*)", fresh.run("-n", "all").stderr)[0]
    jobs = {rule: int(n) for n, rule in re.findall(r"(\d+) (\w+)", counted)}
    jobs.pop("all")
    assert job_counts(tiny) == jobs


def test_what_is_finished_is_shown_without_running_the_rest(fresh: Workspace) -> None:
    done = fresh.run("partial")
    assert done.returncode == 0, done.stderr
    assert [call[0] for call in fresh.calls()] == ["tables"]


def test_only_what_stands_for_a_method_is_represented(fresh: Workspace) -> None:
    fresh.append("experiments/tiny.yaml", "settings: {}\n")
    path = fresh.folder / "config/experiments/tiny.yaml"
    path.write_text(path.read_text().replace("seeds: [7]", "seeds: [7, 8]"))
    jobs = fresh.planned("figures")
    assert sorted(jobs["represent"]) == sorted(RUNS)
    assert "represent" not in fresh.planned("tables")


def test_every_target_is_listed_by_conpet_targets() -> None:
    targets = re.findall(r"^rule (\w+):", (ROOT / "Snakefile").read_text(), re.MULTILINE)
    assert sorted(targets) == sorted(TARGETS)


def test_verify_makes_it_again_elsewhere_and_compares(finished: Workspace) -> None:
    assert "nothing is published of tiny" in finished.run("verify").stderr
    assert finished.run("publish").returncode == 0
    (finished.folder / "results/published/tiny/tables").mkdir()
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
    assert files(simple, "states", "simple") == ["task02/state"]
    assert files(simple, "memories", "simple") == []
    assert "--selector" not in simple
    assert option(simple, "snapshot") == ["results/models/minilm"]
    assert option(simple, "encoded") == ["results/tiny/tiny/minilm/base.safetensors"]
    recall = call_of(finished, "train", "recall", 3)
    assert files(recall, "states", "recall") == ["task02/state"]
    assert files(recall, "memories", "recall") == ["task01/memory.json", "task02/memory.json"]
    expert = call_of(finished, "train", "expert", 3)
    assert files(expert, "states", "expert") == ["task01/state", "task02/state"]
    assert files(expert, "selector", "expert") == ["task03/selector"]
    second, third = (call_of(finished, "select", "expert", task) for task in (2, 3))
    assert "--previous" not in second
    assert files(third, "previous", "expert") == ["task02/selector"]
    assert files(third, "states", "expert") == []
    tested = call_of(finished, "evaluate", "expert", 3)
    assert files(tested, "states", "expert") == ["task01/state", "task02/state", "task03/state"]
    assert files(tested, "selector", "expert") == ["task03/selector"]
    assert "--selector" not in call_of(finished, "evaluate", "expert", 1)
    assert files(call_of(finished, "evaluate", "recall", 3), "states", "recall") == ["task03/state"]
    assert files(call_of(finished, "remember", "recall", 2), "states", "recall") == ["task02/state"]
    counts = collections.Counter(call[0] for call in finished.calls())
    assert (counts["select"], counts["remember"], counts["track-store"]) == (2, 3, 1)


def test_logs_and_benchmarks_lie_beside_the_results(finished: Workspace) -> None:
    place = "tiny/minilm/expert/seed7/task02"
    results = finished.folder / "results"
    assert (results / "tiny" / "logs" / place / "train.log").is_file()
    measured = (results / "tiny" / "benchmarks" / place / "train.tsv").read_text()
    assert {"s", "max_rss"} <= set(measured.splitlines()[0].split("\t"))
    assert (results / "models" / "minilm.benchmark.tsv").is_file()


def test_a_second_run_does_nothing_with_a_mirror_or_another_target(finished: Workspace) -> None:
    finished.forget_calls()
    done = finished.run("all", mirror="somewhere")
    assert done.returncode == 0
    assert "Nothing to be done" in done.stderr
    assert finished.calls() == []
    assert finished.planned("tables") == {}


def test_a_learning_rate_reruns_its_method_alone(finished: Workspace) -> None:
    finished.append("methods/recall.yaml", "settings: {training: {lr: 5e-4}}\n")
    jobs = finished.planned("all")
    published = {rule: jobs.pop(rule) for rule in ("table", "figure", "report", "track")}
    assert jobs.pop("represent") == ["tiny minilm recall seed 7"]
    assert set(jobs) == {"train", "remember", "evaluate"}
    assert len(jobs["train"]) == 3
    assert {name.rpartition(" task")[0] for names in jobs.values() for name in names} == {
        "tiny minilm recall seed 7"
    }
    assert published["track"] == ["tiny minilm recall seed 7", SUMMARY]


def test_a_rate_of_a_later_task_leaves_the_earlier_ones(finished: Workspace) -> None:
    finished.append("methods/simple.yaml", "settings: {training: {lr: {1: 1e-3, 3: 5e-4}}}\n")
    jobs = finished.planned("all")
    assert jobs["train"] == jobs["evaluate"] == ["tiny minilm simple seed 7 task 03"]


def test_a_reworded_title_reruns_nothing(finished: Workspace) -> None:
    path = finished.folder / "config" / "methods" / "recall.yaml"
    finished.write("methods/recall.yaml", path.read_text().replace("Recall", "Recalling"))
    assert finished.planned("all") == {}


def test_an_appended_task_runs_itself_and_what_follows(finished: Workspace) -> None:
    addition = "additions:\n  - {generator: {seed: 2}, classes: [P1, P2]}\n"
    finished.append("datasets/tiny.yaml", addition)
    jobs = finished.planned("all")
    assert set(jobs.pop("represent")) == RUNS
    for rule in ("table", "figure", "report"):
        jobs.pop(rule)
    assert set(jobs.pop("track")) == {*RUNS, SUMMARY}
    assert jobs.pop("remember") == ["tiny minilm recall seed 7 task 04"]
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


def test_another_store_is_filled_too(finished: Workspace) -> None:
    jobs = finished.planned("mlflow", store="http://127.0.0.1:5000")
    assert set(jobs["track"]) == {*RUNS, SUMMARY}
    assert set(jobs) == {"track", "make", "report"}


def test_a_selector_may_start_from_the_experts(finished: Workspace) -> None:
    finished.append("methods/expert.yaml", "options: {expert_init: selector}\n")
    finished.forget_calls()
    assert finished.run("all").returncode == 0
    third = call_of(finished, "select", "expert", 3)
    assert files(third, "states", "expert") == ["task01/state", "task02/state"]


def test_an_experiment_may_be_any_file(fresh: Workspace) -> None:
    text = (fresh.folder / "config" / "experiments" / "tiny.yaml").read_text()
    (fresh.folder / "mine.yaml").write_text(text)
    target = "results/mine/tiny/base.tasks.json"
    assert fresh.run(target, experiment="mine.yaml").returncode == 0
    assert all(option(call, "experiment") == ["mine.yaml"] for call in fresh.calls())


def test_a_path_brings_its_own_experiment(fresh: Workspace) -> None:
    target = "results/tiny/tiny/base.tasks.json"
    assert fresh.run(target, experiment="demo").returncode == 0
    assert {tuple(option(call, "experiment")) for call in fresh.calls()} == {("tiny",)}


def test_models_are_packaged_from_the_last_task_and_logged(finished: Workspace) -> None:
    jobs = finished.planned("models")
    assert set(jobs) == {"package", "log"}
    assert {name.removeprefix("model ") for name in jobs["log"]} == RUNS == set(jobs["package"])
    assert finished.run("models").returncode == 0
    made = {option(call, "method")[0]: call for call in finished.calls() if call[0] == "package"}
    tasks = ["task01/state", "task02/state", "task03/state"]
    assert files(made["expert"], "states", "expert") == tasks
    assert files(made["expert"], "selector", "expert") == ["task03/selector"]
    assert files(made["recall"], "states", "recall") == ["task03/state"]
    assert option(made["recall"], "task") == ["03"]
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
