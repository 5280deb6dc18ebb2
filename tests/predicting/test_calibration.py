"""Temperature, mixture, threshold and AUROC against what is known by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from conpet.learners.base import Prediction
from conpet.learners.temperature import fit_temperature
from conpet.predicting import calibration
from conpet.predicting.package import measure


def test_the_temperature_that_scaled_the_scores_is_found() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 5)) * 2
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array([rng.choice(5, p=p) for p in chances])
    said = Prediction(torch.from_numpy(3 * logits).log_softmax(1))
    tasks = [np.arange(5)]
    found = fit_temperature(lambda t: calibration.log_probabilities(said, tasks, t), labels)
    assert found == pytest.approx(3, rel=0.05)
    before, after = (calibration.log_probabilities(said, tasks, t) for t in (1.0, found))
    assert calibration.nll(after, labels) < calibration.nll(before, labels)
    worse, better = (calibration.expected_calibration_error(v, labels) for v in (before, after))
    assert better < 0.03
    assert worse > 0.1


def test_experts_are_mixed_by_the_selector() -> None:
    scores = torch.tensor([[2.0, 0.0, -100.0, -100.0, -100.0]])
    shares = torch.tensor([[0.8, 0.2]])
    said = Prediction(scores.log_softmax(1), np.array([[1, 2]]), shares.log())
    mixed = np.exp(calibration.log_probabilities(said, [np.arange(2), np.arange(2, 5)], 1.0))[0]
    first = 0.8 * np.exp(2) / (np.exp(2) + 1)
    assert mixed == pytest.approx([first, 0.8 - first, 0.2 / 3, 0.2 / 3, 0.2 / 3])


def test_a_class_of_several_tasks_has_the_sum_of_its_shares() -> None:
    scores = torch.tensor([[2.0, 0.0, 1.0]])
    shares = torch.tensor([[0.8, 0.2]])
    said = Prediction(scores.log_softmax(1), np.array([[1, 2]]), shares.log())
    mixed = np.exp(calibration.log_probabilities(said, [np.arange(2), np.array([1, 2])], 1.0))[0]
    e = np.exp([2.0, 0.0, 1.0])
    first, second = 0.8 / (e[0] + e[1]), 0.2 / (e[1] + e[2])
    assert mixed == pytest.approx([first * e[0], first * e[1] + second * e[1], second * e[2]])
    same = np.exp(calibration.log_probabilities(said, [np.arange(3)] * 2, 1.0))[0]
    assert same == pytest.approx(e / e.sum())


def test_expected_calibration_error_by_hand() -> None:
    logs = np.log(np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]]))
    labels = np.array([0, 1, 0, 1])
    # two in the bin of 0.9, half of them right; two in that of 0.6, both right
    assert calibration.expected_calibration_error(logs, labels) == pytest.approx(
        0.5 * abs(0.9 - 0.5) + 0.5 * abs(0.6 - 1)
    )


def test_the_threshold_keeps_at_least_its_share() -> None:
    confidence = np.random.default_rng(1).random(200)
    threshold = calibration.threshold_for(confidence, 0.95)
    assert 0.95 <= (confidence >= threshold).mean() <= 0.96


def test_auroc_counts_pairs() -> None:
    inside, outside = np.array([0.9, 0.8, 0.3]), np.array([0.5, 0.1])
    pairs = [a > b for a in inside for b in outside]
    assert calibration.auroc(inside, outside) == pytest.approx(np.mean(pairs))


def test_all_tasks_at_once_are_each_task_on_its_own() -> None:
    rng = np.random.default_rng(2)
    tasks = np.repeat(np.arange(1, 5), [3, 1, 4, 2])
    scores = rng.normal(size=(6, 10)) * 30
    found = calibration.log_softmax(scores, np.searchsorted(tasks, np.arange(1, 5)))
    for task in range(1, 5):
        own = torch.from_numpy(scores[:, tasks == task]).log_softmax(1).numpy()
        np.testing.assert_allclose(found[:, tasks == task], own, atol=1e-12)


def test_texts_that_are_all_right_make_nothing_certain() -> None:
    """Margins in the hundreds, as a discriminant has: inside and outside stay apart."""
    labels = np.arange(40) % 4
    inside, outside = np.zeros((40, 4)), np.zeros((10, 4))
    inside[np.arange(40), labels] = np.linspace(240, 640, 40)
    outside[:, 0] = np.linspace(90, 220, 10)

    def at(scores: np.ndarray, t: float) -> np.ndarray:
        return calibration.log_softmax(scores / t, [0])

    temperature = fit_temperature(lambda t: at(inside, t), labels)
    assert temperature > 20
    confident, less = (np.exp(at(s, temperature)).max(axis=1) for s in (inside, outside))
    assert len(np.unique(confident)) == 40
    assert calibration.auroc(confident, less) == 1
    assert (less < calibration.threshold_for(confident)).all()


def test_a_class_without_a_training_sample_leaves_the_temperature_as_it_is() -> None:
    """A fitted head has it out of question: no text's confidence may pay for that."""
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(60, 4)), np.tile(np.arange(4), 15)
    logits[np.arange(60), labels] += 2
    never = np.full((60, 1), logits.min() - 50)

    def temperature(scores: np.ndarray) -> float:
        classes = scores.shape[1]
        valid, train = np.arange(60), np.arange(4)  # a sample of each class but a fifth
        of = {"train": train, "valid": valid}
        stream: Any = SimpleNamespace(tasks=1, seen=classes, label=labels, of=lambda s, _: of[s])
        predictor: Any = SimpleNamespace(
            columns=[np.arange(classes)],
            ask=lambda *_: Prediction(torch.from_numpy(scores).log_softmax(1)),
        )
        found = measure(predictor, stream, [])
        assert found is not None
        return found.temperature

    known = temperature(logits)
    assert temperature(np.concatenate([logits, never], axis=1)) == pytest.approx(known, abs=1e-4)


