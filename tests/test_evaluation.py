"""Metrics, against scikit-learn and against numbers worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, top_k_accuracy_score

from conpet.evaluation import accuracy_matrix, summarise, task_metrics


def entry(*task_accuracy: float | None, whole: float = 0.5) -> dict[str, Any]:
    seen = [a for a in task_accuracy if a is not None]
    return {
        "whole_accuracy": whole,
        "average_accuracy": sum(seen) / len(seen),
        "macro_f1": 0.25,
        "task_accuracy": list(task_accuracy),
        "selector_accuracy": None,
    }


@pytest.mark.parametrize("seed", range(5))
def test_against_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = np.array([f"c{i:02d}" for i in range(12)])
    truth = rng.choice(12, size=300)
    guess = np.where(rng.random(300) < 0.6, truth, rng.choice(12, size=300))
    tasks = truth // 4 + 1
    scores = rng.random((300, 3)) + 0.8 * (np.arange(3) == (tasks - 1)[:, None])
    ranked = np.argsort(-scores, axis=1) + 1
    got = task_metrics(classes[truth], classes[guess], tasks, ranked, 3)
    assert got["whole_accuracy"] == pytest.approx(accuracy_score(truth, guess))
    assert got["macro_f1"] == pytest.approx(f1_score(truth, guess, average="macro"))
    each = [accuracy_score(truth[tasks == t], guess[tasks == t]) for t in (1, 2, 3)]
    assert got["task_accuracy"] == pytest.approx(each)
    assert got["average_accuracy"] == pytest.approx(np.mean(each))
    assert got["task_samples"] == [int((tasks == t).sum()) for t in (1, 2, 3)]
    assert got["selector_confusion"] == confusion_matrix(tasks, ranked[:, 0]).tolist()
    for k in (1, 2):
        expected = top_k_accuracy_score(tasks, scores, k=k, labels=[1, 2, 3])
        assert got["selector_accuracy"][str(k)] == pytest.approx(expected)
    assert got["selector_accuracy"]["3"] == 1.0


def test_where_the_task_is_given() -> None:
    truth, guess, given = ["a", "b", "c", "d"], ["c", "b", "c", "c"], ["a", "b", "c", "c"]
    got = task_metrics(truth, guess, [1, 1, 2, 2], None, 2, given)
    assert (got["whole_accuracy"], got["task_incremental_accuracy"]) == (0.5, 0.75)
    assert summarise([{**entry(0.5)}, {**got}])["task_incremental_accuracy"] == 0.75
    assert "task_incremental_accuracy" not in task_metrics(truth, guess, [1, 1, 2, 2], None, 2)
    with pytest.raises(ValueError, match="shapes differ"):
        task_metrics(truth, guess, [1, 1, 2, 2], None, 2, ["a"])


def test_macro_f1_is_over_classes_with_a_test_sample() -> None:
    # z is seen but has no test sample; guessing it costs its victim, and is not a class of its own
    truth, guess = ["a", "a", "b", "b"], ["a", "z", "b", "0"]
    got = task_metrics(truth, guess, [1, 1, 1, 1], None, 1)
    assert got["macro_f1"] == pytest.approx(
        f1_score(truth, guess, labels=["a", "b"], average="macro")
    )
    assert got["macro_f1"] == pytest.approx(2 / 3)


def test_three_tasks_by_hand() -> None:
    # task 1: 4 samples, 3 right; task 2: 2 samples, 1 right; task 3: 4 samples, all right
    truth = ["a", "a", "b", "b", "c", "d", "e", "e", "f", "f"]
    guess = ["a", "a", "b", "e", "c", "c", "e", "e", "f", "f"]
    tasks = [1, 1, 1, 1, 2, 2, 3, 3, 3, 3]
    selected = [[1, 2], [1, 3], [1, 2], [3, 1], [2, 1], [2, 3], [3, 1], [3, 2], [3, 1], [2, 1]]
    got = task_metrics(truth, guess, tasks, np.array(selected), 3)
    assert got["whole_accuracy"] == pytest.approx(0.8)
    assert got["task_accuracy"] == [0.75, 0.5, 1.0]
    assert got["average_accuracy"] == pytest.approx(0.75)
    # F1: a 1, b 2/3, c 2/3, d 0, e 4/5, f 1
    assert got["macro_f1"] == pytest.approx((1 + 2 / 3 + 2 / 3 + 0 + 4 / 5 + 1) / 6)
    assert got["selector_accuracy"] == {"1": pytest.approx(0.8), "2": pytest.approx(0.9)}
    assert got["selector_confusion"] == [[3, 0, 1], [0, 2, 0], [0, 1, 3]]


def test_history_of_three_tasks_by_hand() -> None:
    history = [
        entry(0.9, whole=0.9),
        entry(0.95, 0.8, whole=0.88),
        entry(0.7, 0.85, 0.6, whole=0.74),
    ]
    got = summarise(history)
    # task 1: best before the last is 0.95 -> 0.25; task 2: 0.8 -> -0.05 (it got better)
    assert got["forgetting"] == pytest.approx((0.25 - 0.05) / 2)
    # task 1: 0.7 - 0.9; task 2: 0.85 - 0.8
    assert got["backward_transfer"] == pytest.approx((-0.2 + 0.05) / 2)
    assert got["mean_whole_accuracy"] == pytest.approx((0.9 + 0.88 + 0.74) / 3)
    assert got["whole_accuracy"] == 0.74
    assert got["average_accuracy"] == pytest.approx((0.7 + 0.85 + 0.6) / 3)


def test_two_tasks_forget_from_the_first_alone() -> None:
    got = summarise([entry(0.9), entry(0.6, 1.0)])
    assert got["forgetting"] == pytest.approx(0.3)
    assert got["backward_transfer"] == pytest.approx(-0.3)


def test_one_task_has_nothing_to_forget() -> None:
    got = summarise([entry(0.9, whole=0.9)])
    assert got["forgetting"] is None
    assert got["backward_transfer"] is None
    assert got["mean_whole_accuracy"] == 0.9


def test_the_last_task_is_not_forgotten_and_its_own_value_is_no_peak() -> None:
    # a[T, 1] above all before: forgetting is negative, since the maximum is over t < T
    assert summarise([entry(0.4), entry(0.5, 0.9)])["forgetting"] == pytest.approx(-0.1)


def test_a_task_without_a_test_sample() -> None:
    got = task_metrics(["a", "a", "c"], ["a", "b", "c"], [1, 1, 3], None, 3)
    assert got["task_accuracy"] == [0.5, None, 1.0]
    assert got["task_samples"] == [2, 0, 1]
    assert got["average_accuracy"] == pytest.approx(0.75)
    assert got["selector_accuracy"] is None
    history = [entry(0.8), entry(0.6, None), entry(0.5, None, 0.9)]
    assert summarise(history)["forgetting"] == pytest.approx(0.3)
    assert summarise(history)["backward_transfer"] == pytest.approx(-0.3)
    only_empty = summarise([{**entry(1.0), "task_accuracy": [None]}, entry(None, 1.0)])
    assert only_empty["forgetting"] is None


def test_matrix_has_no_future() -> None:
    matrix = accuracy_matrix([entry(0.9), entry(0.6, None)])
    assert matrix[1, 0] == 0.6
    assert math.isnan(matrix[0, 1])
    assert math.isnan(matrix[1, 1])


@pytest.mark.parametrize(
    ("n_tasks", "width", "keys"),
    [
        (1, 1, ["1"]),
        (2, 2, ["1", "2"]),
        (2, 3, ["1", "2"]),
        (5, 5, ["1", "2", "3"]),
        (5, 2, ["1", "2"]),
    ],
)
def test_top_k_never_exceeds_the_tasks_seen(n_tasks: int, width: int, keys: list[str]) -> None:
    ranked = np.tile(np.arange(1, width + 1), (2, 1))
    got = task_metrics(["a", "a"], ["a", "a"], [1, 1], ranked, n_tasks)
    assert list(got["selector_accuracy"]) == keys


def test_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="no test sample"):
        task_metrics([], [], [], None, 1)
    with pytest.raises(ValueError, match=r"1\.\.1"):
        task_metrics(["a"], ["a"], [2], None, 1)
    with pytest.raises(ValueError, match="shapes differ"):
        task_metrics(["a"], ["a", "b"], [1], None, 1)
    with pytest.raises(ValueError, match=r"1\.\.1"):
        task_metrics(["a"], ["a"], [1], [[2]], 1)
    with pytest.raises(ValueError, match="entry 2"):
        summarise([entry(0.9), entry(0.9)])
    with pytest.raises(ValueError, match="no metrics"):
        summarise([])


def test_the_result_is_json_ready() -> None:
    import json

    got = task_metrics(["a", "b"], ["a", "a"], [1, 2], np.array([[1, 2], [1, 2]]), 2)
    assert json.loads(json.dumps(got)) == got
