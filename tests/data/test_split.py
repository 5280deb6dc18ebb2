"""The class order and the samples' split, against the published derivation."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from conpet.config.partition import Partition
from conpet.data.schema import Sample
from conpet.data.split import cut_labels, split_samples
from conpet.errors import UserError
from tests.conftest import ROOT

PER_CLASS = Partition(scheme="per_class")
ORDERS = ROOT / "config" / "class_orders"


def samples(counts: dict[str, int], split_name: str = "") -> list[Sample]:
    """Return samples of each class, classes taking turns as in a shuffled file."""
    rows = [(i, name) for name, count in counts.items() for i in range(count)]
    rows.sort(key=lambda row: (row[0], row[1]))
    return [Sample(f"{name}-{i}", "t", name, split_name) for i, name in rows]


def official(counts: dict[str, tuple[int, int, int]]) -> list[Sample]:
    return [
        Sample(f"{name}-{part}-{i}", "t", name, part)
        for name, numbers in counts.items()
        for part, number in zip(("train", "valid", "test"), numbers, strict=True)
        for i in range(number)
    ]


def order(seed: int = 100, tasks: int = 2) -> dict[str, Any]:
    return {"seed": seed, "tasks": tasks}


def sizes(task: dict[str, Any]) -> tuple[int, int, int]:
    return len(task["train"]), len(task["valid"]), len(task["test"])


def fewrel() -> tuple[list[list[str]], list[Sample]]:
    published = json.loads((ORDERS / "fewrel.json").read_text())["tasks"]
    names = [name for task in published for name in task]
    random.Random(1).shuffle(names)  # the derivation must not lean on the order found here
    return published, samples(dict.fromkeys(names, 3))


def test_the_published_fewrel_order_follows_from_its_seed() -> None:
    published, found = fewrel()
    assert len({s.label for s in found}) == 80
    tasks = split_samples(found, order(100, 10), PER_CLASS)["tasks"]
    assert [task["classes"] for task in tasks] == published
    other = split_samples(found, order(101, 10), PER_CLASS)["tasks"]
    assert [task["classes"] for task in other] != published


def test_fewrel_as_the_authors_wrote_it() -> None:
    """One generator, as in docs/methods.md, Streams: labels first, then each label's samples."""
    published, _ = fewrel()
    names = sorted(name for task in published for name in task)
    data = [Sample(f"{n}:{i}", "t", n) for n in names for i in range(135)]
    rows = {n: [r for r, s in enumerate(data) if s.label == n] for n in names}
    rng = random.Random(100)
    shuffled = list(names)
    rng.shuffle(shuffled)
    tasks = split_samples(data, order(100, 10), PER_CLASS)["tasks"]
    for number, task in enumerate(tasks):
        assert task["classes"] == sorted(shuffled[8 * number : 8 * number + 8])
        expected: dict[str, list[int]] = {"train": [], "valid": [], "test": []}
        for name in task["classes"]:
            mixed = rows[name]
            rng.shuffle(mixed)
            expected["train"] += mixed[: int(0.8 * 135)]
            expected["valid"] += mixed[int(0.8 * 135) : int(0.9 * 135)]
            expected["test"] += mixed[int(0.9 * 135) :]
        assert {key: task[key] for key in expected} == expected
        assert sizes(task) == (8 * 108, 8 * 13, 8 * 14)


def test_fewrel_lite_itself(mirror: Path) -> None:
    found = json.loads((mirror / "fewrel_lite" / "fewrel_lite.json").read_text())
    data = samples({name: len(entries) for name, entries in found.items()})
    tasks = split_samples(data, order(100, 10), PER_CLASS)["tasks"]
    assert [task["classes"] for task in tasks] == fewrel()[0]
    assert {sizes(task) for task in tasks} == {(864, 104, 112)}


@pytest.mark.parametrize(
    ("count", "shares", "expected"),
    [
        (135, [0.8, 0.1, 0.1], (108, 13, 14)),
        (700, [0.8, 0.1, 0.1], (560, 70, 70)),
        (10, [0.8, 0.1, 0.1], (8, 1, 1)),
        (10, [0.7, 0.2, 0.1], (7, 2, 1)),  # 0.7 + 0.2 < 0.9 in floating point
        (50, [0.58, 0.21, 0.21], (29, 10, 11)),  # and so is 0.58 * 50
        (100, [0.6, 0.3, 0.1], (60, 30, 10)),
        (7, [1.0, 0.0, 0.0], (7, 0, 0)),
        (2, [0.8, 0.1, 0.1], (1, 0, 1)),
    ],
)
def test_shares_of_a_class(count: int, shares: list[float], expected: tuple[int, int, int]) -> None:
    partition = Partition(scheme="per_class", shares=shares)
    (task,) = split_samples(samples({"a": count}), order(tasks=1), partition)["tasks"]
    assert sizes(task) == expected
    rows = task["train"] + task["valid"] + task["test"]
    assert sorted(rows) == list(range(count))


