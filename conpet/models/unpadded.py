"""Batches without padding: linear layers see real tokens only, attention each text by itself.

A batch's texts are laid end to end as one row, (1, tokens). Every layer but attention works token
by token, so it has nothing to know. Attention gathers each text into a block as long as the
longest. After the last attention only one position a text is read, so the last feed-forward network
is given those alone.

Matrix-multiplication libraries make a kernel for every new shape, which takes longer than many a
product: the row and the blocks are rounded up to a few lengths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from conpet.data.stream import Stream

NAME = "conpet_unpadded"
ROW_STEP = 32  # tokens that a row's length is a multiple of
BLOCK_STEP = 16  # the same of a block
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


def _round_up(n: int, step: int) -> int:
    return -(-n // step) * step


@dataclass(frozen=True)
class Layout:
    """Where the tokens of n texts lie.

    Attributes:
        lengths: tokens of each text, shape (n,).
        read: where each text's representation is read among all tokens, shape (n,).
    """

    lengths: np.ndarray
    read: Tensor

    @cached_property
    def tokens(self) -> int:
        """Real tokens."""
        return int(self.lengths.sum())

    @cached_property
    def row(self) -> int:
        """Tokens of the row: the real ones, then at least one that is nobody's."""
        return _round_up(self.tokens + 1, ROW_STEP)

    @cached_property
    def block(self) -> int:
        """Places of each text's block."""
        return _round_up(int(self.lengths.max()), BLOCK_STEP)

    @cached_property
    def _places(self) -> np.ndarray:
        return np.concatenate([np.arange(n) for n in self.lengths])

    @cached_property
    def positions(self) -> Tensor:
        """Position of each token in its text, shape (1, row); 0 for those that are nobody's."""
        positions = np.zeros(self.row, np.int64)
        positions[: self.tokens] = self._places
        return torch.from_numpy(positions)[None]

    @cached_property
    def _indices(self) -> dict[tuple[str, int, int], Tensor]:
        return {}

    def into_blocks(self, heads: int, times: int = 1) -> Tensor:
        """Return which row of (row·heads, d) each row of (n·heads·times, block, d) is.

        Each head is taken ``times`` times (key and value heads that several queries share). Empty
        places take a token that is nobody's.
        """
        key = ("blocks", heads, times)
        if key not in self._indices:
            n = len(self.lengths)
            where = np.full((n, self.block), self.tokens)
            where[np.repeat(np.arange(n), self.lengths), self._places] = np.arange(self.tokens)
            head = np.repeat(np.arange(heads), times)
            found = where[:, None, :] * heads + head[None, :, None]
            self._indices[key] = torch.from_numpy(found.reshape(-1))
        return self._indices[key]

    def into_row(self, heads: int) -> Tensor:
        """Return which row of (n·heads·block, d) each row of (row·heads, d) is."""
        key = ("row", heads, 1)
        if key not in self._indices:
            text = np.zeros(self.row, np.int64)
            text[: self.tokens] = np.repeat(np.arange(len(self.lengths)), self.lengths)
            place = self.positions[0].numpy()
            head = np.arange(heads)[None, :]
            found = (text[:, None] * heads + head) * self.block + place[:, None]
            self._indices[key] = torch.from_numpy(found.reshape(-1))
        return self._indices[key]

    @cached_property
    def _masks(self) -> dict[tuple[int, bool, torch.dtype], Tensor]:
        return {}

    def mask(self, heads: int, causal: bool, dtype: torch.dtype) -> Tensor:
        """Return what is added to scores (n·heads, block, block) so that nothing hidden is seen.

        Causal texts need no more: their ends are seen by nothing that is read.
        """
        key = (heads, causal, dtype)
        if key not in self._masks:
            places = np.arange(self.block)
            if causal:
                hidden = (places[None, :] > places[:, None])[None]
            else:
                hidden = (places[None, :] >= self.lengths[:, None]).repeat(heads, axis=0)[:, None]
            mask = torch.zeros(hidden.shape, dtype=dtype)
            mask.masked_fill_(torch.from_numpy(hidden), torch.finfo(dtype).min)
            self._masks[key] = mask
        return self._masks[key]


