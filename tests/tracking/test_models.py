"""A packaged learner as a model of MLflow: logged once, registered, loaded, served."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import conpet
from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.run import RunKey
from conpet.run.reading import read_run
from conpet.tracking import track_run
from conpet.tracking.models import log_package
from tests.chain import Chain
from tests.predicting.conftest import TASKS, Packaged, learnt, packaged
from tests.tiny import make_samples
from tests.tracking import looked
from tests.tracking.conftest import Store

pytestmark = pytest.mark.slow

__all__ = ["learnt", "packaged"]
TEXTS = [s.text for s in make_samples()[:20]]


def log(
    store: Store,
    run: Path,
    method: str,
    seed: int = 1,
    package: Path | None = None,
    tasks: int = TASKS,
) -> dict[str, str]:
    key, out = RunKey("tiny", "tiny", "tiny", method, seed), store.root / f"{method}{seed}.json"
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
    again = conpet.load(f"models:/{logged['model_id']}", snapshot=learnt.snapshot).predict(TEXTS)
    assert again.labels == expected.labels


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
    models = client.search_logged_models([experiment])
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