def test_ontonotes_like_sizes() -> None:
    names = {f"/type/{i:02d}": 10 + i % 3 for i in range(86)}
    partition = Partition(scheme="pooled")
    result = split_samples(samples(names), order(100, 10), partition)
    assert [len(task["classes"]) for task in result["tasks"]] == [9] * 6 + [8] * 4
    rows = [r for task in result["tasks"] for key in ("train", "valid", "test") for r in task[key]]
    total = sum(names.values())
    assert sorted(rows) == list(range(total))
    found: Counter[str] = Counter()
    for task in result["tasks"]:
        found.update({key: len(task[key]) for key in ("train", "valid", "test")})
    assert found["train"] == int(0.8 * total)
    assert found["train"] + found["valid"] == int(0.9 * total)


def test_pooled_shuffles_samples_first_then_labels() -> None:
    data = samples(dict.fromkeys("abcdefgh", 9))
    rng = random.Random(100)
    rows = list(range(len(data)))
    rng.shuffle(rows)
    names = list("abcdefgh")
    rng.shuffle(names)
    tasks = split_samples(data, order(100, 2), Partition(scheme="pooled"))["tasks"]
    assert [task["classes"] for task in tasks] == [sorted(names[:4]), sorted(names[4:])]
    trained = sorted(r for task in tasks for r in task["train"])
    assert trained == sorted(rows[: int(0.8 * len(rows))])


@pytest.mark.parametrize(
    ("labels", "tasks", "expected"),
    [(86, 10, [9] * 6 + [8] * 4), (18, 5, [4, 4, 4, 3, 3]), (5, 5, [1] * 5), (3, 1, [3])],
)
def test_cut(labels: int, tasks: int, expected: list[int]) -> None:
    names = [str(i) for i in range(labels)]
    groups = cut_labels(names, tasks)
    assert [len(group) for group in groups] == expected
    assert [name for group in groups for name in group] == names


def test_more_tasks_than_classes() -> None:
    with pytest.raises(UserError, match="4 tasks need as many classes, there are 3"):
        split_samples(samples({"a": 9, "b": 9, "c": 9}), order(tasks=4), PER_CLASS)


def test_the_order_has_its_own_seed() -> None:
    data = samples(dict.fromkeys("abcdefgh", 20))
    tasks = {s: split_samples(data, order(s, 4), PER_CLASS)["tasks"] for s in (100, 1, 2)}
    orders = {s: [task["classes"] for task in found] for s, found in tasks.items()}
    assert orders[100] != orders[1] != orders[2] != orders[100]
    other = split_samples(data, order(1, 4), Partition(scheme="per_class", seed=5))["tasks"]
    assert [task["classes"] for task in other] == orders[1]
    assert other[0]["train"] != tasks[1][0]["train"]


def test_the_samples_split_goes_on_from_the_label_shuffle_whatever_the_order_is() -> None:
    """A published order, and one derived from its seed, give the same rows."""
    published, data = fewrel()
    derived = split_samples(data, order(100, 10), PER_CLASS)
    given = split_samples(data, {"tasks": published, "source": "here"}, PER_CLASS)
    assert given == derived
    mixed = [list(reversed(names)) for names in published]
    assert split_samples(data, {"tasks": mixed}, PER_CLASS) == derived  # sorted within a task


