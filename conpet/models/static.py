"""Passes of few shapes, which wait for nothing: what a CUDA graph can record.

The token ids of the whole stream lie on the device, and a batch is a gather of them: what the host
says of it are sample numbers. Its texts are padded to one of a few lengths. No position that is
read sees padding: a bidirectional model is told each text's length, and in a causal one a text's
end, at or before which it is read, comes before any padding.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from conpet.data.stream import Stream
from conpet.models.unpadded import PARTS

CAUSAL = "conpet_causal"
_STEP = 16
#: model types whose texts see what comes after, too
_BIDIRECTIONAL = ("bert", "roberta", "xlm-roberta")


class Unfit(Exception):
    """There is no pass of fixed shapes here; says why."""


def length_bucket(longest: int, most: int) -> int:
    """Return how long a batch is made whose longest text has so many tokens.

    16, 32, 48, 64, 96, 128, 192, 256, ...: two lengths an octave. Beyond 32 tokens a batch is less
    than half again as long as its longest text, and a whole stream comes in a handful of shapes,
    each of which takes a recording. No more than ``most``, the longest of the stream, for which the
    model has places.
    """
    step = _STEP
    while longest > 4 * step:
        step *= 2
    return min(-(-longest // step) * step, most)


def rows_bucket(count: int, size: int) -> int:
    """Return how many rows a batch of ``count`` texts is given, of at most ``size``.

    All, half or a quarter of them: an expert often passes half of each batch (the new task's), and
    must not pay for the rest.
    """
    for parts in (4, 2):
        if count <= -(-size // parts):
            return -(-size // parts)
    return size


class StaticPass:
    """A model over a stream, by sample numbers on the device.

    Args:
        model: as the backbone computes with it: transformers', maybe with PEFT in it.
        pooling: as the backbone's.

    Raises:
        Unfit: the architecture is not known to need no more than the above.
    """

    def __init__(
        self, model: nn.Module, stream: Stream, device: torch.device, pooling: str
    ) -> None:
        config: Any = model.config
        if config.model_type not in PARTS or getattr(config, "sliding_window", None) is not None:
            raise Unfit(f"{config.model_type} is not known to mask nothing but padding")
        self.model, self.pooling, self.pad = model, pooling, stream.pad
        self.causal = config.model_type not in _BIDIRECTIONAL
        self.longest = int(stream.lengths.max())
        self._ids = torch.from_numpy(stream.ids.astype(np.int64)).to(device)
        self._starts = torch.from_numpy(stream.offsets[:-1].astype(np.int64)).to(device)
        self._lengths = torch.from_numpy(stream.lengths.astype(np.int64)).to(device)
        self._read = torch.from_numpy(stream.pool.astype(np.int64)).to(device)

    def __call__(self, samples: Tensor, length: int) -> Tensor:
        """Return the representations of samples (n,), shape (n, width), float32.

        Args:
            length: what they are padded to: none is longer.
        """
        places = torch.arange(length, device=samples.device)[None]
        inside = places < self._lengths[samples][:, None]
        taken = (self._starts[samples][:, None] + places).clamp(max=len(self._ids) - 1)
        ids = torch.where(inside, self._ids[taken], self.pad)
        mask = None
        if not self.causal:
            # four dimensions: transformers takes it as it is, and looks at no value of it
            mask = inside[:, None, None, :].expand(-1, 1, length, -1)
        with self._masked():
            states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        if self.pooling == "mean":
            inside = inside.unsqueeze(-1)
            total = torch.where(inside, states, 0).sum(1)
            return (total / inside.sum(1).to(states.dtype)).float()
        # a sum of one term: its gradient is one too, in no order that could change
        read = (places == self._read[samples][:, None]).unsqueeze(-1)
        return torch.where(read, states, 0).sum(1).float()

    @contextmanager
    def _masked(self) -> Iterator[None]:
        """Have transformers ask for no mask of a causal model's, and for ours of another's."""
        config: Any = self.model.config
        before = config._attn_implementation
        config._attn_implementation = self._causal_attention() if self.causal else "sdpa"
        try:
            yield
        finally:
            config._attn_implementation = before

    @staticmethod
    def _causal_attention() -> str:
        """Return the name of scaled-dot-product attention that is known to need no mask.

        transformers makes one for every attention that it knows a mask of, and looks at the
        positions for that, which makes the host wait.
        """
        from transformers import AttentionInterface
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        AttentionInterface.register(CAUSAL, sdpa_attention_forward)
        return CAUSAL
