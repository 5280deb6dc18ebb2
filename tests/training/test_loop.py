"""What the one loop asks, and when."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from conpet.config.settings import Training
from conpet.progress import Progress
from conpet.replay.base import Plan
from conpet.training import History, fit


def test_each_epoch_is_judged_by_its_own_draw() -> None:
    """Before training by the first, after epoch n by the n-th behind it."""
    weight, asked = nn.Parameter(torch.ones(1)), []
    plan = Plan([[np.arange(2)]] * 3, [np.array([number]) for number in range(4)])

    def accuracy(drawn: np.ndarray) -> float:
        asked.append(int(drawn[0]))
        return 0.5

    fit(
        plan, lambda _: (weight**2).sum(), accuracy, [weight], Training(epochs=3),
        Progress("test"), History(),
    )  # fmt: skip
    assert asked == [0, 1, 2, 3]
