"""Split: most, least, no validation, no test, tasks that the data name."""

from __future__ import annotations

from collections import Counter

import pytest

from conpet.config.partition import Partition
from conpet.data.schema import Sample
from conpet.data.shortage import shortages, untrainable
from conpet.data.split import split_samples
from conpet.errors import UserError


def samples(counts: dict[str, int]) -> list[Sample]:
    return [Sample(f"{name}{i}", "t", name) for name, n in counts.items() for i in range(n)]


def test_at_most_so_many_are_trained_on_where_the_split_is_the_files_own() -> None:
    given = [
        Sample(f"{name}{i}{split}", "t", name, split)
        for split, count in (("train", 30), ("valid", 25), ("test", 40))
        for name in "ab"
        for i in range(count)
    ]
    for scheme in ("official", "pooled"):
        partition = Partition(scheme=scheme, seed=5, most=20)  # type: ignore[arg-type]
        found = split_samples(given, {"seed": 3, "tasks": 1}, partition)
        (task,) = found["tasks"]
        assert Counter(given[row].label for row in task["train"]) == {"a": 20, "b": 20}
        kept = sum(len(task[name]) for name in ("train", "valid", "test"))
        assert kept == len(given) - found["samples_beyond_most"]
        if scheme == "official":
            assert len(task["valid"]) + len(task["test"]) == 130
            assert max(task["train"]) > 47  # drawn, not the first ones


def test_rare_classes_are_dropped_and_counted() -> None:
    given = samples({"a": 40, "b": 7, "c": 20, "d": 8})
    for order in ({"seed": 3, "tasks": 2}, {"tasks": [["a", "b"], ["c", "d"]]}, None):
        found = split_samples(given, order, Partition(scheme="per_class", least=8))
        classes = sorted(name for task in found["tasks"] for name in task["classes"])
        assert classes == ["a", "c", "d"]
        assert (found["rare_classes"], found["samples_without_task"]) == ({"b": 7}, 0)
    with pytest.raises(UserError, match="task 2: none of its classes has 9 samples: lower split"):
        split_samples(given, {"tasks": [["a"], ["b", "d"]]}, Partition(scheme="per_class", least=9))
    own = [Sample(f"{n}", "t", "a" if n % 2 else "b", "train" if n < 9 else "test")
           for n in range(20)]  # fmt: skip
    found = split_samples(own, None, Partition(least=5))
    assert found["rare_classes"] == {"a": 10}  # five to train on, one has four


def test_without_validation_all_is_trained_on() -> None:
    given = samples({"a": 40, "b": 10})
    partition = Partition(scheme="per_class", validation=False)
    (task,) = split_samples(given, None, partition)["tasks"]
    assert (len(task["train"]), task["valid"], len(task["test"])) == (45, [], 5)
    assert not untrainable([task], partition)
    assert not [*shortages([task], [s.label for s in given], partition)]
    own = [Sample(f"{n}", "t", "a", ("train", "valid", "test")[n % 3]) for n in range(9)]
    (task,) = split_samples(own, None, Partition(validation=False))["tasks"]
    assert (len(task["train"]), task["valid"], len(task["test"])) == (6, [], 3)
    (task,) = split_samples(own[::3] + own[2::3], None, Partition(validation=False))["tasks"]
    assert (len(task["train"]), task["valid"], len(task["test"])) == (3, [], 3)


def test_tasks_that_the_data_name_may_share_classes() -> None:
    given = [
        Sample(f"{task}{label}{i}", "t", label, task=task)
        for task in ("shop", "film", "play")
        for label in ("good", "bad")
        for i in range(10)
    ]
    partition = Partition(scheme="per_class")
    found = split_samples(given, {"names": ["film", "shop"]}, partition, shared=True)
    assert [task["classes"] for task in found["tasks"]] == [["bad", "good"]] * 2
    assert {given[row].task for row in found["tasks"][0]["train"]} == {"film"}
    assert found["samples_without_task"] == 20
    with pytest.raises(UserError, match="'bad' of task 2 is a class of an earlier task already"):
        split_samples(given, {"names": ["film", "shop"]}, partition)
    with pytest.raises(UserError, match=r"order\.names: 'book': no sample is of it: the tasks are"):
        split_samples(given, {"names": ["book"]}, partition, shared=True)


def test_without_the_test_part_the_rest_is_cut_anew() -> None:
    for scheme, split in (("per_class", [""]), ("official", ["train"] * 4 + ["test"])):
        given = [
            Sample(f"{name}{i}", "t", name, split[i % len(split)])
            for name in "ab"
            for i in range(50)
        ]
        parts = [
            Partition(scheme=scheme, seed=5, without_test=without)  # type: ignore[arg-type]
            for without in (False, True)
        ]
        (reported,), (chosen_on,) = (split_samples(given, None, part)["tasks"] for part in parts)
        used = {row for name in ("train", "valid", "test") for row in chosen_on[name]}
        assert not used & set(reported["test"])
        assert used == set(reported["train"]) | set(reported["valid"])
        assert all(chosen_on[name] for name in ("train", "valid", "test"))
        assert split_samples(given, None, parts[1])["test_samples_left_out"] == len(
            reported["test"]
        )


def trained(count: int, seed: int = 5, **keys: object) -> list[int]:
    given = [Sample(f"{i}", "t", "a", "train" if i < count else "test") for i in range(count + 5)]
    partition = Partition(seed=seed, **keys)  # type: ignore[arg-type]
    (task,) = split_samples(given, None, partition)["tasks"]
    return [*task["train"]]


def test_what_is_drawn_of_an_official_split_is_drawn_by_its_seed() -> None:
    """Files are often sorted: neither validation nor what stays is the beginning of one."""
    for keys in ({}, {"validation": False, "most": 30}):
        one, again, other = (trained(60, seed, **keys) for seed in (5, 5, 6))
        assert one == again == sorted(one)
        assert set(one) != set(other)
        assert one != [*range(len(one))] and one != [*range(60 - len(one), 60)]


def test_without_the_test_part_the_seed_says_what_is_cut() -> None:
    """Also where the files say which samples are for validation, so that nothing else is drawn."""
    splits = ["train"] * 50 + ["valid"] * 10 + ["test"] * 5
    given = [Sample(f"{i}", "t", "a", name) for i, name in enumerate(splits)]

    def cut(seed: int) -> list[int]:
        (task,) = split_samples(given, None, Partition(seed=seed, without_test=True))["tasks"]
        return [*task["train"]]

    assert cut(5) == cut(5)
    assert set(cut(5)) != set(cut(6))
