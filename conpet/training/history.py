"""What happened in training: losses, epochs, steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from conpet.errors import UserError

CURVE_POINTS = 100


@dataclass
class History:
    """What happened in training: the numbers that go into state.json."""

    epochs: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = -1
    steps: int = 0
    losses: list[float] = field(default_factory=list)

    def loss_curve(self) -> list[list[float]]:
        """Return at most CURVE_POINTS points [step, mean loss up to it since the last point]."""
        if not self.losses:
            return []
        pieces = np.array_split(np.array(self.losses), min(CURVE_POINTS, len(self.losses)))
        ends = np.cumsum([len(p) for p in pieces])
        return [[int(e), round(float(p.mean()), 6)] for e, p in zip(ends, pieces, strict=True)]

    def note(self, loss: float, where: str) -> None:
        """Note a step's loss.

        Raises:
            UserError: it is not a number any more.
        """
        self.losses.append(loss)
        if not math.isfinite(loss):
            raise UserError(f"{where}: the loss is {loss}: lower training.lr")


def check_finite(parameters: Sequence[Tensor], where: str) -> None:
    """Raise a UserError if a weight is not a number any more: no loss tells it of the last step."""
    if not all(bool(parameter.isfinite().all()) for parameter in parameters):
        raise UserError(f"{where}: weights are not numbers any more: lower training.lr")
