"""The optimiser."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from conpet.config.settings import Training


def make_optimizer(
    parameters: Sequence[nn.Parameter], training: Training, capturable: bool = False
) -> torch.optim.AdamW:
    """Return AdamW as docs/methods.md, Tuning has it: constant rate, decay on every parameter.

    Args:
        capturable: on a card, its step number there too, so that a CUDA graph can record it.
    """
    beta1, beta2 = training.betas
    if isinstance(training.lr, dict):
        raise TypeError("training.lr: rates by task: take the task's own first")
    # one kernel for all parameters; on a processor it reads memory from end to end
    fused = capturable or all(p.is_contiguous() for p in parameters)
    return torch.optim.AdamW(
        parameters,
        lr=training.lr,
        betas=(beta1, beta2),
        eps=training.eps,
        weight_decay=training.weight_decay,
        fused=fused,
        foreach=not fused,
        capturable=capturable,
    )
