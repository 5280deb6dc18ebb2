"""A packaged learner as a model of MLflow: logged once, registered, loaded, served."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import conpet
from conpet.card import read_card
from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.run import RunKey
from conpet.run.reading import read_run
from conpet.tracking import track_run
from conpet.tracking.models import log_package
from tests.chain import Chain
from tests.predicting.conftest import TASKS, Packaged, learnt, packaged
from tests.test_your_data import place
from tests.tiny import make_samples
from tests.tracking import looked
from tests.tracking.conftest import Store
from tests.your_data import Place, examples

pytestmark = pytest.mark.slow

__all__ = ["learnt", "packaged", "place"]
BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
TEXTS = [s.text for s in make_samples()[:20]]


def log(
    store: Store,
    run: Path,
    method: str,
    seed: int = 1,
    package: Path | None = None,
    tasks: int = TASKS,
) -> dict[str, str]:
    card = read_json((package or run / "model") / "model.json")
    key = RunKey(card["experiment"], "tiny", "tiny", method, seed)
    out = store.root / f"{method}{seed}.json"
    track_run(read_run(run, key, tasks), {}, {}, store.uri, store.artifacts, out)
    log_package(package or run / "model", out, store.uri, store.root / "logged.json")
    return read_json(store.root / "logged.json")  # type: ignore[no-any-return]


@pytest.fixture
def at(store: Store, monkeypatch: pytest.MonkeyPatch, learnt: Chain) -> Store:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    monkeypatch.setenv("CONPET_SNAPSHOT", str(learnt.snapshot))
    monkeypatch.chdir(store.root)
    return store


@pytest.mark.parametrize("method", ["static_emr", "dynamic"])
def test_the_model_answers_as_the_package_does(
    method: str,
    at: Store,
    packaged: Packaged,
    learnt: Chain,
) -> None:
    import mlflow

    run = packaged(method)
    logged = log(at, run, method)
    assert logged["name"] == f"tiny-tiny-{method}"
    expected = conpet.load(run).predict(TEXTS)
    model = mlflow.pyfunc.load_model(f"models:/tiny-tiny-{method}@best")
    found = model.predict(pd.DataFrame({"text": TEXTS}))
    assert list(found["label"]) == expected.labels
    np.testing.assert_allclose(found["confidence"], expected.confidence, atol=1e-6)
    assert ("expert" in found) == (method == "dynamic")
    assert model.metadata.signature.inputs.input_names() == ["text"]
    assert model.metadata.signature.outputs.input_names() == [*found.columns, "probabilities"]
    everything = model.predict(pd.DataFrame({"text": TEXTS}), params={"probabilities": True})
    by_name = pd.DataFrame(list(everything["probabilities"]))
    assert list(by_name.columns) == expected.classes
    np.testing.assert_allclose(by_name, expected.probabilities, atol=1e-6)
    with pytest.raises(mlflow.MlflowException, match="text 1: empty: give a text"):
        model.predict(pd.DataFrame({"text": [""]}))
    address = f"models:/{logged['model_id']}"
    assert conpet.load(address, snapshot=learnt.snapshot).predict(TEXTS).labels == expected.labels
    stored = max(at.artifacts.rglob("task*/learner.safetensors"))
    stored.write_bytes(stored.read_bytes()[:-4] + b"\0\0\0\0")  # whole, with another bias
    said = "learner.safetensors: has changed since it was packaged"
    with pytest.raises(UserError, match=said):
        conpet.load(address, snapshot=learnt.snapshot)
    with pytest.raises(Exception, match=said):
        mlflow.pyfunc.load_model(address)


def test_a_text_of_fields_is_a_column_each(
    at: Store, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    path = place.write("pairs", examples()["Pairs"])
    run = next((place.run(path) / "finetune").glob("seed*"))
    monkeypatch.setenv("CONPET_SNAPSHOT", str(place.folder / "model"))
    card = read_json(run / "model/model.json")
    key = RunKey(card["experiment"], card["dataset"], card["model"], card["method"], card["seed"])
    out = at.root / "pairs.json"
    track_run(read_run(run, key, card["task"]), {}, {}, at.uri, at.artifacts, out)
    log_package(run / "model", out, at.uri, at.root / "logged.json")
    name = read_json(at.root / "logged.json")["name"]
    model = mlflow.pyfunc.load_model(f"models:/{name}@best")
    assert model.metadata.signature.inputs.input_names() == ["premise", "hypothesis"]
    frame = pd.read_csv(place.folder / "pairs.csv", dtype=str)[["premise", "hypothesis"]]
    found = model.predict(frame)
    expected = conpet.load(run, snapshot=place.folder / "model").predict(frame.to_dict("records"))
    assert list(found["label"]) == expected.labels
    assert len(model.predict(model.input_example)) == 1


def test_a_changed_package_is_not_logged(at: Store, packaged: Packaged, tmp_path: Path) -> None:
    run = shutil.copytree(packaged("static_emr"), tmp_path / "run")
    (stored,) = run.glob("model/task*/learner.safetensors")
    stored.write_bytes(stored.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(UserError, match=r"learner\.safetensors: has changed since it was packaged"):
        log(at, run, "static_emr")


def test_into_a_file_no_bar_is_drawn(
    at: Store,
    packaged: Packaged,
    learnt: Chain,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`snakemake models > FILE`: MLflow, transformers and tqdm draw theirs over with \\r."""
    for name in ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS", BAR):
        monkeypatch.setenv(name, "")  # as it was is put back
        monkeypatch.delenv(name)
    run, tracked, out = packaged("static_emr"), at.root / "t.json", at.root / "o"
    state = run / f"task{TASKS:02d}/state"
    keys = [*learnt.of, "--dataset", "tiny", "--model", "tiny", "--method", "static_emr"]
    store = ["--store", at.uri, "--artifacts", at.artifacts]
    learnt("track", *keys, "--seed", "1", "--run", run, *store, "--out", tracked)
    package = ["--package", run / "model", "--tracked", tracked]
    learnt("log-model", *package, *store[:2], "--out", out)
    learnt("predict", "--run", "models:/tiny-tiny-static_emr@best", "--text", "w1x1")
    learnt.ask("evaluate", "--state", state, "--metrics", at.root / "m", "--predictions", out)
    said = capfdbinary.readouterr()
    assert b"whole accuracy" in said.err and b"w1x1" in said.out
    assert b"\r" not in said.out + said.err
    monkeypatch.setenv(BAR, "true")  # so it would be with them
    learnt("log-model", *package, *store[:2], "--out", out)
    assert b"\r" in capfdbinary.readouterr().err


