"""The linear head: a row of weights and a bias per class, trained by cross-entropy."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from conpet.heads.base import Trained


class Softmax(Trained):
    """Linear map to class scores."""

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the scores of each row."""
        return F.linear(hidden, self.whole("weight"), self.whole("bias"))


HEAD = Softmax
