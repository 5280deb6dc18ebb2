"""How likely a batch plan makes each class, known before training starts."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from conpet.data.stream import Stream
from conpet.replay.base import Plan


def log_prior(plan: Plan, stream: Stream) -> Tensor:
    """Return the log of each seen class's share in a plan's training batches, shape (seen,).

    n_c = 1 + how often class c stands in the batches; the share is n_c / sum n. Added to the
    scores in training, it leaves scores that take all classes for equally likely (logit
    adjustment, Menon et al. 2021, arXiv 2007.07314, equation 10).
    """
    drawn = np.concatenate([batch for batches in plan.epochs for batch in batches])
    counts = 1 + np.bincount(stream.label[drawn], minlength=stream.seen)
    return torch.from_numpy(np.log(counts / counts.sum())).float()
