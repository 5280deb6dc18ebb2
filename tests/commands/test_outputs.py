"""No command writes over what it reads, nor over a folder that holds other things."""

from __future__ import annotations

from pathlib import Path

import pytest

from conpet.commands import main


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
