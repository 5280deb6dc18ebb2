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
    return alike(build(tmp_path, cells(), **known()))


def alike(results: Results) -> Results:
    return replace(results, settings={run.key.cell: PLAIN for run in results.runs})


def but(results: Results, dataset: str = "demo", **other: Any) -> Results:
    own = {(dataset, "minilm", method): settings for method, settings in other.items()}
    return replace(results, settings={**results.settings, **own})


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


def test_where_no_value_is_that_of_most_each_says_its_own(results: Results) -> None:
    few, many = ({**PLAIN, "replay.batches": n} for n in (5, 20))
    half = len(results.methods) // 2
    other = {m: few if i < half else many for i, m in enumerate(results.methods)}
    some = results.only(results.methods[: 2 * half])
    (note,) = settings_notes(but(some, **{m: other[m] for m in some.methods}))
    assert "replay.batches 5" in note
    assert "replay.batches 20" in note
    assert "(most:" not in note


def test_of_several_datasets_each_has_its_own_note(tmp_path: Path) -> None:
    found = alike(build(tmp_path, cells(("demo", "other"), seeds=(100,), n_tasks=2), **known()))
    more = {**PLAIN, "replay.batches": 12}
    here = but(found, "other", lwf=more)
    (note,) = settings_notes(here)
    assert note.startswith("other, learnt with other settings than most: ")
    # said once where it is the same
    (note,) = settings_notes(but(here, lwf=more))
    assert note.startswith("Learnt with other settings than most: ")


def test_an_ablation_has_the_settings_of_each_dataset(tmp_path: Path) -> None:
    found = alike(build(tmp_path, cells(("demo", "other"), seeds=(100,), n_tasks=2), **known()))
    few, many = ({**PLAIN, "replay.batches": n} for n in (5, 20))
    found = but(but(found, lwf=few), "other", lwf=many)
    made = TABLES["ablation"][0](found)
    own = made.data[made.data["method"] == "lwf"]
    assert list(own["replay.batches"]) == ["5", "20"]
    others = made.data[made.data["method"] != "lwf"]
    assert set(others["replay.batches"]) == {"10"}
