"""How long a task is trained: as `conpet init` chooses it, and what a budget costs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from conpet.commands import main
from conpet.commands.checks import DataChecks, open_experiment
from conpet.commands.estimation_file import known
from conpet.commands.length import settings_for, too_long
from conpet.config.plain_yaml import parse
from conpet.files import write_json
from tests.chain import write_yaml
from tests.commands.test_init import rows
from tests.conftest import ROOT
from tests.tiny import make_snapshot

CONFIG = ["--config-dir", str(ROOT / "config")]


@pytest.mark.parametrize(
    ("samples", "epochs", "batches"), [(16, 30, 5), (160, 5, 50), (3000, 3, 938), (0, 30, 2)]
)
def test_a_budget_by_the_size_of_the_data(samples: int, epochs: int, batches: int) -> None:
    found = parse("\n".join(settings_for(samples, 8)))
    assert found["training"]["epochs"] == epochs
    assert found["replay"] == {"batches": batches}


@pytest.mark.parametrize(("of_class", "kept"), [(0, 2), (16, 2), (80, 8), (5000, 20)])
def test_a_memory_is_a_part_of_the_history(of_class: int, kept: int) -> None:
    found = parse("\n".join(settings_for(100, of_class)))
    assert found["memory"] == {"per_class": kept}


def begun(folder: Path) -> Path:
    (folder / "a.csv").write_text(rows(10))
    main(["init", str(folder / "a.csv"), "--name", "begun", "--out", str(folder), *CONFIG])
    return folder / "begun.yaml"


def test_what_init_writes_trains_no_method_far_longer(tmp_path: Path) -> None:
    path = begun(tmp_path)
    assert "a task has about 16 training samples" in path.read_text()
    experiment = open_experiment(str(path), ROOT / "config", DataChecks())
    assert list(too_long(experiment, "begun", [16, 16])) == []
    path.write_text(re.sub("batches: .*}", "batches: 200}", path.read_text()))
    experiment = open_experiment(str(path), ROOT / "config", DataChecks())
    (line,) = too_long(experiment, "begun", [16, 16])
    assert line.startswith(
        "static_emr, static_plus, dynamic: settings.replay.batches trains 80 times"
    )
    assert line.endswith("batches: 5 trains twice the samples")
    assert list(too_long(experiment, "begun", [16])) == []  # nothing old comes back


def test_describe_tells_of_the_budget_one_test_text_and_lost_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = begun(tmp_path)
    table = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(table + "".join(f"x {n},{n % 9}\n" for n in range(18)))
    text = path.read_text().replace("0.1]", "0.1], least: 5")
    path.write_text(re.sub("batches: .*}", "batches: 200}", text))
    make_snapshot(tmp_path / "model")
    config = tmp_path / "config"
    for kind in ("methods", "datasets"):
        shutil.copytree(ROOT / "config" / kind, config / kind)
    write_yaml(config / "models/minilm.yaml", {
        "title": "Tiny", "licence": "none", "pooling": "mask", "lora_targets": ["query", "value"],
        "source": {"kind": "folder", "path": str(tmp_path / "model")},
    })  # fmt: skip
    capsys.readouterr()
    main(["describe", str(path), "--config-dir", str(config), "--results", str(tmp_path / "none")])
    said = " ".join(capsys.readouterr().out.split())
    rare = "18 samples of 9 classes with fewer than split.least that may be trained on: 0, 1, 2, "
    assert rare + "3, 4, ..." in said
    assert "4 of 4 classes (" in said
    assert "have one test sample" in said
    assert "18 of 58 rows (31%) are dropped" in said
    assert "settings.replay.batches trains 80 times" in said


@pytest.mark.parametrize(
    ("hours", "shown"), [(0.002, "about 7.2 s on"), (3.5, "about 3 h 30 min on")]
)
def test_a_list_says_seconds_or_hours(hours: float, shown: str, tmp_path: Path) -> None:
    about, config = ROOT / "config/experiments/demo.yaml", ROOT / "config"
    estimated = {"hours": hours, "cpu": "a processor"}
    now = {**estimated, "config_sha256": open_experiment("demo", config).sha256()}
    write_json(tmp_path / "demo/estimate.json", now)
    assert known(about, config, tmp_path) == f" ({shown} a processor)"
    # another budget makes other hours
    write_json(tmp_path / "demo/estimate.json", {**estimated, "config_sha256": "of before"})
    assert "before it was changed: conpet estimate demo says" in known(about, config, tmp_path)
