"""What `conpet describe` says where a name, or a column, is another than the one given."""

from __future__ import annotations

from pathlib import Path

import pytest

from conpet.commands import main
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
