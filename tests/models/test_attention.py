"""Attention without padding against each text by itself, by its formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from conpet.models.attention import attend, attend_at_read
from conpet.models.packing import Packing

HEADS, WIDTH, SCALE = 4, 8, 0.3
LENGTHS = np.array([3, 70, 40, 1, 33, 32])
POOL = np.array([1, 60, 39, 0, 0, 31])


@pytest.fixture
def packing() -> Packing:
    return Packing(LENGTHS, POOL)


def rows(packing: Packing, shared: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(packing.row, heads, WIDTH) for heads in (HEADS, shared, shared)]
    return [torch.randn(s, generator=generator).double().requires_grad_() for s in shapes]


def by_formula(q: Tensor, k: Tensor, v: Tensor, packing: Packing, causal: bool) -> Tensor:
    k, v = (x.repeat_interleave(HEADS // x.shape[1], 1) for x in (k, v))
    parts = []
    for a, n in zip(packing.starts, packing.lengths, strict=True):
        one, keys, values = (x[a : a + n].transpose(0, 1) for x in (q, k, v))
        scores = SCALE * one @ keys.transpose(1, 2)
        if causal:
            scores = scores.masked_fill(torch.ones(n, n).triu(1).bool(), -torch.inf)
        parts.append((scores.softmax(-1) @ values).transpose(0, 1))
    return torch.cat(parts)


def gradients(value: Tensor, tensors: list[Tensor]) -> list[Tensor]:
    weights = torch.linspace(-1, 1, value.numel(), dtype=value.dtype).view_as(value)
    return list(torch.autograd.grad((value * weights).sum(), tensors))


def same(ours: Tensor, theirs: Tensor, tensors: list[Tensor]) -> None:
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(gradients(ours, tensors), gradients(theirs, tensors), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("shared", [HEADS, 2])
@pytest.mark.parametrize("causal", [False, True])
def test_every_token(packing: Packing, causal: bool, shared: int) -> None:
    tensors = rows(packing, shared)
    ours = attend(*tensors, packing, causal, SCALE)
    assert not ours[packing.tokens :].any()
    same(ours[: packing.tokens], by_formula(*tensors, packing, causal), tensors)


@pytest.mark.parametrize("shared", [HEADS, 2])
@pytest.mark.parametrize("causal", [False, True])
def test_read_positions(packing: Packing, causal: bool, shared: int) -> None:
    tensors = rows(packing, shared)
    ours = attend_at_read(*tensors, packing, causal, SCALE)
    same(ours[packing.read], by_formula(*tensors, packing, causal)[packing.read], tensors)
    unread = np.setdiff1d(np.arange(packing.row), packing.read.numpy())
    assert not ours[unread].any()


def test_texts_share_blocks_with_texts_about_as_long(packing: Packing) -> None:
    found = {group.block: group.texts.tolist() for group in packing.groups}
    assert found == {32: [0, 3, 5], 64: [2, 4], 96: [1]}
    assert packing.row == 192  # 179 tokens and at least one that is nobody's


@pytest.mark.parametrize("make", [lambda q: [q, False], lambda q: [q.detach(), True]])
def test_frozen_queries_want_no_gradient(
    packing: Packing, make: Callable[[Tensor], list[object]]
) -> None:
    q, k, v = rows(packing, HEADS)
    query, frozen = make(q)
    assert isinstance(query, Tensor)
    attend(query, k, v, packing, False, SCALE).sum().backward()
    assert (q.grad is None) == frozen
    assert k.grad is not None and v.grad is not None
