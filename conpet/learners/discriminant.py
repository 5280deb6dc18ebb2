"""Linear discriminant analysis in place of a trained head: its scores are linear too."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conpet.heads.base import Measured

UNSEEN = -1e4  # the score of a class that no sample tells anything of


def discriminant(
    features: NDArray[np.float64], labels: NDArray[np.int64], classes: int
) -> tuple[Tensor, Tensor]:
    """Return weight (classes, d) and bias (classes,) of the discriminant's scores, float64.

    A class without a sample scores :data:`UNSEEN`. Single precision would round what tells two
    classes apart: both scores hold what they have in common, which is larger.

    Args:
        features: (n, d), n at least 1.
        labels: class of each, (n,).
    """
    from conpet.heads.lda import Lda  # benchmarks, which fit none, go without scipy

    lda = Lda(features.shape[1], 0, Lda.Options())
    lda.fit(Measured(features, labels), classes, joins=False)
    weight, bias = lda.linear()
    bias[lda.count == 0] = UNSEEN
    return torch.from_numpy(weight), torch.from_numpy(bias)


def told(bias: Tensor) -> NDArray[np.bool_]:
    """Say of which classes a sample tells something, (classes,), by a discriminant's bias."""
    found: NDArray[np.bool_] = (bias != UNSEEN).cpu().numpy()
    return found