def test_logging_again_replaces(at: Store, packaged: Packaged) -> None:
    run = packaged("static_emr")
    log(at, run, "static_emr")
    second = log(at, run, "static_emr")
    client = looked.client(at.uri)
    versions = client.search_model_versions("name = 'tiny-tiny-static_emr'")
    assert [v.version for v in versions] == [int(second["version"])] or [
        str(v.version) for v in versions
    ] == [second["version"]]
    experiment = client.get_experiment_by_name("tiny").experiment_id
    models = client.search_logged_models([experiment], "params.backbone != ''")
    assert [m.model_id for m in models] == [second["model_id"]]
    assert len(list(at.artifacts.rglob("MLmodel"))) == 1
    metrics = {metric.key for metric in models[0].metrics}
    assert {"whole_accuracy", "average_accuracy"} <= metrics


def test_nothing_is_pickled(at: Store, packaged: Packaged) -> None:
    log(at, packaged("dynamic"), "dynamic")
    suffixes = {p.suffix for p in at.artifacts.rglob("*") if p.is_file()}
    assert not suffixes & {".pkl", ".pickle", ".pt", ".bin", ".pyc"}
    assert not list(at.artifacts.rglob("model.safetensors"))  # the backbone is not copied


def test_a_model_that_is_not_there_is_one_line(at: Store) -> None:
    with pytest.raises(UserError, match=r"^models:/none@best: "):
        conpet.load("models:/none@best")


