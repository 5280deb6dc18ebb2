"""Batches without padding: linear layers see real tokens only, attention each text by itself.

A batch's texts are laid end to end as one row, (1, tokens). Every layer but attention works token
by token, so it has nothing to know. Attention is transformers' own eager one, called on the texts
padded to the longest. After the last attention only one position a text is read, so the last
feed-forward network is given those alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from conpet.data.stream import Stream

NAME = "conpet_unpadded"
#: architectures that hand keyword arguments down to attention, and where their layers are
LAYERS = {
    "bert": "encoder.layer",
    "roberta": "encoder.layer",
    "xlm-roberta": "encoder.layer",
    "gpt_neox": "layers",
    "llama": "layers",
    "mistral": "layers",
    "qwen2": "layers",
    "qwen3": "layers",
}


def suits(config: Any, device: torch.device) -> bool:
    """Say whether a model can go without padding here (measured on CPUs only, so only there)."""
    windowed = getattr(config, "sliding_window", None) is not None
    return device.type == "cpu" and config.model_type in LAYERS and not windowed


@dataclass(frozen=True)
class Layout:
    """Where the tokens of n texts lie.

    Attributes:
        lengths: tokens of each text, shape (n,).
        read: where each text's representation is read among all tokens, shape (n,).
    """

    lengths: np.ndarray
    read: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """Texts, and tokens of the longest."""
        return len(self.lengths), int(self.lengths.max())

    @cached_property
    def positions(self) -> Tensor:
        """Position of each token in its text, shape (1, tokens)."""
        return torch.from_numpy(np.concatenate([np.arange(n) for n in self.lengths]))[None]

    @cached_property
    def slots(self) -> Tensor:
        """Place of each token in the padded batch read row by row, shape (tokens,)."""
        n, longest = self.shape
        return torch.from_numpy(np.repeat(np.arange(n) * longest, self.lengths)) + self.positions[0]

    def pad(self, states: Tensor) -> Tensor:
        """(1, heads, tokens, d) -> (n, heads, longest, d), zeros where there is no token."""
        n, longest = self.shape
        rows = states[0].transpose(0, 1)
        padded = rows.new_zeros(n * longest, *rows.shape[1:]).index_copy(0, self.slots, rows)
        return padded.view(n, longest, *rows.shape[1:]).transpose(1, 2)

    def unpad(self, states: Tensor) -> Tensor:
        """(n, longest, heads, d) -> (1, tokens, heads, d)."""
        return states.flatten(0, 1).index_select(0, self.slots)[None]

    @cached_property
    def _masks(self) -> dict[tuple[bool, torch.dtype], Tensor]:
        return {}

    def mask(self, causal: bool, dtype: torch.dtype) -> Tensor:
        """Return what attention adds to its scores; a text's end hides padding where causal."""
        if (causal, dtype) not in self._masks:
            places = np.arange(self.shape[1])
            if causal:
                hidden = (places[None, :] > places[:, None])[None, None]
            else:
                hidden = (places[None, :] >= self.lengths[:, None])[:, None, None]
            mask = torch.zeros(hidden.shape, dtype=dtype)
            mask.masked_fill_(torch.from_numpy(hidden), torch.finfo(dtype).min)
            self._masks[causal, dtype] = mask
        return self._masks[causal, dtype]


def _attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, _: Any, **options: Any
) -> tuple[Tensor, None]:
    layout: Layout = options.pop("layout")
    mask = layout.mask(bool(getattr(module, "is_causal", False)), query.dtype)
    eager = sys.modules[type(module).__module__].eager_attention_forward
    padded = (layout.pad(x) for x in (query, key, value))
    mixed, _weights = eager(module, *padded, mask, **options)
    return layout.unpad(mixed), None


class Unpadded:
    """Makes a model take batches without padding.

    Args:
        model: a transformers model that :func:`suits`, before PEFT is put in.
        narrow: read single positions (not a mean), so that the last layer can be cut short.
    """

    def __init__(self, model: Any, narrow: bool) -> None:
        from transformers import AttentionInterface, AttentionMaskInterface

        AttentionInterface.register(NAME, _attend)
        AttentionMaskInterface.register(NAME, lambda *_, **__: None)
        model.set_attn_implementation(NAME)
        offset = model.config.model_type in ("roberta", "xlm-roberta")
        self._first: int = model.config.pad_token_id + 1 if offset else 0
        self._read = torch.empty(0, dtype=torch.int64)
        if narrow:
            self._narrow(model.get_submodule(LAYERS[model.config.model_type])[-1])

    def _narrow(self, layer: nn.Module) -> None:
        """Give a layer's feed-forward network only the positions that are read."""
        owner: Any = layer if hasattr(layer, "feed_forward_chunk") else layer.mlp
        name = "feed_forward_chunk" if owner is layer else "forward"
        whole: Callable[[Tensor], Tensor] = getattr(owner, name)

        def at_read(states: Tensor) -> Tensor:
            read = whole(states.index_select(1, self._read))
            return torch.zeros_like(states).index_copy(1, self._read, read)

        setattr(owner, name, at_read)

    def __call__(
        self, model: nn.Module, stream: Stream, indices: np.ndarray
    ) -> tuple[Tensor, Layout]:
        """Return the last hidden states (tokens, width) of samples, and where the texts lie."""
        lengths = stream.lengths[indices]
        starts = np.cumsum(lengths) - lengths
        layout = Layout(lengths, torch.from_numpy(starts + stream.pool[indices]))
        self._read = layout.read
        texts = [
            stream.ids[a : a + n] for a, n in zip(stream.offsets[indices], lengths, strict=True)
        ]
        ids = torch.from_numpy(np.concatenate(texts).astype(np.int64))[None]
        output = model(input_ids=ids, position_ids=layout.positions + self._first, layout=layout)
        return output.last_hidden_state[0], layout
