"""What `conpet describe` says where a name, or a column, is another than the one given."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conpet.commands import main
from conpet.commands import options as o
from conpet.commands.checks import DataChecks
from conpet.config import Experiment, load_experiment
from conpet.config.stages import Learn
from conpet.config.strict import name_in
from tests.conftest import ROOT


def test_the_name_of_an_experiment_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("results/mine").mkdir(parents=True)
    with pytest.raises(SystemExit) as stopped:
        main(["describe", "mine", "--config-dir", str(ROOT / "config")])
    said = "describe: unknown dataset 'mine': results/mine is there, made from a file of yours"
    assert said in str(stopped.value.code)


def test_other_columns_of_a_data_file_are_named_as_they_are_typed(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("message,category\nx y,a\nz y,b\n")
    with pytest.raises(SystemExit) as stopped:
        main(["describe", str(file), "--config-dir", str(ROOT / "config")])
    assert "give --option text=message --option label=category, or" in str(stopped.value.code)


def test_a_job_by_hand_is_told_what_the_workflow_hands_it(tmp_path: Path) -> None:
    """In the order of keys too: states are the same bytes."""

    def learn(experiment: Experiment) -> Learn:
        return experiment.learn("demo", "minilm", "static_plus", 2)

    source = "demo", ROOT / "config"
    path = tmp_path / "settings.json"
    path.write_text(learn(load_experiment(*source)).text())
    handed, named = (o.told(Learn, given, source, learn, DataChecks()) for given in (path, None))
    assert handed == named
    assert handed.model_dump_json() == named.model_dump_json()


@pytest.mark.parametrize(
    ("given", "name"),
    [("my.v2", "my.v2"), ("some/my.v2.yaml", "my.v2"), ("demo", "demo"), ("a.yml", "a")],
)
def test_a_dot_in_a_name_is_a_letter(given: str, name: str) -> None:
    assert name_in(given) == name


def test_what_a_job_writes_goes_by_the_whole_name(tmp_path: Path) -> None:
    """Cut at the dot, my.v1 and my.v2 would be one experiment to MLflow, and delete each other."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    made = tmp_path / "config/experiments/my.v2.yaml"
    shutil.copy2(ROOT / "config/experiments/demo.yaml", made)
    with pytest.raises(SystemExit) as stopped:
        main(["publish", "--experiment", "my.v2", "--config-dir", str(tmp_path / "config"),
              "--results", str(tmp_path), "--out", str(tmp_path / "out")])  # fmt: skip
    assert f"{tmp_path / 'my.v2' / 'tables'}: no such folder" in str(stopped.value.code)
    commands = (ROOT / "conpet/commands").glob("*.py")
    assert not [path for path in commands if "Path(experiment).stem" in path.read_text()]