def test_best_is_the_one_that_validation_found_best(at: Store, packaged: Packaged) -> None:
    run, client = packaged("static_emr"), looked.client(at.uri)
    for seed, accuracy in ((1, 0.5), (2, 0.75), (3, 0.25)):
        folder = at.root / f"seed{seed}"
        shutil.copytree(run, folder)
        for path in (*folder.glob("task*/metrics.json"), folder / "model/model.json"):
            about = read_json(path) | {"seed": seed}
            if path.name == "model.json":
                about["calibration"]["accuracy"] = accuracy
            write_json(path, about)
        log(at, folder, "static_emr", seed)
        best = client.get_model_version_by_alias("tiny-tiny-static_emr", "best")
        assert best.tags["conpet.run_key"].endswith("/1" if seed == 1 else "/2")


def changed(run: Path, to: Path, seed: int, experiment: str = "tiny", **about: Any) -> Path:
    """Copy a run as that of another seed and experiment, its package saying other things."""
    shutil.copytree(run, to)
    for path in to.glob("task*/metrics.json"):
        write_json(path, read_json(path) | {"seed": seed})
    card = to / "model/model.json"
    values = read_json(card) | {"seed": seed, "experiment": experiment}
    values["calibration"]["accuracy"] = about.pop("accuracy", 0.5)
    write_json(card, values | about)
    return to


def test_best_is_among_those_that_know_the_same_classes(at: Store, packaged: Packaged) -> None:
    """A shortened stream is easier: its learner is no rival of those that know all classes."""
    run, client = packaged("static_emr"), looked.client(at.uri)
    classes = read_json(run / "model/model.json")["classes"]
    short = {"task": 1, "classes": classes[:1], "accuracy": 1.0}
    log(at, changed(run, at.root / "a", 1, accuracy=0.5), "static_emr", 1)
    log(at, changed(run, at.root / "b", 2, **short), "static_emr", 2)
    log(at, changed(run, at.root / "c", 3, accuracy=0.25), "static_emr", 3)
    best = client.get_model_version_by_alias("tiny-tiny-static_emr", "best")
    assert best.tags["conpet.run_key"].endswith("/1")
    # nor are those that were measured on other samples
    log(at, changed(run, at.root / "d", 4, samples="0" * 64, accuracy=0.1), "static_emr", 4)
    best = client.get_model_version_by_alias("tiny-tiny-static_emr", "best")
    assert best.tags["conpet.run_key"].endswith("/4")


def test_an_experiments_models_are_its_own(at: Store, packaged: Packaged) -> None:
    run, client = packaged("static_emr"), looked.client(at.uri)
    log(at, run, "static_emr")
    other = changed(run, at.root / "a", 1, "other", accuracy=1.0)
    assert log(at, other, "static_emr")["name"] == "other-tiny-static_emr"
    for name in ("tiny", "other"):
        best = client.get_model_version_by_alias(f"{name}-tiny-static_emr", "best")
        assert best.tags["conpet.run_key"].startswith(f"{name}/tiny/")
    names = {"experiment": "other-tiny", "dataset": "static_emr", "method": "x"}
    client.create_registered_model("other-tiny-static_emr-x", tags={"conpet.of": "other/tiny/y"})
    clash = changed(run, at.root / "b", 1, **names)
    mark = at.root / "static_emr1.json"
    write_json(mark, read_json(mark) | {"run_key": "other-tiny/static_emr/tiny/x/1"})
    with pytest.raises(
        UserError, match="is the registered model of other/tiny/y, not of other-tiny"
    ):
        log_package(clash / "model", mark, at.uri, at.root / "logged.json")


def test_a_learner_goes_to_its_own_run_under_its_experiments_name(
    at: Store, packaged: Packaged
) -> None:
    """A results folder may be renamed: the package says the old name, the run the new one."""
    run, client = packaged("static_emr"), looked.client(at.uri)
    log(at, run, "static_emr")
    mark = at.root / "copy.json"
    key = RunKey("copy", "tiny", "tiny", "static_emr", 1)
    track_run(read_run(run, key, TASKS), {}, {}, at.uri, at.artifacts, mark)
    log_package(run / "model", mark, at.uri, at.root / "logged.json")
    for name in ("tiny", "copy"):
        best = client.get_model_version_by_alias(f"{name}-tiny-static_emr", "best")
        assert best.tags["conpet.run_key"].startswith(f"{name}/tiny/")
    other = changed(run, at.root / "c", 2)
    with pytest.raises(UserError, match=r"of the run copy/.*, but .* is of tiny/tiny/tiny/static"):
        log_package(other / "model", mark, at.uri, at.root / "logged.json")


