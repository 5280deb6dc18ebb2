"""Runs in a store: logged, replaced, healed, rebuilt."""

from __future__ import annotations

import contextlib
import errno
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from conpet.errors import UserError
from conpet.files import read_json, write_text
from conpet.run import RunKey
from conpet.run.reading import read_run
from conpet.stores import is_deleted
from conpet.tracking import Summary, count_active, create_store, track_run, track_summary
from conpet.tracking.inventory import inventory
from tests.tracking import looked
from tests.tracking.conftest import Store
from tests.tracking.synthetic import METHODS, TAGS, build_run, config

pytestmark = pytest.mark.slow

KEY = RunKey("demo", "demo", "minilm", "dynamic", 100)


def test_parent_and_children(store: Store) -> None:
    tracked = read_json(store.track(KEY))
    parent = looked.client(store.uri).get_run(tracked["run_id"])
    children = looked.runs(store.uri, "task")
    assert count_active(store.uri) == 4
    assert parent.info.run_name == "dynamic · seed 100 · demo · minilm"
    assert parent.info.status == "FINISHED"
    assert {run.info.run_id for run in children} == set(tracked["children"])
    assert all(run.data.tags["mlflow.parentRunId"] == tracked["run_id"] for run in children)
    assert tracked["run_key"] == "demo/demo/minilm/dynamic/100"


def test_the_duration_is_that_of_the_trainings(store: Store) -> None:
    """MLflow shows end minus start: the files may be hours apart, the metrics say seconds."""
    run = build_run(store.root, KEY, 3)
    late = (run / "task03/metrics.json").stat().st_mtime + 7200
    os.utime(run / "task03/metrics.json", (late, late))
    out = run / "tracked.json"
    track_run(read_run(run, KEY, 3), config(KEY), TAGS, store.uri, store.artifacts, out)
    (parent,) = looked.runs(store.uri, "run")
    for found in (parent, *looked.runs(store.uri, "task")):
        seconds = found.data.metrics.get("seconds_total", found.data.metrics["seconds"])
        assert found.info.end_time - found.info.start_time == round(1000 * seconds)


def test_odd_settings_are_tracked(store: Store) -> None:
    """Keys of PEFT's rank_pattern are regular expressions."""
    run, odd = build_run(store.root, KEY, 1), {r"encoder\.layer\.[01]\..*": 8}
    params = {"settings": {"tuning": {"config": {"rank_pattern": odd}}}}
    track_run(read_run(run, KEY, 1), params, {}, store.uri, store.artifacts, store.root / "o.json")
    (parent,) = looked.runs(store.uri, "run")
    assert json.loads(parent.data.params["settings.tuning.config.rank_pattern"]) == odd


@pytest.mark.parametrize("name", ["a%20b", "a#b", "a?b", "a b", "größe", "a%b;c&d"])
def test_artifacts_stay_in_a_project_of_any_name(schema: Path, tmp_path: Path, name: str) -> None:
    here = tmp_path / name
    here.mkdir()
    # as the workflow says it: relative, so that no character of the project's path is in it;
    # MLflow knows a store that it has opened by its address
    database = f"{tmp_path.name}.db"
    uri = f"sqlite:///{database}"
    shutil.copy(schema, here / database)
    run = build_run(here, KEY, 1)
    with contextlib.chdir(here):
        for _ in range(2):
            out, read = here / "tracked.json", read_run(run, KEY, 1)
            track_run(read, {}, {}, uri, Path("mlartifacts"), out)
        assert len(inventory(uri)) > 50
    kept = [path.parent.parent.name for path in here.rglob("params.json")]
    assert kept == [read_json(out)["run_id"]]  # the old run's are gone
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_a_run_holds(store: Store) -> None:
    store.track(KEY)
    held = looked.dump(store.uri)
    run, task = held[str(KEY)], held[KEY.child(2)]
    metrics = read_json(store.root / "demo/demo/minilm/dynamic/seed100/task03/metrics.json")
    assert run["metrics"]["whole_accuracy"][3] == round(metrics["whole_accuracy"], 4)
    assert run["metrics"]["task_accuracy/01"][3] == metrics["task_accuracy"][0]
    assert run["params"]["method.tuning.r"] == "4"
    assert run["data"][0][:2] == ("demo", task["data"][0][1][:-2] + "03")
    assert set(run["artifacts"]) == {"params.json", *(f"task0{t}/metrics.json" for t in (1, 2, 3))}
    assert task["artifacts"] == {}  # they are its model's


