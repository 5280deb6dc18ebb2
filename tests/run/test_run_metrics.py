"""Metrics that do not follow from each other are no metrics: a file was edited, or is damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.run import RunFolder, RunKey
from conpet.run.reading import read_run

KEY = RunKey("tiny", "topics", "small", "emr", 1)
GOOD: dict[str, Any] = {
    "whole_accuracy": 0.65, "average_accuracy": 0.7, "macro_f1": 0.6, "selector_accuracy": None,
    "task_accuracy": [0.6, 0.8, None], "task_samples": [30, 10, 0], "selector_confusion": None,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for task in (1, 2, 3):
        cut = {name: GOOD[name][:task] for name in ("task_accuracy", "task_samples")}
        means = {} if task > 1 else {"whole_accuracy": 0.6, "average_accuracy": 0.6}
        write_json(RunFolder(tmp_path).metrics(task), {**KEY.of_task(task), **GOOD, **means, **cut})
    return tmp_path


def test_what_an_evaluation_writes_is_read(folder: Path) -> None:
    assert read_run(folder, KEY, 3).finished


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"macro_f1": 5}, "macro_f1: 5 is no share"),
        ({"whole_accuracy": None}, "whole_accuracy: None is no share"),
        ({"whole_accuracy": 0.9}, "whole_accuracy is 0.9, but the tasks' come to 0.65"),
        ({"average_accuracy": 0.2}, "average_accuracy is 0.2, but the tasks' come to 0.7"),
        ({"task_accuracy": [60, 0.8, None]}, "task_accuracy: 60 is no share"),
    ],
)
def test_what_was_edited_is_one_line(edit: dict[str, Any], said: str, folder: Path) -> None:
    path = RunFolder(folder).metrics(3)
    write_json(path, {**read_json(path), **edit})
    with pytest.raises(UserError) as stopped:
        read_run(folder, KEY, 3)
    assert f"{path}: {said}" in str(stopped.value)
