"""What is computed of one sample after another, each by itself: recorded, where that can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from conpet.data.stream import Stream
from conpet.models.backbone import Backbone
from conpet.models.static import Unfit, row_bucket
from conpet.progress import Progress
from conpet.training.engine import Engine, Work

#: a sample's representation (1, width), its numbers (k,); adds to what it fills
Adds = Callable[[Tensor, Tensor], None]


def each_sample(
    backbone: Backbone,
    stream: Stream,
    indices: np.ndarray,
    numbers: np.ndarray,
    adds: Adds,
    fills: Sequence[Tensor],
    engine: Engine | None,
    progress: Progress,
) -> None:
    """Have ``adds`` called for each sample, with gradient and without dropout.

    Args:
        numbers: each sample's own (n, k).
        fills: what ``adds`` adds to in place; nothing else changes.
    """
    brought = torch.from_numpy(numbers.astype(np.float32)).to(backbone.device)
    if engine is not None and not backbone.dry:
        try:
            return _recorded(backbone, stream, indices, brought, adds, fills, engine)
        except (Unfit, RuntimeError) as error:
            why = " ".join(str(error).split())[:200]
            progress.say(f"samples are not recorded, which is slower: {why}")
            for tensor in fills:
                tensor.zero_()
    with backbone.dropouts.paused():
        for index, own in zip(indices, brought, strict=True):
            adds(backbone.hidden(stream, np.array([index])), own)
    return None


def _recorded(
    backbone: Backbone,
    stream: Stream,
    indices: np.ndarray,
    numbers: Tensor,
    adds: Adds,
    fills: Sequence[Tensor],
    engine: Engine,
) -> None:
    passes = backbone.static(stream)
    sample = torch.zeros(1, dtype=torch.int64, device=backbone.device)
    own = torch.zeros_like(numbers[0])
    samples = torch.from_numpy(indices.astype(np.int64)).to(backbone.device)
    steps: dict[int, Work] = {}
    for place, index in enumerate(indices):
        row = row_bucket(int(stream.lengths[index]))
        sample.copy_(samples[place : place + 1])
        own.copy_(numbers[place])
        if row not in steps:

            def work(row: int = row) -> None:
                adds(passes(sample, 1, row), own)

            steps[row] = engine.record_pass(work, fills)
        steps[row]()
        backbone.passed.add(1, row, trained=True)
