"""Representations in two dimensions."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from conpet.errors import UserError
from conpet.reporting.collect import Results
from conpet.reporting.figures import FIGURES
from conpet.reporting.projection import look, plane, read_points


def test_plane_is_that_of_scikit_learn_up_to_signs() -> None:
    values = np.random.default_rng(1).normal(size=(50, 7)) * np.arange(1, 8)
    points, share = plane(values)
    fit = PCA(2, svd_solver="full").fit(values)
    assert np.abs(points) == pytest.approx(np.abs(fit.transform(values)))
    assert share == pytest.approx(fit.explained_variance_ratio_)
    assert plane(-values)[0] == pytest.approx(-points)  # a sign of its own, not the data's order


def test_points_that_are_alike_have_no_spread() -> None:
    points, share = plane(np.ones((5, 3)))
    assert np.allclose(points, 0)
    assert share.tolist() == [0, 0]
    assert plane(np.ones((2, 3)))[0].shape == (2, 2)


def test_a_panel_a_method_and_one_before(results: Results) -> None:
    figure = FIGURES["projection"][0](results)
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == ["Before training", *(results.name(m) for m in results.methods)]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["1", "2", "3", "4"]


def test_tasks_differ_in_colour_or_marker() -> None:
    looks = [tuple(look(task).values()) for task in range(1, 57)]
    assert len(set(looks)) == 56
    assert all(a[0] != b[0] and a[1] != b[1] for a, b in pairwise(looks))


def test_another_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "representations.safetensors"
    path.write_text("no")
    with pytest.raises(UserError, match="represent again"):
        read_points(path)
