"""Padded batches, as transformers takes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from conpet.data.stream import Stream


def collate(stream: Stream, indices: Sequence[int] | np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids (n, longest), attention mask (n, longest) and reading positions (n,)."""
    starts = stream.offsets[indices]
    lengths = stream.lengths[indices]
    width = int(lengths.max())
    places = np.arange(width)
    inside = places[None, :] < lengths[:, None]
    taken = np.where(inside, starts[:, None] + places[None, :], 0)
    ids = np.where(inside, stream.ids[taken], stream.pad)
    return (
        torch.from_numpy(ids.astype(np.int64)),
        torch.from_numpy(inside.astype(np.int64)),
        torch.from_numpy(stream.pool[indices].astype(np.int64)),
    )
