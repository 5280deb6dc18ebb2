"""No command writes over what it reads, nor over a folder that holds other things."""

from __future__ import annotations

from pathlib import Path

import pytest

from conpet.commands import main
from conpet.reporting.collect import Results
from tests.conftest import ROOT
from tests.reporting.synthetic import build, cells


@pytest.fixture
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    matrix = cells(methods=("finetune", "emr"), seeds=(100,), n_tasks=2)
    return build(tmp_path_factory.mktemp("made"), matrix, per_class=2)


def said(argv: list[str]) -> str:
    with pytest.raises(SystemExit) as end:
        main(argv)
    return str(end.value)


STATE = ["--snapshot", "m", "--encoded", "e.safetensors", "--state", "state"]
ASKED = ["evaluate", *STATE, "--metrics"]
WRITES = {
    "fetch-model": ["--model", "m"],
    "fetch-dataset": ["--dataset", "d", "--part", "base"],
    "package": STATE,
    "publish": ["--experiment", "demo"],
    "train": [
        "--experiment", "demo", "--dataset", "demo", "--model", "minilm", "--method", "emr",
        "--seed", "1", "--task", "1", "--snapshot", "m", "--encoded", "e",
    ],
}  # fmt: skip
WRITES["select"] = WRITES["train"]


@pytest.mark.parametrize("command", WRITES)
def test_a_folder_with_other_things_is_left_alone(command: str, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("years")
    line = said([command, *WRITES[command], "--out", str(tmp_path / "work")])
    assert "holds other things (thesis.txt), and would be replaced" in line
    line = said([command, *WRITES[command], "--out", str(tmp_path / "work" / "thesis.txt")])
    assert "is a file: a folder is written" in line
    assert (tmp_path / "work" / "thesis.txt").read_text() == "years"


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        ([*ASKED, "a", "--predictions", "./a"], "--metrics and --predictions: both are a"),
        ([*ASKED, "a", "--predictions", "e.safetensors"], "what --encoded reads (e.safetensors)"),
        (["package", *STATE, "--out", "state"], "would replace what --state reads (state)"),
        (["predict", "--run", "r", "x.csv", "--out", "x.csv"], "what file reads (x.csv)"),
        (["describe", "x.csv", "--format", "table", "--json", "x.csv"], "what dataset reads"),
    ],
)
def test_an_input_is_no_output(
    argv: list[str], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("e.safetensors", "x.csv"):
        Path(name).write_text("mine")
    assert what in said(argv)
    assert Path("e.safetensors").read_text() == Path("x.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("argv", "name", "earlier"),
    [
        (["predict", "--run", "r", "--text", "t", "--out", "x.csv"], "x.csv",
         "text,label,confidence,task\n"),
        (["dump-store", "--out", "x.yaml"], "x.yaml", "{}\n"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_of_the_command_is_left_alone(
    argv: list[str], name: str, earlier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("text,label\nmy years,of work\n")
    assert f"{name} is there, and conpet {argv[0]} did not write it" in said(argv)
    assert Path(name).read_text() == "text,label\nmy years,of work\n"
    Path(name).write_text(earlier)
    assert "did not write it" not in said(argv)  # it stops at the run or store that is not there


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["table", "main", "--experiment", "demo", "--out", "x"], "x.json"),
        (["plot", "accuracy", "--experiment", "demo", "--out", "x"], "x.svg"),
        (["report", "--experiment", "demo", "--out", "x.html"], "x.html"),
    ],
)
def test_what_others_made_stays_and_what_it_made_is_made_again(
    argv: list[str], name: str, results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    argv = [*argv, "--results", str(results.root), "--config-dir", str(ROOT / "config")]
    Path(name).write_text('{"name": "package"}')
    assert f"{name} is there, and conpet {argv[0]} did not write it" in said(argv)
    assert Path(name).read_text() == '{"name": "package"}'
    Path(name).unlink()
    main(argv)
    main(argv)


def test_a_column_of_confidences_makes_no_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    argv = ["predict", "--run", "r", "--text", "t", "--out", "x.csv"]
    Path("x.csv").write_text("worker,confidence\nann,0.5\n")
    assert "did not write it" in said(argv)
    Path("x.csv").write_text('"id","text","label","confidence","task"\n')
    assert "did not write it" not in said(argv)


def test_a_table_is_written_over_a_table_alone(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    argv = ["table", "main", "--experiment", "demo", "--out", "own/topics", "--results",
            str(results.root), "--config-dir", str(ROOT / "config")]  # fmt: skip
    Path("own").mkdir()
    Path("own/topics.csv").write_text("text,label\n")
    assert "own/topics.csv is there, and conpet table did not write it" in said(argv)
    assert [path.name for path in Path("own").iterdir()] == ["topics.csv"]
    Path("own/topics.csv").unlink()
    for _ in range(2):
        main(argv)
    assert Path("own/topics.csv").read_text().startswith("dataset,model,method")
    Path("own/topics.json").write_text("{}")
    assert "own/topics.csv is there" in said(argv)


def test_a_copy_of_the_project_runs_its_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conpet").mkdir()
    (tmp_path / "conpet/__init__.py").touch()
    main(["--version"])
    (tmp_path / "Snakefile").touch()
    line = said(["targets"])
    assert f"{tmp_path}: this is a copy of the project, and the code that would run is " in line
    (tmp_path / "conpet/__init__.py").unlink()
    (tmp_path / "conpet").rmdir()
    (tmp_path / "conpet").symlink_to(ROOT / "conpet")
    assert "this is a copy" not in said(["targets"])


def test_the_list_has_every_method(capsys: pytest.CaptureFixture[str]) -> None:
    main(["targets", "--config-dir", str(ROOT / "config")])
    shown = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert {path.stem for path in (ROOT / "config/methods").glob("*.yaml")} <= shown
