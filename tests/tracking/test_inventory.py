"""A store that was deleted and filled again holds the same, and what differs is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conpet.commands import main
from conpet.tracking.inventory import differences, inventory
from tests.chain import Chain
from tests.predicting.conftest import Packaged, learnt, packaged
from tests.tracking import looked as plain
from tests.tracking.conftest import Store
from tests.tracking.synthetic import METHODS, RunKey
from tests.tracking.test_models import log

pytestmark = pytest.mark.slow

__all__ = ["learnt", "packaged"]
KEY = RunKey("demo", "demo", "minilm", "dynamic", 100)


def test_models_that_are_logged_anew_are_the_same(
    store: Store, other: Store, packaged: Packaged, learnt: Chain
) -> None:
    methods = ("static_emr", "dynamic")
    for method in (*methods, methods[0]):
        log(store, packaged(method), method)
    held = inventory(store.uri)
    shutil.rmtree(store.artifacts)
    shutil.copy(store.root / "mlflow.db", store.root / "old.db")
    for method in reversed(methods):
        log(other, packaged(method), method)
    assert held == inventory(other.uri)
    key = "tiny/tiny/tiny/dynamic/1"
    assert held["registered tiny-tiny-dynamic: alias best"] == key
    assert held[f"model {key}: run"] == key
    assert f"model {key}: artifact MLmodel" in held
    assert any(place.startswith(f"model {key}: metric whole_accuracy 3 tiny ") for place in held)


def test_everything_that_a_run_holds_is_compared(store: Store, other: Store) -> None:
    for here in (store, other):
        here.track(KEY, 2)
    assert differences(store.uri, other.uri) == []
    (run,) = plain.runs(other.uri, "run")
    client, number = plain.client(other.uri), run.info.run_id
    client.log_metric(number, "whole_accuracy", 0.125, step=2)
    client.log_param(number, "more", "1")
    client.set_tag(number, "data_sha256", "other")
    client.delete_tag(number, "git_commit")
    Path(run.info.artifact_uri.removeprefix("file://"), "params.json").write_text("{}")
    found = [line.removeprefix(f"run {KEY}: ") for line in differences(store.uri, other.uri)]
    assert [line.partition(":")[0] for line in found] == [
        "artifact params.json", "metric whole_accuracy", "parameter more", "tag data_sha256",
        "tag git_commit",
    ]  # fmt: skip
    assert found[2].endswith(f"only in {other.uri}")
    assert found[4].endswith(f"only in {store.uri}")


def test_the_command_says_identical_or_what_is_not(
    store: Store, other: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    for here, methods in ((store, METHODS[:2]), (other, METHODS[1::-1])):
        for method in methods:
            here.track(RunKey("demo", "demo", "minilm", method, 100), 1)
    kept = store.root / "kept.json"
    main(["dump-store", "--store", store.uri, "--out", str(kept)])
    assert " things" in capsys.readouterr().out
    for first in (store.uri, str(kept)):
        main(["diff-stores", first, other.uri])
        assert capsys.readouterr().out == "identical\n"
    other.track(RunKey("demo", "demo", "minilm", "joint", 100), 1)
    with pytest.raises(SystemExit, match="1"):
        main(["diff-stores", store.uri, other.uri])
    assert "run demo/demo/minilm/joint/100: name: only in" in capsys.readouterr().out