class _Attention(torch.autograd.Function):
    """softmax(q·kᵀ + mask)·v, each text by itself: rows in, rows out.

    Taking rows into blocks and back are each other's transposes, so their gradients are gathers
    too, and nothing is ever added up in an order that could change.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        layout: Layout,
        causal: bool,
        scale: float,
    ) -> Tensor:
        """(row, heads, d), twice (row, kv heads, d) -> (row, heads, d)."""
        _, heads, d = query.shape
        shared = key.shape[1]
        q = _blocks(query, layout, heads)
        k, v = (_blocks(x, layout, shared, heads // shared) for x in (key, value))
        mask = layout.mask(heads, causal, query.dtype)
        weights = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=scale).softmax(-1)
        ctx.save_for_backward(q, k, v, weights)
        ctx.layout, ctx.shared, ctx.scale = layout, shared, scale
        return _rows(torch.bmm(weights, v), layout, heads, 1).view(-1, heads, d)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        """Return the gradients of query, key and value."""
        q, k, v, weights = ctx.saved_tensors
        layout, shared, heads = ctx.layout, ctx.shared, grad.shape[1]
        times = heads // shared
        g = _blocks(grad, layout, heads)
        g_scores = torch._softmax_backward_data(
            torch.bmm(g, v.transpose(1, 2)), weights, -1, weights.dtype
        )
        wanted = ctx.needs_input_grad  # fixed keys of the first layer want none
        g_q = g_k = g_v = None
        if wanted[0]:
            g_q = _rows(torch.bmm(g_scores, k), layout, heads, 1).mul_(ctx.scale)
        if wanted[1]:
            g_k = torch.bmm(g_scores.transpose(1, 2), q)
            g_k = _rows(g_k, layout, heads, times).mul_(ctx.scale)
        if wanted[2]:
            g_v = _rows(torch.bmm(weights.transpose(1, 2), g), layout, heads, times)
        return g_q, g_k, g_v, None, None, None


def _blocks(rows: Tensor, layout: Layout, heads: int, times: int = 1) -> Tensor:
    """(row, heads, d) -> (n·heads·times, block, d)."""
    d = rows.shape[-1]
    found = rows.reshape(-1, d).index_select(0, layout.into_blocks(heads, times))
    return found.view(-1, layout.block, d)


def _rows(blocks: Tensor, layout: Layout, heads: int, times: int) -> Tensor:
    """(n·heads, block, d) -> (row, heads / times, d); heads that share one are added up."""
    d = blocks.shape[-1]
    if times > 1:
        n = len(layout.lengths)
        blocks = blocks.view(n, heads // times, times, layout.block, d).sum(2)
    rows = blocks.reshape(-1, d).index_select(0, layout.into_row(heads // times))
    rows = rows.view(layout.row, heads // times, d)
    rows[layout.tokens :] = 0  # nobody's
    return rows


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _: Any,
    scaling: float | None = None,
    *,
    layout: Layout,
    **__: Any,
) -> tuple[Tensor, None]:
    """What transformers calls for attention: (1, heads, row, d) -> (1, row, heads, d)."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    causal = bool(getattr(module, "is_causal", False))
    # views whose gradients are views too; an index's would be a block of zeros, filled
    q, k, v = (x.squeeze(0).transpose(0, 1) for x in (query, key, value))
    return _Attention.apply(q, k, v, layout, causal, scale).unsqueeze(0), None


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
        ids = np.full(layout.row, stream.pad, np.int64)
        ids[: layout.tokens] = np.concatenate(
            [stream.ids[a : a + n] for a, n in zip(stream.offsets[indices], lengths, strict=True)]
        )
        output = model(
            input_ids=torch.from_numpy(ids)[None],
            position_ids=layout.positions + self._first,
            layout=layout,
        )
        return output.last_hidden_state[0, : layout.tokens], layout
