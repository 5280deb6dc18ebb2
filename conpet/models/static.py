"""Passes of few shapes, which wait for nothing: what a CUDA graph can record.

The token ids of the whole stream lie on the device, and a batch is a gather of them: what the host
says of it are sample numbers. Its texts are laid end to end in one row, whose length is rounded up
to one of a few; layers work token by token, and attention is told where each text begins. What the
row has left over is a text of its own that nobody reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from conpet.data.stream import Stream
from conpet.models.architectures import PARTS, first_position, is_causal
from conpet.models.compiled import CompiledLayers
from conpet.models.layers import side_by_side, states_of
from conpet.models.mixed import Mixture
from conpet.models.varlen import NAME, Texts, has_flash, register

_STEP = 64  # tokens that a row's length is a multiple of, at least
_PART = 8  # a row has at most an eighth of its tokens left over, where that is more


class Unfit(Exception):
    """There is no pass of fixed shapes here; says why."""


def row_bucket(tokens: int) -> int:
    """Return how long a row is made that holds so many tokens.

    64, 128, ..., 1024, 1152, ...: a multiple of 64, and beyond 1024 tokens eight lengths an octave.
    """
    step = _STEP
    while step * 2 * _PART <= tokens:
        step *= 2
    return -(-tokens // step) * step


class StaticPass:
    """A model over a stream, by sample numbers on the device.

    Args:
        model: as the backbone computes with it: transformers', maybe with PEFT in it.
        pooling: as the backbone's.
        compiled: its layers, where they are to be compiled.

    Raises:
        Unfit: the architecture is not known to need no more than the above.
    """

    def __init__(
        self,
        model: nn.Module,
        stream: Stream,
        device: torch.device,
        pooling: str,
        compiled: CompiledLayers | None = None,
    ) -> None:
        config: Any = model.config
        if config.model_type not in PARTS or getattr(config, "sliding_window", None) is not None:
            raise Unfit(f"{config.model_type} is not known to mask nothing but padding")
        self.model, self.pooling, self.pad = model, pooling, stream.pad
        self.causal = is_causal(config)
        self.compiled = compiled
        self.device, self.width = device, int(config.hidden_size)
        self.longest = int(stream.lengths.max(initial=1))
        self._first = first_position(config)

        def here(numbers: np.ndarray) -> Tensor:
            return torch.from_numpy(numbers.astype(np.int64)).to(device)

        self._ids, self._starts = here(stream.ids), here(stream.offsets[:-1])
        self._lengths, self._read = here(stream.lengths), here(stream.pool)
        # bfloat16 or float32: that of the layers, as attention sees it
        head = getattr(config, "head_dim", None) or self.width // config.num_attention_heads
        self.flash = has_flash(next(model.parameters()).dtype, device, head)
        register()

    def __call__(
        self,
        samples: Tensor,
        count: Tensor | int,
        row: int,
        mixture: Mixture | None = None,
        experts: Tensor | None = None,
        layers: int = 1,
    ) -> Tensor:
        """Return the representations of samples (n,), shape (n, reads), float32.

        Args:
            count: how many of them are passed, the first; what the others are given is any number.
            row: the length of the row; those that are passed fit in.
            mixture: LoRAs in place of the slot's, if any.
            experts: whose each sample is (n,), where there is a mixture.
            layers: of how many of the last layers (:func:`conpet.models.layers.side_by_side`).
        """
        n, device = len(samples), samples.device
        passed = torch.arange(n, device=device) < count
        lengths = self._lengths[samples] * passed
        ends = lengths.cumsum(0)
        longest = min(row, max(self.longest, row // _PART, _STEP))  # or what is left over
        texts = Texts.of(ends, row, longest, self.causal, self.flash)
        begins = torch.cat([ends - lengths, ends[-1:]])  # what is left over begins at the end
        places = torch.arange(row, device=device)
        within = places - begins[texts.owner]
        own = texts.owner.clamp(max=n - 1)  # which text a token is of; the last, if of none
        if mixture is not None and experts is not None:
            mixture.choose(experts[own])
        taken = (self._starts[samples][own] + within).clamp(max=len(self._ids) - 1)
        ids = torch.where(texts.owner < n, self._ids[taken], self.pad)
        # there are places for the longest text, and what is left over may be longer
        positions = within.clamp(max=self.longest - 1) + self._first
        more = {"output_hidden_states": True} if layers > 1 else {}
        with self._attending():
            output = self.model(
                input_ids=ids[None], position_ids=positions[None], texts=texts, **more
            )

        # products with 0 and 1 in place of gathers: so are their gradients, and no sum has an order
        def read(states: Tensor) -> Tensor:
            at = (begins[:n] + self._read[samples])[:, None] == places[None]
            return at.to(states.dtype) @ states

        def mean(states: Tensor) -> Tensor:
            mine = texts.owner[None] == torch.arange(n, device=device)[:, None]
            return (mine.float() @ states.float()) / lengths.clamp(min=1)[:, None]

        found = [states[0] for states in states_of(output, layers)]
        return side_by_side(found, self.pooling, read, mean)

    @contextmanager
    def _attending(self) -> Iterator[None]:
        """Have transformers attend within texts, for as long as a pass lasts."""
        config: Any = self.model.config
        before = config._attn_implementation
        config._attn_implementation = NAME
        try:
            with self.compiled.active() if self.compiled else nullcontext():
                yield
        finally:
            config._attn_implementation = before
