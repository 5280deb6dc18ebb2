"""NCM: a text belongs to the class whose mean representation is nearest.

Nothing is shared between classes but one number, so what is known of a class never changes when
others come. Mensink et al. 2013 (IEEE TPAMI 35), equation 4, without the metric.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from conpet.heads.base import Array, shaped
from conpet.heads.means import ByMeans


class Ncm(ByMeans):
    """Nearest mean, by Euclidean distance; the shared variance of a dimension is the scale."""

    def squared(self, deviations: Array) -> Array:
        """Return the sum over samples and dimensions, a scalar."""
        return np.asarray(np.square(deviations).sum())

    def spread(self, weight: Array) -> Array:
        """Return the sum there, of deviations that are alike in all directions."""
        return np.asarray(self.scatter * np.square(weight).sum() / self.width)

    def solved(self) -> Array:
        """Return m_c / s^2."""
        variance = float(self.scatter) / (self.freedom * self.width) if self.freedom else 0.0
        return self.mean.T / (variance or self.between())

    def tensors(self) -> dict[str, Tensor]:
        """Return counts, means and scatter."""
        return self.kept(torch.from_numpy(self.scatter.reshape(1)))

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Take up counts, means and scatter."""
        self.put_back(tensors, shaped(tensors["scatter"], 1).reshape(()))


HEAD = Ncm
