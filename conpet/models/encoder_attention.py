"""Attention without padding, forward and backward by hand: each text by itself, in blocks.

As :mod:`conpet.models.attention`, of whose parts torch keeps the way back; here queries, keys and
values come side by side in one row, and go back so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from conpet.models.packing import Packing
from conpet.models.projection import Tape


@dataclass(frozen=True)
class Attention:
    """Every token attends to all of its text.

    Attributes:
        heads: each of width / heads numbers.
        scale: of the scores.
    """

    heads: int
    scale: float

    def together(self, linears: Sequence[Any]) -> list[Sequence[Any]]:
        """Return which of the linears of queries, keys and values are one product."""
        return [linears]

    def forward(self, parts: Sequence[Tensor], packing: Packing, tape: Tape | None) -> Tensor:
        """Queries, keys, values side by side, (row, 3·width) -> (row, width)."""
        heads, (into,) = self.heads, parts
        d = into.shape[1] // (3 * heads)
        q, k, v = into.view(-1, d).index_select(0, packing.parts_into_blocks(heads, 3)).chunk(3)
        mixed, kept = torch.empty_like(q), [q, k, v]
        for group in packing.groups:
            rows, shape = group.rows(heads), (-1, group.block, d)
            mask = packing.mask(group, heads, False, False, q)
            weights = _weights(q[rows].view(shape), k[rows].view(shape), mask, self.scale)
            torch.bmm(weights, v[rows].view(shape), out=mixed[rows].view(shape))
            kept.append(weights)
        if tape is not None:
            tape += kept
        return mixed.index_select(0, packing.into_row(heads)).view(packing.row, heads * d)

    def backward(self, g_mixed: Tensor, packing: Packing, tape: Tape) -> list[Tensor]:
        """Return the gradient of what forward took."""
        heads, weights = self.heads, _taken(tape, len(packing.groups))
        q, k, v = _taken(tape, 3)
        d = q.shape[1]
        g = g_mixed.view(-1, d).index_select(0, packing.into_blocks(heads))
        found = g.new_empty(3, *g.shape)
        for group, own in zip(packing.groups, weights, strict=True):
            rows, shape = group.rows(heads), (-1, group.block, d)
            one_q, one_k, one_v, one_g = (x[rows].view(shape) for x in (q, k, v, g))
            g_q, g_k, g_v = (part[rows].view(shape) for part in found)
            of_scores = _of_scores(one_g, one_v, own, g_v, self.scale)
            torch.bmm(of_scores, one_k, out=g_q)
            torch.bmm(of_scores.transpose(1, 2), one_q, out=g_k)
        return [_into_row(found, packing, heads)]


@dataclass(frozen=True)
class AttentionAtRead(Attention):
    """The token that is read of each text attends to all of it; the others do not."""

    def together(self, linears: Sequence[Any]) -> list[Sequence[Any]]:
        """Return that keys and values are one product."""
        return [linears[:1], linears[1:]]

    def forward(self, parts: Sequence[Tensor], packing: Packing, tape: Tape | None) -> Tensor:
        """Queries (texts, width); keys, values side by side, (row, 2·width) -> (texts, width)."""
        heads, (query, pair) = self.heads, parts
        d = query.shape[1] // heads
        k, v = pair.view(-1, d).index_select(0, packing.parts_into_blocks(heads, 2)).chunk(2)
        q = query.index_select(0, packing.order).view(-1, 1, d)  # a text's heads lie together
        mixed, kept = torch.empty_like(q), [q, k, v]
        for group in packing.groups:
            rows, texts, shape = group.rows(heads), group.reads(heads), (-1, group.block, d)
            mask = packing.mask(group, heads, False, True, q)
            weights = _weights(q[texts], k[rows].view(shape), mask, self.scale)
            torch.bmm(weights, v[rows].view(shape), out=mixed[texts])
            kept.append(weights)
        if tape is not None:
            tape += kept
        return mixed.view(len(query), -1).index_select(0, packing.back)

    def backward(self, g_mixed: Tensor, packing: Packing, tape: Tape) -> list[Tensor]:
        """Return the gradients of what forward took."""
        heads, weights = self.heads, _taken(tape, len(packing.groups))
        q, k, v = _taken(tape, 3)
        d = k.shape[1]
        g = g_mixed.index_select(0, packing.order).view(-1, 1, d)
        g_query, found = torch.empty_like(g), g.new_empty(2, *k.shape)
        for group, own in zip(packing.groups, weights, strict=True):
            rows, texts, shape = group.rows(heads), group.reads(heads), (-1, group.block, d)
            one_k, one_v = (x[rows].view(shape) for x in (k, v))
            g_k, g_v = (part[rows].view(shape) for part in found)
            of_scores = _of_scores(g[texts], one_v, own, g_v, self.scale)
            torch.bmm(of_scores, one_k, out=g_query[texts])
            torch.bmm(of_scores.transpose(1, 2), q[texts], out=g_k)
        g_read = g_query.view(len(g_mixed), -1).index_select(0, packing.back)
        return [g_read, _into_row(found, packing, heads)]


def _weights(q: Tensor, k: Tensor, mask: Tensor, scale: float) -> Tensor:
    return torch.baddbmm(mask, q, k.transpose(1, 2), alpha=scale).softmax(-1)


def _of_scores(g: Tensor, v: Tensor, weights: Tensor, g_v: Tensor, scale: float) -> Tensor:
    """Return the gradient of q·k; that of the values is put into ``g_v``."""
    torch.bmm(weights.transpose(1, 2), g, out=g_v)
    of_weights = torch.bmm(g, v.transpose(1, 2))
    return torch._softmax_backward_data(of_weights, weights, -1, g.dtype).mul_(scale)


def _into_row(parts: Tensor, packing: Packing, heads: int) -> Tensor:
    """Parts in blocks (parts, places·heads, d) -> side by side, (row, parts·heads·d)."""
    count, _, d = parts.shape
    rows = parts.view(-1, d).index_select(0, packing.parts_into_row(heads, count))
    rows = rows.view(packing.row, count * heads * d)
    rows[packing.tokens :] = 0  # nobody's
    return rows


def _taken(tape: Tape, count: int) -> list[Tensor]:
    """Take so many from a tape's end, in the order in which they were put there."""
    found = tape[-count:]
    del tape[-count:]
    return found
