"""What is kept of the data to learn on: of the run's own tasks, shots and classes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from conpet.data.samples import write_samples
from conpet.data.schema import Sample
from conpet.files import read_json, write_json
from conpet.reporting.collect import collect
from conpet.reporting.kept import kept_samples
from tests.reporting.synthetic import build, cells, known

#: training samples of the two classes of each of three tasks
SIZES = {"a": 5, "b": 2, "c": 4, "d": 3, "e": 6, "f": 1}
TASKS = [["a", "b"], ["c", "d"], ["e", "f"]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build(tmp_path, cells(methods=("finetune", "static_emr"), seeds=(100,), n_tasks=3))
    labels = [name for name, size in SIZES.items() for _ in range(size)]
    write_samples(
        tmp_path / "data/demo/base/samples.parquet",
        [Sample(str(i), "text", label) for i, label in enumerate(labels)],
    )
    rows = [[i for i, label in enumerate(labels) if label in names] for names in TASKS]
    tasks = [
        {"task": t, "classes": names, "train": own, "valid": [], "test": []}
        for t, (names, own) in enumerate(zip(TASKS, rows, strict=True), start=1)
    ]
    write_json(tmp_path / "demo/demo/base.tasks.json", {"tasks": tasks})
    return tmp_path


def kept(root: Path, method: str, tasks: int, **state: Any) -> float:
    path = root / f"demo/demo/minilm/{method}/seed100/task{tasks:02d}/state/state.json"
    write_json(path, read_json(path) | state)
    matrix = cells(methods=(method,), seeds=(100,), n_tasks=tasks)
    found = collect("demo", root, matrix, **known())
    return kept_samples(found, found.runs[0])


def fitted(samples: int | str) -> dict[str, Any]:
    return {"settings": {"head": {"type": "lda", "samples": samples}}}


@pytest.mark.parametrize(("tasks", "samples"), [(3, 21), (2, 14), (1, 7)])
def test_the_history_is_that_of_the_run_s_tasks(root: Path, tasks: int, samples: int) -> None:
    assert kept(root, "static_emr", tasks) == samples


def test_what_is_drawn_to_validate_on_is_kept_too(root: Path) -> None:
    path = root / "demo/demo/base.tasks.json"
    said = read_json(path)
    for task in said["tasks"]:
        task["valid"] = [100, 101]
    write_json(path, said)
    assert kept(root, "static_emr", 3) == 21 + 6
    assert kept(root, "static_emr", 3, settings={"shots": 3}) == 15 + 6
    # a head is fitted on training samples
    assert kept(root, "finetune", 3, settings=fitted("history")) == 21


def test_an_addition_that_is_no_longer_asked_for_is_not_kept(root: Path) -> None:
    more = {"task": 4, "classes": ["g"], "train": [0, 1, 2], "valid": [], "test": []}
    write_json(root / "demo/demo/add1.tasks.json", {"tasks": [more]})
    assert kept(root, "static_emr", 3) == 21


def test_of_a_few_shots_these_alone_are_kept(root: Path) -> None:
    assert kept(root, "static_emr", 3, settings={"shots": 3}) == 3 + 2 + 3 + 3 + 3 + 1
    (root / "data/demo/base/samples.parquet").unlink()
    assert math.isnan(kept(root, "static_emr", 3, settings={"shots": 3}))


def test_of_a_small_class_there_are_not_so_many(root: Path) -> None:
    assert kept(root, "finetune", 3, settings=fitted(3)) == 3 + 2 + 3 + 3 + 3 + 1
    assert kept(root, "finetune", 3, settings=fitted(3) | {"shots": 2}) == 5 * 2 + 1
    assert kept(root, "finetune", 3, settings=fitted("history")) == 21


def test_beside_a_memory_the_larger_of_both_is_kept(root: Path) -> None:
    state = root / "demo/demo/minilm/finetune/seed100/task03/state"
    write_json(state / "memory.json", {"train": [0, 1, 2], "valid": [3]})
    assert kept(root, "finetune", 3) == 4
    assert kept(root, "finetune", 3, settings=fitted(3)) == 3 + 2 + 3 + 3 + 3 + 1


def test_sums_alone_are_kept_where_nothing_is_trained(root: Path) -> None:
    for samples in ("history", 3):
        said = {"settings": fitted(samples), "trainable_parameters": 0, "classes": TASKS}
        assert kept(root, "finetune", 3, **said) == 0
    # so many of a class that comes again are others with every task
    again = {"settings": fitted(3), "trainable_parameters": 0, "classes": [["a"], ["a"], ["a"]]}
    assert kept(root, "finetune", 3, **again) == 15


def test_an_addition_that_became_a_task_of_the_base_counts_once(root: Path) -> None:
    stale = {"task": 3, "classes": ["g"], "train": [0, 1, 2], "valid": [], "test": []}
    write_json(root / "demo/demo/add1.tasks.json", {"tasks": [stale]})
    assert kept(root, "static_emr", 3) == 21
