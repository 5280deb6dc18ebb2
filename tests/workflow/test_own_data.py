"""A user's own table of texts and labels: one YAML, anywhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conpet.files import read_json
from tests.workflow.conftest import Workspace, said

pytestmark = pytest.mark.slow

MINE = """\
title: My topics
datasets: {topics: {files: [topics.csv], order: {seed: 1, tasks: 2}}}
methods: [simple]
"""
TASKS = "results/mine/topics/base.tasks.json"


def own(workspace: Workspace) -> Path:
    folder = workspace.folder / "elsewhere"
    folder.mkdir()
    (folder / "topics.csv").write_text("text,label\na,b\n")
    (folder / "mine.yaml").write_text(MINE)
    return folder / "topics.csv"


def test_one_yaml_is_enough_and_a_changed_table_is_read_again(fresh: Workspace) -> None:
    table = own(fresh)
    mine = {"experiment": "elsewhere/mine.yaml"}
    jobs = fresh.planned("tables", **mine)
    assert set(jobs["fetch"]) == {"model minilm", "dataset topics (base)"}
    assert len(jobs["train"]) == 2
    assert fresh.run(TASKS, **mine).returncode == 0
    assert [call[0] for call in fresh.calls()] == ["fetch-dataset", "prepare", "split"]
    assert fresh.planned(TASKS, **mine) == {}
    table.write_text("text,label\na,b\nc,d\n")
    later = (fresh.folder / "results" / "mine").stat().st_mtime + 60
    os.utime(table, (later, later))
    assert set(fresh.planned(TASKS, **mine)) == {"fetch", "prepare", "split"}


def test_a_table_that_is_gone_is_one_line(fresh: Workspace) -> None:
    own(fresh).unlink()
    jobs = fresh.planned(TASKS, experiment="elsewhere/mine.yaml")
    assert jobs["fetch"] == ["dataset topics (base)"]  # its job says what is wrong


def test_other_data_under_a_name_that_is_taken_are_one_line(fresh: Workspace) -> None:
    table = own(fresh)
    assert fresh.run(TASKS, experiment="elsewhere/mine.yaml").returncode == 0
    mark = fresh.folder / "results/data/topics/written_out.json"
    assert read_json(mark) == {"experiment": "elsewhere/mine.yaml"}
    before = fresh.bytes()
    other = fresh.folder / "other"
    other.mkdir()
    (other / "topics.csv").write_text("text,label\nz,y\n")
    (other / "theirs.yaml").write_text(MINE)
    done = fresh.run("tables", experiment="other/theirs.yaml")
    assert (done.returncode, said(done)) == (1, [
        "conpet: error: other/theirs.yaml: datasets.topics: results/data/topics is of other data "
        "of that name, which elsewhere/mine.yaml writes out: give one of the two another name, "
        "or delete results/data/topics"
    ])  # fmt: skip
    assert fresh.bytes() == before
    # the same data in another experiment are the same data
    (other / "theirs.yaml").write_text(MINE.replace("topics.csv", "../elsewhere/topics.csv"))
    assert fresh.planned("tables", experiment="other/theirs.yaml")
    # nobody else needs them any more
    (other / "theirs.yaml").write_text(MINE)
    (table.parent / "mine.yaml").write_text(MINE.replace("topics:", "mine:"))
    assert fresh.planned("tables", experiment="other/theirs.yaml")["prepare"]


def test_a_try_that_read_nothing_takes_no_name(fresh: Workspace) -> None:
    own(fresh)
    other = fresh.folder / "elsewhere/theirs.yaml"
    other.write_text(MINE.replace("topics.csv", "theirs.csv"))
    (fresh.folder / "elsewhere/theirs.csv").write_text("text,label\nz,y\n")
    assert fresh.run(TASKS, experiment="elsewhere/mine.yaml").returncode == 0
    assert fresh.run("tables", experiment="elsewhere/theirs.yaml").returncode == 1
    (fresh.folder / "results/data/topics/base/samples.parquet").unlink()
    assert fresh.planned("tables", experiment="elsewhere/theirs.yaml")["prepare"]
