"""Which methods are upper bounds: one answer for tables, MLflow and the workflow."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from conpet.commands.checks import DataChecks, open_experiment
from conpet.commands.tracking import _best
from conpet.config import Method
from conpet.replay import upper_bound
from conpet.replay.dynamic import Dynamic
from tests.conftest import ROOT

sys.path.append(str(ROOT / "workflow" / "scripts"))

from checked import facts_of


def _method(**keys: Any) -> Method:
    return Method(**{"title": "Mine", "learner": "linear", "replay": "none", **keys})


def test_it_is_one_by_what_it_says_else_by_its_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    assert upper_bound(_method(replay="full"))
    assert not upper_bound(_method(replay="full", bound=False))
    assert upper_bound(_method(bound=True))
    assert not upper_bound(_method())
    assert not upper_bound(_method(replay="one that is not there any more"))
    monkeypatch.setattr(Dynamic, "whole_history", True)
    assert upper_bound(_method(replay="dynamic"))


def test_workflow_and_mlflow_hold_the_same_for_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where a replay of somebody's own passes everything again."""
    monkeypatch.chdir(tmp_path)  # where no workflow has kept what it found before
    monkeypatch.setattr(Dynamic, "whole_history", True)
    demo = open_experiment("demo", ROOT / "config", DataChecks())
    bounds = {name for name, facts in facts_of(demo, keep=False).items() if facts["bound"]}
    assert bounds == {"static_emr", "dynamic", "static_plus", "joint"}
    values = {
        ("demo", "minilm", name): {"whole_accuracy": 0.9 if name in bounds else 0.5}
        for name in demo.methods
    }
    assert _best(demo.matrix(), values) == {"best_whole_accuracy/demo": 0.5}