def test_a_moved_project_says_what_to_delete(
    at: Store, packaged: Packaged, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    log(at, packaged("static_emr"), "static_emr")
    moved = tmp_path_factory.mktemp("moved") / "here"
    at.root.rename(moved)
    monkeypatch.chdir(moved)
    uri = f"sqlite:///{moved}/mlflow.db"
    import mlflow

    for name in ("set_tracking_uri", "set_registry_uri"):
        getattr(mlflow, name)(uri)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    both = rf"delete {moved}/mlflow\.db and {moved}/mlartifacts and log again"
    with pytest.raises(UserError, match=rf"^models:/.*was the project moved\? {both}"):
        conpet.load("models:/tiny-tiny-static_emr@best")


def test_a_model_in_a_project_of_any_name(
    schema: Path, packaged: Packaged, learnt: Chain, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    here = tmp_path / "a%20b#c?d"
    shutil.copytree(packaged("static_emr"), here / "run")
    uri = "sqlite:///of-any-name.db"  # MLflow knows a store that it has opened by its address
    shutil.copy(schema, here / "of-any-name.db")
    monkeypatch.chdir(here)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    key = RunKey("tiny", "tiny", "tiny", "static_emr", 1)
    for _ in range(2):
        run = read_run(here / "run", key, TASKS)
        track_run(run, {}, {}, uri, Path("mlartifacts"), here / "t.json")
        log_package(here / "run/model", here / "t.json", uri, here / "logged.json")
    assert len(list(here.rglob("MLmodel"))) == 1
    found = conpet.load("models:/tiny-tiny-static_emr@best", snapshot=learnt.snapshot)
    assert found.predict(TEXTS).labels == conpet.load(packaged("static_emr")).predict(TEXTS).labels


def test_a_run_that_the_store_lost_says_how_to_log_again(at: Store, packaged: Packaged) -> None:
    run = packaged("static_emr")
    key = str(read_card(run / "model").run_key)
    write_json(at.root / "t.json", {"run_id": "0" * 32, "run_key": key})
    with pytest.raises(UserError, match=r"log again: snakemake mlflow .* --forcerun store"):
        log_package(run / "model", at.root / "t.json", at.uri, at.root / "logged.json")


def test_a_model_says_what_it_needs(at: Store, packaged: Packaged) -> None:
    logged = log(at, packaged("dynamic"), "dynamic")
    (folder,) = (path.parent for path in at.artifacts.rglob("MLmodel"))
    needs = (folder / "requirements.txt").read_text().split()
    assert {line.partition("==")[0] for line in needs} >= {
        "mlflow",
        "torch",
        "transformers",
        "peft",
    }
    assert all(version(name).startswith(pin) for name, pin in (n.split("==") for n in needs))
    example = json.loads((folder / "input_example.json").read_text())
    assert example["columns"] == ["text"]
    model = looked.client(at.uri).get_logged_model(logged["model_id"])
    assert model.name == "tiny-dynamic-seed1"
    assert {metric.dataset_name for metric in model.metrics} == {"tiny"}
    assert {"calibration/ece", "calibration/valid_accuracy", "whole_accuracy"} <= {
        metric.key for metric in model.metrics
    }
    note = (
        looked.client(at.uri).get_model_version("tiny-tiny-dynamic", logged["version"]).description
    )
    assert "6 classes in 3 tasks. Right on " in note
    assert model.tags["mlflow.note.content"] == note
    (registered,) = json.loads(model.tags["mlflow.modelVersions"])
    assert registered["name"] == "tiny-tiny-dynamic"
    assert str(registered["version"]) == logged["version"]
    run = looked.client(at.uri).get_run(model.source_run_id)
    data = run.inputs.dataset_inputs[0].dataset
    assert {metric.dataset_digest for metric in model.metrics} == {data.digest}
