"""What a split leaves without samples is said with its remedy, before anything is trained."""

from __future__ import annotations

import pytest

from conpet.config.partition import Partition
from conpet.data.schema import Sample
from conpet.data.shortage import (
    barely_tested,
    cut,
    least_rows,
    mostly_cut,
    mostly_dropped,
    shortages,
    untrainable,
)
from conpet.data.split import split_samples

PER_CLASS = Partition(scheme="per_class")


def lines(counts: dict[str, int], partition: Partition = PER_CLASS, split: str = "") -> list[str]:
    samples = [Sample(f"{c}{i}", "t", c, split) for c, n in counts.items() for i in range(n)]
    tasks = split_samples(samples, {"seed": 1, "tasks": 1}, partition)["tasks"]
    return list(shortages(tasks, [s.label for s in samples], partition))


def test_enough_is_no_shortage() -> None:
    assert lines({"a": 10, "b": 100}) == []


def test_a_class_with_one_row() -> None:
    train, valid = lines({"a": 100, "b": 1})
    assert train == (
        "1 of 2 classes (b) have no sample for training: it cannot be learnt, and its test samples "
        "all count as wrong: give each class 6 samples or more, or say split.shares "
        "[0.6, 0.2, 0.2]: then 3 are enough"
    )
    assert valid.startswith("1 of 2 classes (b) have no sample for validation")


def test_five_rows_a_class() -> None:
    first, *_ = lines(dict.fromkeys("abcdefgh", 5))
    assert first.startswith("task 1: no validation sample, by which the best epoch is chosen: give")
    assert lines(dict.fromkeys("abcdefgh", 5))[1].startswith("8 of 8 classes (a, b, c, d, e, ...)")
    # and the remedy is one
    shares = Partition(scheme="per_class", shares=[0.6, 0.2, 0.2])
    assert lines(dict.fromkeys("abcdefgh", 5), shares) == []


@pytest.mark.parametrize(
    ("partition", "split", "remedy"),
    [
        (Partition(), "train", "see the split that its files say, or say split: {scheme: per_clas"),
        (Partition(scheme="pooled"), "", "say split: {scheme: per_class}, which cuts each class"),
        (
            Partition(scheme="per_class", shares=[1, 0, 0]),
            "",
            "none of split.shares [1.0, 0.0, 0.0",
        ),
    ],
)
def test_remedies_of_other_splits(partition: Partition, split: str, remedy: str) -> None:
    found = lines({"a": 3}, partition, split)
    assert found
    assert all(remedy in line for line in found)


def test_untrainable_tasks_are_named() -> None:
    def task(number: int, valid: list[int]) -> dict[str, object]:
        return {"task": number, "valid": valid}

    assert untrainable([task(1, [0]), task(2, [1])], PER_CLASS) == ""
    found = untrainable([task(1, []), task(2, [1]), task(3, [])], PER_CLASS)
    assert found.startswith("tasks 1, 3: no validation sample")


@pytest.mark.parametrize(
    ("shares", "rows"),
    [
        ([0.8, 0.1, 0.1], 6),
        ([0.6, 0.2, 0.2], 3),
        ([0.98, 0.01, 0.01], 51),
        ([0.34, 0.33, 0.33], 3),
        ([0.9, 0.1, 0.0], None),
    ],
)
def test_how_many_rows_shares_need(shares: list[float], rows: int | None) -> None:
    assert least_rows(shares) == rows
    if rows:
        assert all(lines({"a": n}, Partition(scheme="per_class", shares=shares)) == []
                   for n in range(rows, 200))  # fmt: skip
        assert 0 in cut(rows - 1, shares)


def test_one_test_sample_and_rows_that_are_lost_are_told() -> None:
    tasks = [{"test": [0, 1, 2]}, {"test": [3]}]
    line = barely_tested(tasks, ["a", "a", "b", "c"])
    assert line.startswith("2 of 3 classes (b, c) have one test sample")
    assert barely_tested(tasks[:1], ["a", "a", "a"]) == ""
    assert mostly_dropped(4, 20, 56) == "24 of 60 rows (40%) are dropped: Dropped says why"
    assert mostly_dropped(4, 0, 56) == ""
    assert mostly_dropped(0, 0, 0) == ""


def test_texts_that_are_mostly_cut_are_told() -> None:
    said = mostly_cut([10, 500, 600, 700], 128)
    assert said.startswith("3 of 4 texts are cut at 128 tokens (half of all have 550 or more)")
    assert mostly_cut([10] * 4 + [500], 128) == mostly_cut([], 128) == ""