def test_a_model_for_every_task_with_what_it_knows(store: Store) -> None:
    like = RunKey("demo", "demo", "minilm", "emr", 100)
    for key in (KEY, like, KEY):
        store.track(key)
    client = looked.client(store.uri)
    number = client.get_experiment_by_name("demo").experiment_id
    best = client.search_logged_models(
        [number], order_by=[{"field_name": "metrics.whole_accuracy", "ascending": False}]
    )
    values = {
        model.tags["conpet.run_key"]: {m.key: m.value for m in model.metrics} for model in best
    }
    assert set(values) == {key.child(task) for key in (KEY, like) for task in (1, 2, 3)}
    accuracies = [found["whole_accuracy"] for found in values.values()]
    assert accuracies == sorted(accuracies, reverse=True)
    metrics = read_json(store.root / "demo/demo/minilm/dynamic/seed100/task02/metrics.json")
    (model,) = [m for m in best if m.tags["conpet.run_key"] == KEY.child(2)]
    assert values[KEY.child(2)]["whole_accuracy"] == round(metrics["whole_accuracy"], 4)
    (data,) = {(m.dataset_name, m.dataset_digest[-2:]) for m in model.metrics}
    assert data == ("demo", "02")
    root = Path(model.artifact_location.removeprefix("file://"))
    assert {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()} == {
        f"{place}{name}"
        for place in ("", "selector/")
        for name in (
            "adapter/adapter_config.json",
            "adapter/adapter_model.safetensors",
            "learner.safetensors",
            "state.json",
        )
    }
    # of a run that was logged again, the first one's models are gone from the disk too
    assert len(list((store.artifacts / "demo/models").iterdir())) == len(values)


def test_logging_again_replaces(store: Store) -> None:
    first = read_json(store.track(KEY))
    old = looked.artifacts(looked.client(store.uri).get_run(first["run_id"]))
    run = store.root / "demo/demo/minilm/dynamic/seed100"
    changed = config(KEY)
    changed["method"]["train"]["learning_rate"] = 0.5
    del changed["method"]["train"]["epochs"]
    out = run / "tracked.json"
    track_run(read_run(run, KEY, 3), changed, TAGS, store.uri, store.artifacts, out)
    (parent,) = looked.runs(store.uri, "run")
    assert count_active(store.uri) == 4
    assert parent.info.run_id != first["run_id"]
    assert parent.data.params["method.train.learning_rate"] == "0.5"
    assert "method.train.epochs" not in parent.data.params
    # The artifacts of the old run are gone from the disk too.
    assert old and not list(store.artifacts.glob(f"demo/{first['run_id']}"))


def test_keys_that_begin_alike_are_not_mixed_up(store: Store) -> None:
    like = [
        RunKey("demo", "demo", "minilm", method, seed)
        for method, seed in (("a_b", 1), ("axb", 1), ("a_b", 10))
    ]
    for key in [*like, like[0]]:
        store.track(key, tasks=1)
    assert set(looked.dump(store.uri)) == {
        name for key in like for name in (str(key), key.child(1))
    }
    assert count_active(store.uri) == 6


