"""Attention without padding: each text by itself, rows of tokens in, rows of tokens out.

Taking rows into blocks and back are each other's transposes, so their gradients are gathers too,
and nothing is ever added up in an order that could change.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from conpet.models.packing import Group, Packing


class _Scores(torch.autograd.Function):
    """q·kᵀ + mask of every text: a tensor a group, (texts·heads, block, block)."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, packing: Packing, causal: bool, scale: float
    ) -> tuple[Tensor, ...]:
        """(row, heads, d), (row, kv heads, d) -> the scores of each group."""
        heads, shared = query.shape[1], key.shape[1]
        q = _blocks(query, packing, heads)
        k = _blocks(key, packing, shared, heads // shared)
        ctx.save_for_backward(q, k)
        ctx.packing, ctx.heads, ctx.times, ctx.scale = packing, heads, heads // shared, scale
        return tuple(
            torch.baddbmm(
                packing.mask(group, heads, causal, False, query),
                _of(q, group, heads),
                _of(k, group, heads).transpose(1, 2),
                alpha=scale,
            )
            for group in packing.groups
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        """Return the gradients of query and key."""
        q, k = ctx.saved_tensors
        packing, heads = ctx.packing, ctx.heads
        wanted = ctx.needs_input_grad  # fixed keys of the first layer want none
        g_q, g_k = (torch.empty_like(q) if wanted[i] else None for i in range(2))
        for group, grad in zip(packing.groups, grads, strict=True):
            if g_q is not None:
                torch.bmm(grad, _of(k, group, heads), out=_of(g_q, group, heads))
            if g_k is not None:
                of_k = _of(g_k, group, heads)
                torch.bmm(grad.transpose(1, 2), _of(q, group, heads), out=of_k)
        return (
            None if g_q is None else _rows(g_q, packing, heads, 1).mul_(ctx.scale),
            None if g_k is None else _rows(g_k, packing, heads, ctx.times).mul_(ctx.scale),
            None,
            None,
            None,
        )


class _Weighted(torch.autograd.Function):
    """Values added up by the weights of every text."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, heads: int, packing: Packing, *weights: Tensor) -> Tensor:
        """(row, kv heads, d), the weights of each group -> (row, heads, d)."""
        shared, d = value.shape[1:]
        v = _blocks(value, packing, shared, heads // shared)
        out = torch.empty_like(v)
        for group, one in zip(packing.groups, weights, strict=True):
            torch.bmm(one, _of(v, group, heads), out=_of(out, group, heads))
        ctx.save_for_backward(v, *weights)
        ctx.packing, ctx.heads, ctx.times = packing, heads, heads // shared
        return _rows(out, packing, heads, 1).view(-1, heads, d)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        """Return the gradients of the values and of each group's weights."""
        v, *weights = ctx.saved_tensors
        packing, heads = ctx.packing, ctx.heads
        g = _blocks(grad, packing, heads)
        g_v = torch.empty_like(v) if ctx.needs_input_grad[0] else None
        g_weights: list[Tensor | None] = []
        for nth, (group, one) in enumerate(zip(packing.groups, weights, strict=True)):
            one_g = _of(g, group, heads)
            if g_v is not None:
                torch.bmm(one.transpose(1, 2), one_g, out=_of(g_v, group, heads))
            wanted = ctx.needs_input_grad[3 + nth]
            g_weights.append(
                torch.bmm(one_g, _of(v, group, heads).transpose(1, 2)) if wanted else None
            )
        of_value = None if g_v is None else _rows(g_v, packing, heads, ctx.times)
        return of_value, None, None, *g_weights


def attend(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, causal: bool, scale: float
) -> Tensor:
    """softmax(q·kᵀ + mask)·v of every text.

    (row, heads, d), twice (row, kv heads, d) -> (row, heads, d). The softmax between the two
    products is torch's own, backward too.
    """
    scores = _Scores.apply(query, key, packing, causal, scale)
    weights = [one.softmax(-1) for one in scores]
    result: Tensor = _Weighted.apply(value, query.shape[1], packing, *weights)
    return result


class _IntoBlocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, packing: Packing, heads: int) -> Tensor:
        """(row, kv heads, d) -> all blocks' rows, (places·heads, d)."""
        ctx.packing, ctx.heads, ctx.times = packing, heads, heads // rows.shape[1]
        return _blocks(rows, packing, rows.shape[1], ctx.times)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        """Return the gradient of the rows."""
        return _rows(grad, ctx.packing, ctx.heads, ctx.times), None, None


def attend_at_read(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, causal: bool, scale: float
) -> Tensor:
    """Do the same for one query a text, at its read position; the other rows are 0."""
    _, heads, d = query.shape
    sizes = [len(group.texts) * group.block * heads for group in packing.groups]
    keys, values = (_IntoBlocks.apply(x, packing, heads).split(sizes) for x in (key, value))
    read = packing.read[packing.order]
    queries = query.index_select(0, read).split([len(group.texts) for group in packing.groups])
    found = []
    for group, q, k, v in zip(packing.groups, queries, keys, values, strict=True):
        shape = (-1, group.block, d)
        mask = packing.mask(group, heads, causal, True, query)
        keys_t = k.view(shape).transpose(1, 2)
        scores = torch.baddbmm(mask, q.reshape(-1, 1, d), keys_t, alpha=scale)
        found.append(torch.bmm(scores.softmax(-1), v.view(shape)).view(-1, heads, d))
    return query.new_zeros(query.shape).index_copy(0, read, torch.cat(found))


def _of(blocks: Tensor, group: Group, heads: int) -> Tensor:
    """(all rows, d) -> a group's (texts·heads, block, d), the same memory."""
    return blocks[group.rows(heads)].view(-1, group.block, blocks.shape[-1])


def _blocks(rows: Tensor, packing: Packing, heads: int, times: int = 1) -> Tensor:
    """(row, heads, d) -> all blocks' rows, (places·heads·times, d)."""
    index = packing.into_blocks(heads, times)
    return rows.reshape(-1, rows.shape[-1]).index_select(0, index)


def _rows(blocks: Tensor, packing: Packing, heads: int, times: int) -> Tensor:
    """All blocks' rows -> (row, heads / times, d); heads that share one are added up."""
    d = blocks.shape[-1]
    if times > 1:
        parts = []
        for group in packing.groups:
            part = _of(blocks, group, heads).view(-1, heads // times, times, group.block, d)
            parts.append(part.sum(2).view(-1, d))
        blocks = torch.cat(parts)
    rows = blocks.index_select(0, packing.into_row(heads // times))
    rows = rows.view(packing.row, heads // times, d)
    rows[packing.tokens :] = 0  # nobody's
    return rows
