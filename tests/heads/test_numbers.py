"""The fitted heads' arithmetic, from first principles and against scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.covariance import OAS
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from conpet.config.head import Head
from conpet.heads import fitted_head
from conpet.heads.base import Fitted, Measured
from conpet.heads.lda import oas

FITTED = ("lda", "ncm", "ranpac")


def head(name: str, dimensions: int, **config: Any) -> Any:
    small = {"width": 40} if name == "ranpac" else {}
    return fitted_head(Head(type=name, config=small | config), dimensions, 0)


def gaussians(
    means: np.ndarray, root: np.ndarray, each: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return samples of Gaussians N(mean_c, root root'), and their classes."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(means)), each)
    return means[labels] + rng.standard_normal((len(labels), len(root))) @ root.T, labels


def fit(made: Fitted, x: np.ndarray, y: np.ndarray, classes: int, joins: bool = True) -> None:
    made.fit(Measured(x, y), classes, joins, Measured(x, y))


def test_lda_is_bayes_rule_and_the_nearest_mean_is_not() -> None:
    # one direction is loud within every class, the classes differ in the quiet one
    means = np.array([[0.0, 0.0], [1.0, 1.0], [-1.0, 1.0]])
    root = np.array([[5.0, 0.0], [0.0, 0.3]])
    x, y = gaussians(means, root, 4000, 1)
    asked, truth = gaussians(means, root, 500, 2)
    precision = np.linalg.inv(root @ root.T)
    log_p = -0.5 * np.einsum(
        "ncd,de,nce->nc", asked[:, None] - means, precision, asked[:, None] - means
    )
    lda, ncm = head("lda", 2, shrinkage=1e-6), head("ncm", 2)
    for made in (lda, ncm):
        fit(made, x, y, 3)
    scores = lda.scores(asked)
    centred = scores - scores.mean(1, keepdims=True)
    np.testing.assert_allclose(centred, log_p - log_p.mean(1, keepdims=True), atol=0.25)
    bayes = (log_p.argmax(1) == truth).mean()
    assert (scores.argmax(1) == truth).mean() > bayes - 0.02
    assert (ncm.scores(asked).argmax(1) == truth).mean() < bayes - 0.1


@pytest.mark.parametrize("shrinkage", [0.05, 0.5, 1.0])
def test_lda_is_scikit_learns(shrinkage: float) -> None:
    rng = np.random.default_rng(0)
    x, y = gaussians(rng.standard_normal((4, 6)), rng.standard_normal((6, 6)), 25, 3)
    made = head("lda", 6, shrinkage=shrinkage)
    fit(made, x, y, 4)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(x, y)
    # theirs divides the scatter by n, ours by its degrees of freedom n - classes
    expected = theirs.decision_function(x) * (len(x) - 4) / len(x)
    found = made.scores(x)
    np.testing.assert_allclose(
        found - found.mean(1, keepdims=True), expected - expected.mean(1, keepdims=True), atol=1e-8
    )


def test_oas_is_scikit_learns() -> None:
    x = np.random.default_rng(0).standard_normal((30, 8)) * np.arange(1, 9)
    theirs = OAS(assume_centered=True).fit(x).shrinkage_
    assert oas(x.T @ x / len(x), len(x)) == pytest.approx(theirs, rel=1e-12)
    assert oas(np.eye(3), 10.0) == 1.0


def test_shrinkage_by_formula_beats_none_where_samples_are_few() -> None:
    rng = np.random.default_rng(0)
    means, root = rng.standard_normal((6, 40)), 2 * np.eye(40)
    asked, truth = gaussians(means, root, 200, 9)
    right = {}
    for shrinkage in ("oas", 1e-6):
        made = head("lda", 40, shrinkage=shrinkage)
        fit(made, *gaussians(means, root, 8, 4), 6)
        right[shrinkage] = (made.scores(asked).argmax(1) == truth).mean()
    assert right["oas"] > right[1e-6] + 0.1


def test_ranpac_is_ridge_regression_on_its_projection() -> None:
    x, y = gaussians(np.random.default_rng(0).standard_normal((3, 5)), np.eye(5), 30, 5)
    made = head("ranpac", 5, ridge=0.01)
    fit(made, x, y, 3)
    h = np.maximum(x @ made.projection, 0)
    added = 0.01 * np.trace(h.T @ h) / h.shape[1]
    theirs = Ridge(alpha=added, fit_intercept=False).fit(h, np.eye(3)[y])
    np.testing.assert_allclose(made.scores(x) / made.scale, theirs.predict(h), atol=1e-7)


def test_ranpac_parts_what_no_plane_does_and_lda_does_not() -> None:
    """The idea: in a wide random space classes part that are mixed in the narrow one."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((600, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)  # four quadrants, opposite ones alike
    right = {}
    for name, config in (("lda", {}), ("ranpac", {"width": 200})):
        made = head(name, 2, **config)
        fit(made, x[:400], y[:400], 2)
        right[name] = (made.scores(x[400:]).argmax(1) == y[400:]).mean()
    assert right["lda"] < 0.65
    assert right["ranpac"] > 0.85