@pytest.mark.parametrize(
    ("call", "nth"),
    [
        ("delete_run", 2),
        ("create_run", 1),
        ("create_run", 3),
        ("log_batch", 1),
        ("set_terminated", 4),
    ],
)
def test_a_crash_anywhere_heals(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch, call: str, nth: int
) -> None:
    from mlflow.tracking import MlflowClient

    store.track(KEY)
    calls = 0
    original = getattr(MlflowClient, call)

    def dies(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(MlflowClient, call, dies)
        store.track(KEY)
    # Never two runs of a key, not even before it is mended.
    assert len(looked.runs(store.uri, "run")) <= 1
    store.track(KEY)
    other.track(KEY)
    assert looked.dump(store.uri) == looked.dump(other.uri)


def test_a_longer_stream_and_a_shorter_one_replace(store: Store) -> None:
    for tasks in (2, 3, 1):
        store.track(KEY, tasks)
        assert count_active(store.uri) == 1 + tasks


def _log(root: str, method: str) -> None:
    Store(Path(root)).track(RunKey("demo", "demo", "minilm", method, 100))


def test_four_at_once_lose_nothing(store: Store, other: Store) -> None:
    context = multiprocessing.get_context("spawn")
    jobs = [context.Process(target=_log, args=(str(store.root), name)) for name in METHODS[:4]]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(120)
    assert [job.exitcode for job in jobs] == [0] * 4
    for name in METHODS[:4]:
        _log(str(other.root), name)
    assert looked.dump(store.uri) == looked.dump(other.uri)


def test_a_rebuilt_store_is_the_same(store: Store, other: Store) -> None:
    keys = [RunKey("demo", "demo", "minilm", name, 100) for name in METHODS[:3]]
    for key in [*keys, keys[0]]:
        store.track(key)
    for key in reversed(keys):
        other.track(key)
    assert looked.dump(store.uri) == looked.dump(other.uri)
    assert len(looked.dump(other.uri)) == 12


def test_summary(store: Store) -> None:
    table, figure = store.root / "main.md", store.root / "whole.svg"
    write_text(table, "| method | whole |\n|---|---:|\n| emr | 70.0 |\n")
    write_text(figure, "<svg/>")
    out = store.root / "summary.json"
    for accuracy in (0.6, 0.7):
        summary = Summary(
            "demo", [table], [figure], {"seeds": [100]}, TAGS, "The demo",
            {"best_whole_accuracy": accuracy},
        )  # fmt: skip
        track_summary(summary, store.uri, store.artifacts, out)
    held = looked.dump(store.uri)
    assert list(held) == ["demo/summary"] == [read_json(out)["run_key"]]
    assert held["demo/summary"]["metrics"] == {"best_whole_accuracy": {0: 0.7}}
    assert set(held["demo/summary"]["artifacts"]) == {"tables/main.md", "figures/whole.svg"}
    assert "| emr | 70.0 |" in held["demo/summary"]["tags"]["mlflow.note.content"]
    experiment = looked.client(store.uri).get_experiment_by_name("demo")
    assert experiment.tags["mlflow.note.content"].startswith("The demo\n")


def test_a_dataset_called_summary_keeps_its_runs(store: Store) -> None:
    store.track(RunKey("demo", "summary", "minilm", "dynamic", 100), 1)
    before = count_active(store.uri)
    for _ in range(2):
        track_summary(
            Summary("demo", [], [], {}, TAGS), store.uri, store.artifacts, store.root / "s.json"
        )
    assert count_active(store.uri) == before + 1


def test_a_missing_table_is_named_before_the_old_summary_goes(store: Store) -> None:
    with pytest.raises(UserError, match=r"none\.csv: no such file"):
        summary = Summary("demo", [store.root / "none.csv"], [], {}, TAGS)
        track_summary(summary, store.uri, store.artifacts, store.root)


def test_an_experiment_in_the_bin_comes_back(store: Store) -> None:
    store.track(KEY, 1)
    client = looked.client(store.uri)
    client.delete_experiment(client.get_experiment_by_name("demo").experiment_id)
    assert is_deleted(store.uri, "demo")
    store.track(KEY, 1)
    assert count_active(store.uri) == 2
    assert not is_deleted(store.uri, "demo")


def test_another_artifact_folder_is_refused(store: Store) -> None:
    store.track(KEY, 1)
    run = store.root / "demo/demo/minilm/dynamic/seed100"
    both = rf"delete {store.root}/mlflow\.db and {store.root}/elsewhere"
    with pytest.raises(
        UserError, match=rf"keeps its artifacts in .*was the project moved\? {both}"
    ):
        out = store.root / "out.json"
        track_run(read_run(run, KEY, 1), {}, {}, store.uri, store.root / "elsewhere", out)
    assert not (store.root / "out.json").exists()
    assert count_active(store.uri) == 2


def test_a_store_that_takes_no_saved_views_takes_runs(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    def refuses(self: MlflowClient, experiment_id: str, key: str, value: Any) -> None:
        raise MlflowException(f"{key}: no such thing here")

    monkeypatch.setattr(MlflowClient, "set_experiment_tag", refuses)
    store.track(KEY, 1)
    assert count_active(store.uri) == 2
    said = capsys.readouterr().err
    assert said.startswith("demo: no saved views: ") and said.count("\n") == 1


def test_making_a_store_twice_keeps_its_runs(store: Store) -> None:
    store.track(KEY, 1)
    create_store(store.uri, store.artifacts, store.root / "store.json")
    assert count_active(store.uri) == 2
    assert read_json(store.root / "store.json")["kind"] == "database"


def test_a_store_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database at all")
    with pytest.raises(UserError, match=r"mlflow\.db: "):
        create_store(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "a", tmp_path / "store.json")
    assert not (tmp_path / "store.json").exists()


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("", "store: nothing: no store: give sqlite:///FILE"),
        ("sqlite:///", "store: sqlite:///: names no file: give sqlite:///FILE"),
        ("sqlite://", "store: sqlite://: no store: give"),
        ("sqlite:///{f}", "store: sqlite:///{f}: is a folder: give sqlite:///{f}/mlflow.db"),
        ("{f}", "store: {f}: no store: give sqlite:///FILE"),
        ("file://{f}", "no store: give sqlite:///FILE"),
        ("5", "store: 5: no store"),
        ("http://", "names no server"),
        ("databricks", "no store"),
        ("sqlite:///{f}/text/mlflow.db", "text/mlflow.db: cannot be opened"),
        ("sqlite:///{f}/text", "text: cannot be opened"),
        ("postgresql+nodriver://x@127.0.0.1:9/y", "nodriver"),
    ],
)
def test_what_is_no_store_is_told_at_once(tmp_path: Path, address: str, line: str) -> None:
    write_text(tmp_path / "text", "not a database, but long enough to be taken for one\n" * 9)
    before, began = sorted(tmp_path.rglob("*")), time.monotonic()
    with pytest.raises(UserError) as told:
        create_store(address.replace("{f}", str(tmp_path)), tmp_path / "a", tmp_path / "s.json")
    assert line.replace("{f}", str(tmp_path)) in str(told.value)
    assert "\n" not in str(told.value)
    assert time.monotonic() - began < 30  # a busy machine; it once took 102
    assert sorted(tmp_path.rglob("*")) == before


def test_another_users_lock_is_held_all_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = store.root / "mlflow.db.lock"
    lock.touch()
    opens = Path.open

    def refuses(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if path == lock and set(mode) & set("wa+"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opens(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuses)
    store.track(KEY, 1)
    assert count_active(store.uri) == 2
    lock.unlink()
    with pytest.raises(UserError, match=r"mlflow\.db\.lock: cannot be opened \(Permission denied"):
        store.track(KEY, 1)


def test_one_process_is_quick(store: Store) -> None:
    run = build_run(store.root, KEY, 6)
    code = (
        "from tests.tracking.conftest import Store; from tests.tracking.synthetic import *\n"
        "from pathlib import Path; from conpet.tracking import track_run\n"
        "from conpet.run.reading import read_run\n"
        f"root = Path({str(store.root)!r}); store = Store(root)\n"
        "key = RunKey('demo', 'demo', 'minilm', 'dynamic', 100)\n"
        f"run = Path({str(run)!r})\n"
        "out = run / 'tracked.json'\n"
        "track_run(read_run(run, key, 6), config(key), TAGS, store.uri, store.artifacts, out)\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
    assert count_active(store.uri) == 7
    # About 2.5 s of processor time, nearly all of it the import of mlflow.
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 10