def test_the_split_does_not_depend_on_how_python_hashes() -> None:
    code = (
        "from tests.data.test_split import *; data = samples({f'c{i}': 12 for i in range(9)});"
        "print(split_samples(data, order(7, 3), PER_CLASS),"
        "split_samples(data, ['c3', 'c8'], PER_CLASS))"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert found[0] == found[1] != b""


def test_groups_keep_their_order_and_may_be_fewer() -> None:
    groups = {"z": ["d", "c"], "a": ["b"], "m": ["a"]}
    data = official(dict.fromkeys("abcd", (3, 1, 1)))
    result = split_samples(data, {"groups": "g", "tasks": 2}, Partition(), groups=groups)
    assert [task["classes"] for task in result["tasks"]] == [["c", "d"], ["b"]]
    assert result["samples_without_task"] == 5  # those of class a


def test_official_split_is_kept_row_by_row() -> None:
    data = official({"a": (3, 2, 1), "b": (2, 1, 4)})
    (task,) = split_samples(data, order(tasks=1), Partition())["tasks"]
    assert sizes(task) == (5, 3, 5)
    for key in ("train", "valid", "test"):
        assert {data[r].split for r in task[key]} == {key}


def test_official_without_valid_takes_a_share_of_train() -> None:
    data = official({"a": (40, 0, 5), "b": (1, 0, 2), "c": (30, 6, 3)})
    (task,) = split_samples(data, order(tasks=1), Partition())["tasks"]
    by_class = {
        key: Counter(data[r].label for r in task[key]) for key in ("train", "valid", "test")
    }
    assert by_class["valid"] == {"a": 4, "c": 6}  # b's only sample stays for training
    assert by_class["train"] == {"a": 36, "b": 1, "c": 30}
    assert by_class["test"] == {"a": 5, "b": 2, "c": 3}
    assert {data[r].split for r in task["valid"] if data[r].label == "a"} == {"train"}
    assert not set(task["train"]) & set(task["valid"])


def test_official_is_refused_without_one() -> None:
    with pytest.raises(UserError, match=r"a-0: no official split: set split.scheme to per_class"):
        split_samples(samples({"a": 3, "b": 3}), order(tasks=1), Partition())


def test_a_class_in_two_tasks() -> None:
    data = samples({"a": 9, "b": 9, "c": 9})
    with pytest.raises(UserError, match="'b' stands in two tasks"):
        split_samples(data, {"tasks": [["a", "b"], ["b", "c"]]}, PER_CLASS)
    with pytest.raises(UserError, match="'a' stands twice in the classes of one task"):
        split_samples(data, {"tasks": [["a", "a"]]}, PER_CLASS)


def test_a_class_without_a_sample() -> None:
    data = samples({"a": 9, "b": 9})
    with pytest.raises(UserError, match=r"'x' has no .*\(nor have 1 more\): samples are of b"):
        split_samples(data, {"tasks": [["a", "x"], ["y"]]}, PER_CLASS)


def test_least_leaves_too_few_classes() -> None:
    data = samples({"a": 3, "b": 9})
    with pytest.raises(UserError, match=r"^split.least: 1 of 2 classes have fewer than 5 samples"):
        split_samples(data, order(tasks=2), PER_CLASS.model_copy(update={"least": 5}))


def test_a_task_without_a_training_sample() -> None:
    data = official({"a": (5, 1, 1), "b": (0, 2, 2)})
    with pytest.raises(UserError, match=r"task 2 \(b\): no training sample"):
        split_samples(data, {"tasks": [["a"], ["b"]]}, Partition())


def test_an_addition_is_one_more_task() -> None:
    data = samples({"new": 10, "newer": 20, "other": 5})
    classes = ["newer", "new"]
    result = split_samples(data, classes, PER_CLASS, first_task=4, seen=["a", "b"])
    (task,) = result["tasks"]
    assert (task["task"], task["classes"]) == (4, ["new", "newer"])
    assert sizes(task) == (24, 3, 3)
    assert result["samples_without_task"] == 5
    assert classes == ["newer", "new"]


def test_an_addition_with_a_class_that_was_there() -> None:
    data = samples({"a": 10, "new": 10})
    with pytest.raises(UserError, match="'a' of task 4 is a class of an earlier task already"):
        split_samples(data, ["a", "new"], PER_CLASS, first_task=4, seen=["b", "a"])
    with pytest.raises(UserError, match="'new' stands twice in the classes"):
        split_samples(data, ["new", "new"], PER_CLASS, first_task=4)
    with pytest.raises(UserError, match="'gone' has no sample"):
        split_samples(data, ["gone"], PER_CLASS, first_task=4)


def test_rows_never_overlap_and_belong_to_their_task() -> None:
    rng = random.Random(3)
    data = samples({f"c{i}": rng.randint(1, 30) for i in range(11)} | {"c11": 30})
    for partition in (PER_CLASS, Partition(scheme="pooled", seed=9)):
        tasks = split_samples(data, order(2, 3), partition)["tasks"]
        rows = [r for t in tasks for key in ("train", "valid", "test") for r in t[key]]
        assert sorted(rows) == list(range(len(data)))
        for task in tasks:
            for key in ("train", "valid", "test"):
                assert {data[r].label for r in task[key]} <= set(task["classes"])


def test_at_most_so_many_of_a_class_are_drawn_and_cut() -> None:
    given = samples({"a": 40, "b": 7, "c": 20})
    found = split_samples(
        given, {"seed": 3, "tasks": 1}, Partition(scheme="per_class", seed=5, most=20)
    )
    (task,) = found["tasks"]
    rows = [row for name in ("train", "valid", "test") for row in task[name]]
    assert Counter(given[row].label for row in rows) == {"a": 20, "b": 7, "c": 20}
    assert Counter(given[row].label for row in task["test"]) == {"a": 2, "b": 1, "c": 2}
    assert found["samples_beyond_most"] == 20
    assert max(row for row in rows if given[row].label == "a") > 47  # drawn, not the first ones


@pytest.mark.parametrize(("share", "valid"), [(0.29, 29), (0.57, 57), (0.1, 10)])
def test_validation_of_an_official_split_is_not_below_its_share(share: float, valid: int) -> None:
    partition = Partition(shares=[0.99 - share, share, 0.01])
    (task,) = split_samples(official({"a": (100, 0, 1)}), order(tasks=1), partition)["tasks"]
    assert sizes(task) == (100 - valid, valid, 1)
