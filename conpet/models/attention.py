"""Attention without padding: each text by itself, rows of tokens in, rows of tokens out.

Taking rows into blocks and back are each other's transposes, so their gradients are gathers too,
and nothing is ever added up in an order that could change.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from conpet.models.layout import Group, Layout


class Attention(torch.autograd.Function):
    """softmax(q·kᵀ + mask)·v of every text."""

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
        out, kept = torch.empty_like(q), []
        for group in layout.groups:
            mask = layout.mask(group, heads, causal, False, query)
            scores = torch.baddbmm(
                mask, _of(q, group, heads), _of(k, group, heads).transpose(1, 2), alpha=scale
            )
            kept.append(scores.softmax(-1))
            torch.bmm(kept[-1], _of(v, group, heads), out=_of(out, group, heads))
        ctx.save_for_backward(q, k, v, *kept)
        ctx.layout, ctx.shared, ctx.scale = layout, shared, scale
        return _rows(out, layout, heads, 1).view(-1, heads, d)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        """Return the gradients of query, key and value."""
        q, k, v, *kept = ctx.saved_tensors
        layout, shared, heads = ctx.layout, ctx.shared, grad.shape[1]
        times = heads // shared
        g = _blocks(grad, layout, heads)
        wanted = ctx.needs_input_grad  # fixed keys of the first layer want none
        g_q, g_k, g_v = (torch.empty_like(q) if wanted[i] else None for i in range(3))
        for group, weights in zip(layout.groups, kept, strict=True):
            one_g = _of(g, group, heads)
            if g_v is not None:
                torch.bmm(weights.transpose(1, 2), one_g, out=_of(g_v, group, heads))
            if g_q is None and g_k is None:
                continue
            g_scores = torch._softmax_backward_data(
                torch.bmm(one_g, _of(v, group, heads).transpose(1, 2)), weights, -1, weights.dtype
            )
            if g_q is not None:
                torch.bmm(g_scores, _of(k, group, heads), out=_of(g_q, group, heads))
            if g_k is not None:
                of_k = _of(g_k, group, heads)
                torch.bmm(g_scores.transpose(1, 2), _of(q, group, heads), out=of_k)
        return (
            None if g_q is None else _rows(g_q, layout, heads, 1).mul_(ctx.scale),
            None if g_k is None else _rows(g_k, layout, heads, times).mul_(ctx.scale),
            None if g_v is None else _rows(g_v, layout, heads, times),
            None,
            None,
            None,
        )


class _IntoBlocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, layout: Layout, heads: int) -> Tensor:
        """(row, kv heads, d) -> all blocks' rows, (places·heads, d)."""
        ctx.layout, ctx.heads, ctx.times = layout, heads, heads // rows.shape[1]
        return _blocks(rows, layout, rows.shape[1], ctx.times)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        """Return the gradient of the rows."""
        return _rows(grad, ctx.layout, ctx.heads, ctx.times), None, None


def attend_at_read(
    query: Tensor, key: Tensor, value: Tensor, layout: Layout, causal: bool, scale: float
) -> Tensor:
    """Do the same for one query a text, at its read position; the other rows are 0."""
    _, heads, d = query.shape
    sizes = [len(group.texts) * group.block * heads for group in layout.groups]
    keys, values = (_IntoBlocks.apply(x, layout, heads).split(sizes) for x in (key, value))
    read = layout.read[layout.order]
    queries = query.index_select(0, read).split([len(group.texts) for group in layout.groups])
    found = []
    for group, q, k, v in zip(layout.groups, queries, keys, values, strict=True):
        shape = (-1, group.block, d)
        mask = layout.mask(group, heads, causal, True, query)
        keys_t = k.view(shape).transpose(1, 2)
        scores = torch.baddbmm(mask, q.reshape(-1, 1, d), keys_t, alpha=scale)
        found.append(torch.bmm(scores.softmax(-1), v.view(shape)).view(-1, heads, d))
    return query.new_zeros(query.shape).index_copy(0, read, torch.cat(found))


def _of(blocks: Tensor, group: Group, heads: int) -> Tensor:
    """(all rows, d) -> a group's (texts·heads, block, d), the same memory."""
    return blocks[group.rows(heads)].view(-1, group.block, blocks.shape[-1])


def _blocks(rows: Tensor, layout: Layout, heads: int, times: int = 1) -> Tensor:
    """(row, heads, d) -> all blocks' rows, (places·heads·times, d)."""
    index = layout.into_blocks(heads, times)
    return rows.reshape(-1, rows.shape[-1]).index_select(0, index)


def _rows(blocks: Tensor, layout: Layout, heads: int, times: int) -> Tensor:
    """All blocks' rows -> (row, heads / times, d); heads that share one are added up."""
    d = blocks.shape[-1]
    if times > 1:
        parts = []
        for group in layout.groups:
            part = _of(blocks, group, heads).view(-1, heads // times, times, group.block, d)
            parts.append(part.sum(2).view(-1, d))
        blocks = torch.cat(parts)
    rows = blocks.index_select(0, layout.into_row(heads // times))
    rows = rows.view(layout.row, heads // times, d)
    rows[layout.tokens :] = 0  # nobody's
    return rows
