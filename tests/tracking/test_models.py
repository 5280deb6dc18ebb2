"""A packaged learner as a model of MLflow: logged once, registered, loaded, served."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import conpet
from conpet.errors import UserError
from conpet.files import read_json
from conpet.tracking import RunKey, track_run
from conpet.tracking.models import log_package
from tests.chain import Chain
from tests.predicting.conftest import TASKS, Packaged, learnt, packaged
from tests.tiny import make_samples
from tests.tracking import contents
from tests.tracking.conftest import Store

__all__ = ["learnt", "packaged"]
TEXTS = [s.text for s in make_samples()[:20]]


def log(store: Store, run: Path, method: str, seed: int = 1) -> dict[str, str]:
    key, out = RunKey("tiny", "tiny", "tiny", method, seed), store.root / f"{method}{seed}.json"
    track_run(run, key, {}, {}, store.uri, store.artifacts, out, TASKS)
    log_package(run / "model", out, store.uri, store.root / "logged.json")
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
    assert logged["name"] == f"tiny-{method}"
    expected = conpet.load(run).predict(TEXTS)
    model = mlflow.pyfunc.load_model(f"models:/tiny-{method}@best")
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
    client = contents.client(at.uri)
    versions = client.search_model_versions("name = 'tiny-static_emr'")
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
