"""RanPAC's own choices: its ridge, its scale, and what a class weighs that is not there."""

from __future__ import annotations

import numpy as np
import torch

from conpet.heads.base import Measured
from conpet.heads.ranpac import RIDGES, SCALES
from tests.heads.test_numbers import gaussians, head


def test_ridge_and_scale_are_the_best_on_validation() -> None:
    means = np.random.default_rng(3).standard_normal((3, 5))
    train, valid = gaussians(means, np.eye(5), 15, 1), gaussians(means, np.eye(5), 40, 2)
    made = head("ranpac", 5)
    made.fit(Measured(*train), 3, True, Measured(*valid))
    errors, truth = {}, np.eye(3)[valid[1]]
    for ridge in RIDGES:
        one = head("ranpac", 5, ridge=ridge)
        one.fit(Measured(*train), 3, True)
        errors[ridge] = np.square(one.scores(valid[0]) / one.scale - truth).mean()
    assert made.ridge == min(errors, key=errors.__getitem__)
    plain = torch.from_numpy(made.scores(valid[0]) / made.scale)
    rows = np.arange(len(valid[1]))
    said = {s: float((s * plain).log_softmax(1)[rows, valid[1]].mean()) for s in SCALES}
    assert made.scale == max(said, key=said.__getitem__)
    assert SCALES[0] < made.scale < SCALES[-1]


def test_a_class_left_out_weighs_as_its_samples_did() -> None:
    x, y = gaussians(2 * np.random.default_rng(1).standard_normal((4, 5)), np.eye(5), 30, 7)
    x[y == 2] = x[y == 2][0]  # copies of its mean, which is what is kept of it
    made = head("ranpac", 5, ridge=1e-3)
    made.fit(Measured(x, y), 4, True)
    before, some = made.scores(x), y != 2
    made.fit(Measured(x[some], y[some]), 4, False)
    np.testing.assert_allclose(made.scores(x), before, rtol=1e-6, atol=1e-6)
