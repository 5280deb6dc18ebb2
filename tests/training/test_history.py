"""What is noted of training."""

from __future__ import annotations

from conpet.training.history import CURVE_POINTS, History


def test_a_curve_has_few_points_each_the_mean_since_the_one_before() -> None:
    curve = History(losses=[float(n) for n in range(1, 251)]).loss_curve()
    assert len(curve) == CURVE_POINTS == 100
    assert curve[:2] == [[3, 2.0], [6, 5.0]]
    assert curve[-1] == [250, 249.5]
    assert History(losses=[2.0, 4.0]).loss_curve() == [[1, 2.0], [2, 4.0]]
    assert History().loss_curve() == []
