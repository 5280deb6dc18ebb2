"""The cosine head: scores are angles, so that no class wins by the length of its weights.

Classes that are trained now get longer weights than those trained long ago, and a linear head
answers with them; a cosine does not see lengths. Hou et al. 2019 (CVPR, LUCIR), section 3.2.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from conpet.config.settings import Positive
from conpet.config.strict import Strict
from conpet.heads.base import Trained


class Options(Strict):
    """``scale`` multiplies the cosines: a softmax of numbers from -1 to 1 is never sure."""

    scale: Positive = 16.0


class Cosine(Trained):
    """scale · cos(h, w_c); no bias."""

    Options = Options
    has_bias = False

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the scaled cosine of each row."""
        rows = F.normalize(self.whole("weight"), dim=1)
        cosines: Tensor = F.linear(F.normalize(hidden, dim=1), rows)
        return cosines * self.options.scale


HEAD = Cosine
