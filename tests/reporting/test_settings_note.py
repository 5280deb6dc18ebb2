"""A method that was learnt with other settings than most is named under the main table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conpet.reporting.collect import Results
from conpet.reporting.settings_note import settings_notes
from conpet.reporting.tables import TABLES
from tests.reporting.synthetic import build, cells, known

PLAIN: dict[str, Any] = {"training": {"epochs": 3, "lr": 0.1}, "replay.batches": 10}


@pytest.fixture
def results(tmp_path: Path) -> Results:
    found = build(tmp_path, cells(), **known())
    return replace(found, settings=dict.fromkeys(found.methods, PLAIN))


def but(results: Results, **other: Any) -> Results:
    return replace(results, settings={**results.settings, **other})


def test_the_same_settings_need_no_note(results: Results) -> None:
    assert settings_notes(results) == []


def test_other_settings_are_named_with_those_of_most(results: Results) -> None:
    less = {"training": {"epochs": 2, "lr": 0.1}, "replay.batches": 10}
    more = {**PLAIN, "replay.batches": 12}
    found = but(results, lwf=less, emr=more)
    (note,) = settings_notes(found)
    assert f"{found.name('lwf')} with training.epochs 2 (most: 3)" in note
    assert f"{found.name('emr')} with replay.batches 12 (most: 10)" in note
    assert note in TABLES["main"][0](found).footnotes


def test_of_several_datasets_it_is_said_whose_settings_these_are(tmp_path: Path) -> None:
    made = build(tmp_path, cells(("demo", "other"), seeds=(100,), n_tasks=2), **known())
    plain = replace(made, settings=dict.fromkeys(made.methods, PLAIN))
    found = but(plain, lwf={**PLAIN, "replay.batches": 12})
    (note,) = settings_notes(found)
    assert note.startswith("Learnt with other settings than most (demo; elsewhere they may be")
    said = "Settings: those on demo; elsewhere they may be others."
    assert said in TABLES["ablation"][0](found).footnotes