def test_the_ridge_is_chosen_by_validation() -> None:
    rng = np.random.default_rng(0)
    x, y = gaussians(rng.standard_normal((2, 5)), 2 * np.eye(5), 15, 5)  # noise: much ridge is best
    asked, truth = gaussians(rng.standard_normal((2, 5)), 0.01 * np.eye(5), 15, 6)
    ridges = []
    for valid in (Measured(x, y), Measured(asked, 1 - truth)):
        made = head("ranpac", 5)
        made.fit(Measured(x, y), 2, True, valid)
        ridges.append(made.ridge)
    assert ridges[0] < ridges[1]


@pytest.mark.parametrize("name", FITTED)
def test_task_by_task_is_the_same_as_all_at_once(name: str) -> None:
    """Why nothing is forgotten where the representation stays: sums can be added to."""
    x, y = gaussians(np.random.default_rng(1).standard_normal((6, 5)), np.eye(5), 20, 7)
    whole, parts = head(name, 5), head(name, 5)
    fit(whole, x, y, 6)
    for classes in (2, 4, 6):
        now = (y >= classes - 2) & (y < classes)
        parts.fit(Measured(x[now], y[now]), classes, True, None)
    for later in (whole, parts):  # the same choice for both
        if name == "ranpac":
            later.fit(Measured(x[:0], y[:0]), 6, True, Measured(x, y))
    np.testing.assert_allclose(parts.scores(x), whole.scores(x), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", FITTED)
def test_more_samples_of_a_known_class_count_with_the_others(name: str) -> None:
    x, y = gaussians(np.random.default_rng(1).standard_normal((3, 5)), np.eye(5), 20, 7)
    whole, parts = head(name, 5, **_fixed(name)), head(name, 5, **_fixed(name))
    whole.fit(Measured(x, y), 3, True)
    for rows in np.array_split(np.random.default_rng(2).permutation(60), 4):
        parts.fit(Measured(x[rows], y[rows]), 3, True)
    np.testing.assert_allclose(parts.scores(x), whole.scores(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", FITTED)
def test_a_class_without_a_sample_keeps_its_own_when_the_others_move(name: str) -> None:
    x, y = gaussians(4 * np.random.default_rng(1).standard_normal((4, 5)), np.eye(5), 30, 7)
    made = head(name, 5, **_fixed(name))
    made.fit(Measured(x, y), 4, True)
    some = y != 2
    made.fit(Measured(x[some], y[some]), 4, joins=False)
    assert (made.scores(x).argmax(1) == y).mean() > 0.9
    assert made.count.tolist() == [30.0] * 4
    moved = x[some] + 0.5
    before = made.scores(x[:1]).copy()
    made.fit(Measured(moved, y[some]), 4, joins=False)
    assert not np.allclose(made.scores(x[:1]), before)  # what is told anew takes the old's place
    assert made.count.tolist() == [30.0] * 4


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.parametrize("each", [1, 2])
def test_few_samples_and_many_dimensions(name: str, each: int) -> None:
    x, y = gaussians(3 * np.random.default_rng(0).standard_normal((5, 60)), np.eye(60), each, 3)
    made = head(name, 60, **_fixed(name))
    made.fit(Measured(x, y), 5, True)
    assert np.isfinite(made.scores(x)).all()
    assert (made.scores(x).argmax(1) == y).all()


@pytest.mark.parametrize("name", FITTED)
def test_one_sample_and_a_constant_dimension(name: str) -> None:
    made = head(name, 3)
    made.fit(Measured(np.array([[0.0, 1.0, 2.0]]), np.array([0])), 1, True)
    assert np.isfinite(made.scores(np.eye(3))).all()
    x, y = gaussians(np.array([[0.0, 0.0, 7.0], [3.0, 0.0, 7.0]]), np.diag([1.0, 1.0, 0.0]), 9, 1)
    made = head(name, 3, **_fixed(name))
    made.fit(Measured(x, y), 2, True)
    assert (made.scores(x).argmax(1) == y).mean() > 0.8


@pytest.mark.parametrize("name", FITTED)
def test_a_class_that_never_had_a_sample_is_never_the_answer(name: str) -> None:
    x, y = gaussians(np.array([[0.0, 0.0], [0.0, 0.0], [9.0, 9.0]]), np.eye(2), 20, 1)
    made = head(name, 2, **_fixed(name))
    some = y != 1
    made.fit(Measured(x[some], y[some]), 3, True)
    scores = made.scores(np.random.default_rng(0).standard_normal((50, 2)) * 10)
    assert np.isfinite(scores).all()
    assert (scores.argmax(1) != 1).all()


@pytest.mark.parametrize("name", FITTED)
def test_two_hundred_tasks_keep_a_state_of_one_size_a_class(name: str) -> None:
    rng = np.random.default_rng(0)
    means = 6 * rng.standard_normal((200, 10))
    made = head(name, 10, **_fixed(name))
    sizes = {}
    for task in range(1, 201):
        x, _ = gaussians(means[task - 1 : task], np.eye(10), 5, task)
        made.fit(Measured(x, np.full(5, task - 1)), task, True)
        sizes[task] = sum(t.numel() for t in made.tensors().values())
    assert sizes[200] - sizes[199] == sizes[2] - sizes[1]
    asked, truth = gaussians(means, np.eye(10), 3, 999)
    again = head(name, 10, **_fixed(name))
    again.take(made.tensors())
    np.testing.assert_array_equal(again.scores(asked), made.scores(asked))
    if name != "ranpac":  # 40 dimensions are too few for 200 classes
        assert (made.scores(asked).argmax(1) == truth).mean() > 0.95


@pytest.mark.parametrize("name", FITTED)
def test_broken_tensors_are_told(name: str) -> None:
    made = head(name, 4)
    made.fit(Measured(np.eye(4), np.arange(4)), 4, True)
    for tensor in made.tensors():
        with pytest.raises(KeyError, match=tensor):
            head(name, 4).take({n: t for n, t in made.tensors().items() if n != tensor})
        with pytest.raises(RuntimeError, match="a head's tensor is"):
            cut = {n: t[1:] if n == tensor else t for n, t in made.tensors().items()}
            head(name, 4).take(cut)


def _fixed(name: str) -> dict[str, Any]:
    return {"ridge": 1e-3} if name == "ranpac" else {}


def test_the_scores_of_the_nearest_mean_are_log_densities() -> None:
    means = 3 * np.random.default_rng(0).standard_normal((3, 4))
    made = head("ncm", 4)
    fit(made, *gaussians(means, 2 * np.eye(4), 4000, 1), 3)
    asked, _ = gaussians(means, 2 * np.eye(4), 100, 2)
    logs = -0.5 * np.square(asked[:, None] - means).sum(2) / 4
    found = made.scores(asked)
    np.testing.assert_allclose(found - found[:, :1], logs - logs[:, :1], atol=0.3)
