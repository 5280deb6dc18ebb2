"""What a head keeps follows a linear drift of the space, as if all had been seen again."""

from __future__ import annotations

import numpy as np
import pytest

from conpet.config.head import Head
from conpet.errors import UserError
from conpet.heads import check_head, fitted_head
from conpet.heads.base import Measured
from conpet.heads.drift import drift


def samples(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(n) % 4
    centres = 4 * np.eye(4, 6)
    return centres[labels] + rng.normal(size=(n, 6)) * [0.2, 1, 1, 1, 0.5, 2], labels


def test_a_linear_drift_is_found() -> None:
    rng = np.random.default_rng(0)
    before, _ = samples(rng, 200)
    weight, bias = np.eye(6) + 0.3 * rng.normal(size=(6, 6)), rng.normal(size=6)
    found, offset = drift(before, before @ weight + bias)
    np.testing.assert_allclose(found, weight, atol=0.01)
    np.testing.assert_allclose(offset, bias, atol=0.05)


def test_spaces_side_by_side_move_each_by_itself() -> None:
    rng = np.random.default_rng(4)
    before = rng.normal(size=(300, 6))
    after = before @ np.kron(np.eye(2), rng.normal(size=(3, 3))) + 1
    found, offset = drift(before, after, block=3)
    for part in (slice(0, 3), slice(3, 6)):
        weight, bias = drift(before[:, part], after[:, part])
        np.testing.assert_allclose(found[part, part], weight)
        np.testing.assert_allclose(offset[part], bias)
    assert not found[:3, 3:].any()
    assert not found[3:, :3].any()


def test_noise_is_no_drift() -> None:
    """Fewer samples than dimensions, and a shift of no pattern: the map hardly moves anything."""
    rng = np.random.default_rng(1)
    before = rng.normal(size=(20, 50))
    found, _ = drift(before, before + 0.1 * rng.normal(size=before.shape))
    assert np.abs(found - np.eye(50)).max() < 0.02


def test_samples_that_are_all_alike() -> None:
    found, offset = drift(np.ones((3, 4)), np.full((3, 4), 2.0))
    np.testing.assert_allclose(np.ones(4) @ found + offset, 2.0)


def test_an_lda_that_follows_is_the_lda_of_all() -> None:
    rng = np.random.default_rng(2)
    x, labels = samples(rng, 400)
    weight, bias = np.eye(6) + 0.3 * rng.normal(size=(6, 6)), rng.normal(size=6)
    moved, old = x @ weight + bias, labels < 2
    kept, whole = (fitted_head(Head(type="lda"), 6, 0) for _ in range(2))
    assert kept is not None and whole is not None
    kept.fit(Measured(x[old], labels[old]), 2, joins=True)
    kept.move(weight, bias)
    kept.fit(Measured(moved[~old], labels[~old]), 4, joins=True)
    whole.fit(Measured(moved, labels), 4, joins=True)
    np.testing.assert_allclose(kept.scores(moved), whole.scores(moved), rtol=1e-8, atol=1e-8)


def test_means_follow_too() -> None:
    rng = np.random.default_rng(3)
    x, labels = samples(rng, 40)
    head = fitted_head(Head(type="ncm"), 6, 0)
    assert head is not None
    head.fit(Measured(x, labels), 4, joins=True)
    head.move(2 * np.eye(6), np.ones(6))  # twice as large: the same answers
    x_now = 2 * x + 1
    again = fitted_head(Head(type="ncm"), 6, 0)
    assert again is not None
    again.fit(Measured(x_now, labels), 4, joins=True)
    head.fit(Measured(x_now[:0], labels[:0]), 4, joins=True)
    np.testing.assert_allclose(head.scores(x_now), again.scores(x_now))


def test_what_cannot_follow_is_refused() -> None:
    with pytest.raises(UserError, match="what ranpac keeps cannot follow the drift of the space"):
        check_head(Head(type="ranpac", samples="kept"))
    with pytest.raises(UserError, match="is trained, not fitted"):
        check_head(Head(type="softmax", samples="kept"))
    check_head(Head(type="ncm", samples="kept"))
