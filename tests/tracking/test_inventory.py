"""A store that was deleted and filled again holds the same, and what differs is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conpet.commands import main
from conpet.errors import UserError
from conpet.tracking.inventory import differences, inventory
from tests.chain import Chain
from tests.conftest import ROOT
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


@pytest.mark.parametrize(
    "words",
    [
        ["diff-stores", "sqlite:///{f}/a.db", "sqlite:///{f}/b.db"],
        ["diff-stores", "{f}/a.db", "{f}/b.db"],
        ["diff-stores", "{f}/a.json", "{f}/b.json"],
        ["diff-stores", "sqlite:///{f}", "sqlite:///{f}/b.db"],
        ["dump-store", "--store", "sqlite:///{f}/sub/a.db", "--out", "{f}/a.json"],
        ["ui", "--store", "sqlite:///{f}/a.db"],
        ["diff", "{f}/a", "{f}/b"],
        ["publish", "--experiment", "demo", "--results", "{f}", "--out", "{f}/kept"],
        ["show", "--experiment", "demo", "--results", "{f}"],
        ["targets", "--config-dir", "{f}/none"],
        ["predict", "--run", "models:/demo@best", "--text", "x"],
        ["log-model", "--package", "{f}/p", "--tracked", "{f}/t", "--out", "{f}/o"],
    ],
)
def test_what_is_not_there_is_one_line_and_stays_away(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(mlflow, "is_tracking_uri_set", lambda: False)
    (tmp_path / "config").symlink_to(ROOT / "config")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main([word.replace("{f}", str(tmp_path)) for word in words])
    said = str(stopped.value.code)
    assert said.startswith("conpet: error: ")
    assert "\n" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["config"]


@pytest.mark.parametrize("text", ["[1]", "{}"])
def test_what_is_no_dump_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=r"a\.json: not what `conpet dump-store` writes"):
        differences(str(tmp_path / "a.json"), str(tmp_path / "a.json"))
