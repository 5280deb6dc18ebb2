"""What would be left out, or taken for something else, without a word is one line."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conpet.commands import main
from conpet.commands.checks import DataChecks, open_experiment
from conpet.commands.owner import check_owner, claim, outdated
from conpet.config.strict import read_yaml
from conpet.data.encoding import encode_part
from conpet.data.schema import Sample
from conpet.data.sources import fetch_files
from conpet.data.tokenizer import open_tokenizer
from conpet.errors import UserError
from conpet.files import sha256, write_json
from conpet.models.fetching import fetch_model
from conpet.run import RunKey
from conpet.run.inputs import Inputs
from conpet.tracking.live import live
from tests.chain import Chain, write_yaml


def said(*argv: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(list(argv))
    return str(end.value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("a text\n")
    (tmp_path / "a.csv").write_text("text,id\na text,7\n")
    return tmp_path


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["a.txt", "--option", "quotes=false"], "there is no table here"),
        (["--text", "x", "--option", "delimiter=;"], "there is no table here"),
        (["a.csv", "--option", "label=id"], "--option label: texts alone are read"),
        (["a.csv", "--threshold", "0.5", "--refuse"], "--threshold and --refuse: each says a"),
        (["."], ".: is a folder: give a file"),
        (["-"], "-: only files are read: write the texts into one"),
        (["a.csv", "--mirror", "none"], "--mirror none: no such folder"),
    ],
)
def test_what_a_question_would_not_heed(argv: list[str], line: str, here: Path) -> None:
    assert line in said("predict", "--run", "none", *argv)


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["table", "main", "--out", "x"], "give an experiment: a name in config/experiments"),
        (["fetch-model", "--model", "m", "--out", "x"], "give an experiment: a name in config"),
        (["publish", "--experiment", "a/mine.yaml", "--out", "x"], "results/mine/tables: no such"),
        (["describe", ".", "--format", "table"], ".: is a folder: give the path of a data file"),
    ],
)
def test_what_is_missing_is_named(argv: list[str], line: str, here: Path) -> None:
    (here / "config").mkdir()
    assert line in said(*argv)


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert "the folder that this runs in is gone" in said("targets")


def test_a_terminal_without_the_letters(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_yaml(here / "config/experiments/a.yaml", {"title": "caf\u00e9 \u4f60"})
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    main(["targets"])
    sys.stdout.flush()
    assert "caf\u00e9 \u4f60" in raw.getvalue().decode("utf-8")


def test_an_address_that_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONPET_LIVE", "garbage")
    assert live(RunKey("e", "d", "m", "x", 1), 1, "train") is None
    assert capsys.readouterr().out.startswith("CONPET_LIVE=garbage: no server's address")


def test_results_of_another_file_with_the_same_name(tmp_path: Path) -> None:
    def file(folder: str) -> Any:
        path = tmp_path / folder / "mine.yaml"
        path.parent.mkdir(exist_ok=True)
        path.touch()
        return SimpleNamespace(name="mine", path=path)

    results = tmp_path / "results"
    check_owner(file("a"), results)  # nobody's yet
    claim(file("a"), results)
    (results / "mine/logs").mkdir(parents=True)
    check_owner(file("b"), results)  # nothing was made
    (results / "mine/tables").mkdir()
    check_owner(file("a"), results)
    with pytest.raises(UserError, match=r"b/mine\.yaml: .*results/mine holds what was made of"):
        check_owner(file("b"), results)
    copy = shutil.copytree(tmp_path, tmp_path / "copy")
    copied = SimpleNamespace(name="mine", path=copy / "a/mine.yaml")
    check_owner(copied, copy / "results")  # a copy of the project is no other
    (tmp_path / "a/mine.yaml").unlink()  # moved
    check_owner(file("b"), results)


def mine(chain: Chain, **more: Any) -> Path:
    path = chain.folder / "mine.yaml"
    write_yaml(path, {
        "title": "Mine", "datasets": {"topics": {"files": ["tiny.csv"]}}, "models": ["tiny"],
        "methods": ["finetune"], **more,
    })  # fmt: skip
    return path


def test_runs_of_other_settings_are_told(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    path = str(mine(chain))
    experiment = open_experiment(path, chain.config, DataChecks())
    cell = ("topics", "tiny", "finetune")
    state = tmp_path / "results" / RunKey("mine", *cell, 100).path / "task01/state/state.json"
    write_json(state, {"settings": experiment.learn(*cell, 1).model_dump(mode="json")})
    assert list(outdated(experiment, tmp_path / "results")) == []
    mine(chain, settings={"training": {"lr": 0.5}})
    edited = open_experiment(path, chain.config, DataChecks())
    assert list(outdated(edited, tmp_path / "results")) == [
        f"1 run made with other settings or from other data than {path} has now: topics tiny "
        f"finetune seed 100: snakemake tables --config experiment={path} makes them again"
    ]
    main(["table", "main", "--experiment", path, "--config-dir", str(chain.config), "--results",
          str(tmp_path / "results"), "--out", str(tmp_path / "main")])  # fmt: skip
    assert "1 run made with other settings" in (tmp_path / "main.md").read_text()


def test_a_file_that_changed_since_it_was_read_is_told(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    path, results = str(mine(chain)), tmp_path / "results"
    experiment = open_experiment(path, chain.config, DataChecks())
    files = experiment.datasets["topics"].part("base").sources()
    fetch_files(files, results / "data/topics/base/raw", "topics", None)
    assert list(outdated(experiment, results)) == []
    with (tmp_path / "tiny.csv").open("a") as file:
        file.write("one more,w0,train\n")
    (line,) = outdated(experiment, results)
    assert line.endswith(
        f"tiny.csv: changed since the results were made: snakemake tables --config "
        f"experiment={path} makes them again"
    )


def test_a_model_that_changed_or_is_another_is_told(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    path, results = str(mine(chain)), tmp_path / "results"
    experiment = open_experiment(path, chain.config, DataChecks())
    fetch_model(experiment.models["tiny"].source, results / "models/tiny")
    assert list(outdated(experiment, results)) == []
    with (chain.folder / "model/vocab.txt").open("a") as file:
        file.write("more\n")
    (line,) = outdated(experiment, results)
    assert line.startswith(f"{chain.folder / 'model'}: changed since the results were made: ")
    (tmp_path / "model").rename(tmp_path / "moved")
    model = read_yaml(chain.config / "models/tiny.yaml")
    source = {"kind": "folder", "path": str(tmp_path / "moved")}
    write_yaml(chain.config / "models/tiny.yaml", model | {"source": source})
    lines = list(outdated(open_experiment(path, chain.config, DataChecks()), results))
    assert any(line.startswith("1 model made with other settings") for line in lines)


def test_data_of_another_pin_are_told(tmp_path: Path) -> None:
    chain, results = Chain(tmp_path), tmp_path / "results"
    own = {"name": "tiny.csv", "url": str(tmp_path / "tiny.csv")}
    path = str(mine(chain, datasets={"topics": {"files": [own]}}))
    experiment = open_experiment(path, chain.config, DataChecks())
    files = experiment.datasets["topics"].part("base").sources()
    fetch_files(files, results / "data/topics/base/raw", "topics", None)
    found = {}
    for pin in (sha256(tmp_path / "tiny.csv"), "0" * 64):
        address = {"url": "https://example.org/tiny.csv", "sha256": pin}
        mine(chain, datasets={"topics": {"files": [own | address]}})
        found[pin] = list(outdated(open_experiment(path, chain.config, DataChecks()), results))
    none, some = found.values()
    assert none == []
    assert some[0].startswith(OTHER)
    assert "topics (base)" in some[0]


OTHER = "1 part of the data made with other settings or from other data than"


@pytest.mark.parametrize(
    ("change", "data", "runs"),
    [
        ({}, False, False),
        ({"labels": {"x": "z"}}, True, False),
        ({"split": {"scheme": "per_class", "seed": 7}}, True, False),
        ({"order": {"seed": 7, "tasks": 1}}, True, False),
        ({"template": "It is {mask} here."}, True, False),
        ("encoded", False, True),
    ],
)
def test_data_of_other_settings_are_told(
    change: Any, data: bool, runs: bool, tmp_path: Path
) -> None:
    chain = Chain(tmp_path)
    about: dict[str, Any] = {"files": ["tiny.csv"], "order": {"seed": 1, "tasks": 1}}
    path = str(mine(chain, datasets={"topics": about}))
    before = open_experiment(path, chain.config, DataChecks())
    own, read = tmp_path / "results/mine/topics", tmp_path / "results/data/topics/base"
    write_json(read / "prepare.json", {"settings": before.prepare("topics", "base").text()})
    write_json(own / "base.tasks.json", {"settings": before.split("topics", "base").text()})
    encode = before.encode("topics", "tiny")
    encoded = own / "tiny/base.safetensors"
    encoded.parent.mkdir()
    samples = [Sample("a", "a text", "x")]
    tasks = [{"task": 1, "classes": ["x"], "train": [0], "valid": [], "test": []}]
    tokenizer = open_tokenizer(chain.folder / "model")
    encode_part(samples, tasks, encode, tokenizer, encoded)
    key = RunKey("mine", "topics", "tiny", "finetune", 100)
    state = {
        "settings": before.learn("topics", "tiny", "finetune", 1).model_dump(mode="json"),
        "encoded_sha256": Inputs(chain.snapshot, [encoded]).encoded_sha256,
    }
    write_json(tmp_path / "results" / key.path / "task01/state/state.json", state)
    if change == "encoded":
        tasks[0]["train"] = [0, 1]
        encode_part(samples * 2, tasks, encode, tokenizer, encoded)
    else:
        mine(chain, datasets={"topics": about | change})
    found = list(outdated(open_experiment(path, chain.config, DataChecks()), tmp_path / "results"))
    assert any(line.startswith(OTHER) and "topics (base)" in line for line in found) == data
    assert any(line.startswith("1 run made with other settings") for line in found) == runs