@pytest.mark.parametrize("count", [7, 96, 105, 333])
def test_the_threshold_keeps_its_share_whatever_the_number_of_samples(count: int) -> None:
    confidence = np.random.default_rng(count).random(count)
    threshold = calibration.threshold_for(confidence, 0.95)
    assert (confidence >= threshold).mean() >= 0.95
    assert threshold in confidence


@pytest.mark.parametrize("second", [[2, 3], [1, 2]])
def test_a_temperature_is_for_the_selectors_shares_too(second: list[int]) -> None:
    scores = torch.tensor([[2.0, 0.0, 1.0, -1.0]])[:, : second[-1] + 1]
    shares, columns = torch.tensor([[3.0, 1.0]]), [np.arange(2), np.array(second)]
    said = Prediction(scores, np.array([[1, 2]]), shares)
    halved = Prediction(scores / 4, np.array([[1, 2]]), shares / 4)
    np.testing.assert_allclose(
        calibration.log_probabilities(said, columns, 4.0),
        calibration.log_probabilities(halved, columns, 1.0),
    )


def measured(train: np.ndarray, outside: list[str]) -> Any:
    """Measure a learner that knows three classes, and is too sure of them."""
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.tile(np.arange(2), 30), np.tile(np.arange(3), 20)])
    scores = rng.normal(size=(120, 3))
    scores[np.arange(120), labels] += 1
    scores[:60, 2] -= 60  # out of question, if it counts
    scores[60:] *= 3
    of = {"train": train, "valid": np.arange(60), "test": np.arange(60, 120)}
    stream: Any = SimpleNamespace(tasks=1, seen=3, label=labels, of=lambda s, _: of[s])
    away = torch.from_numpy(np.random.default_rng(1).normal(size=(len(outside), 3)) * 8)
    predictor: Any = SimpleNamespace(
        columns=[np.arange(3)],
        samples=lambda texts: (None, np.arange(len(texts))),
        ask=lambda asked, at: Prediction(torch.from_numpy(5 * scores[at]) if asked else away),
    )
    return measure(predictor, stream, outside), 5 * scores, labels, of, away.numpy()


def test_a_class_that_was_trained_on_counts_without_validation_samples() -> None:
    """A temperature is of all choices that something was learnt of."""
    with_third = measured(np.arange(60, 120), [])[0]
    without = measured(np.arange(60), [])[0]
    assert with_third.temperature > 1.2 * without.temperature


def test_what_is_measured_is_named_as_it_is() -> None:
    found, scores, labels, of, away = measured(np.arange(60, 120), ["x"] * 40)

    def logs(split: str, temperature: float) -> np.ndarray:
        return calibration.log_softmax(scores[of[split]] / temperature, [0])

    plain, tempered = (logs("valid", t) for t in (1.0, found.temperature))
    truth = labels[of["valid"]]
    nlls = [calibration.nll(x, truth) for x in (plain, tempered)]
    assert found.nll == pytest.approx(nlls, abs=1e-5)
    eces = [calibration.expected_calibration_error(x, truth) for x in (plain, tempered)]
    assert found.ece == pytest.approx(eces, abs=1e-5)
    inside = np.exp(logs("test", found.temperature)).max(1)
    beyond = np.exp(calibration.log_softmax(away / found.temperature, [0])).max(1)
    assert found.auroc == pytest.approx(calibration.auroc(inside, beyond), abs=1e-5)
    assert found.auroc != pytest.approx(
        calibration.auroc(np.exp(tempered).max(1), beyond), abs=0.01
    )
    assert found.outside_refused == pytest.approx((beyond < found.threshold).mean())


@pytest.mark.parametrize(("count", "reach"), [(20, 19), (19, 19), (100, 95), (200, 190), (1, 1)])
def test_the_threshold_is_the_highest_that_does(count: int, reach: int) -> None:
    confidence = np.arange(count) / count
    assert (confidence >= calibration.threshold_for(confidence, 0.95)).sum() == reach
