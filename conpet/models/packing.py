"""Where a batch's texts lie when there is no padding: end to end in a row, for attention in blocks.

Texts of about the same length share a group, whose blocks are as long as its longest text:
attention costs the square of a block's length. Matrix-multiplication libraries make a kernel for
every new shape, which takes longer than many a product: the row and the blocks are rounded up to a
few lengths.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

ROW_STEP = 32  # tokens that a row's length is a multiple of
BLOCK_STEP = 32  # the same of a block: whole vectors of bfloat16, and few groups


def _round_up(n: Any, step: int) -> Any:
    return -(-n // step) * step


def block_lengths(lengths: np.ndarray) -> np.ndarray:
    """Return how long each text's block is; those that are equal share a group."""
    return np.asarray(_round_up(lengths, BLOCK_STEP))


@dataclass(frozen=True)
class Group:
    """Texts whose blocks are equally long.

    ``start`` counts the block places before them, ``nth`` the texts.
    """

    texts: np.ndarray
    block: int
    start: int
    nth: int

    def rows(self, heads: int) -> slice:
        """Return where the group's rows are among all blocks' rows, (places·heads, d)."""
        first = self.start * heads
        return slice(first, first + len(self.texts) * self.block * heads)

    def reads(self, heads: int) -> slice:
        """Return where its rows are where each text has one place, in :attr:`Packing.order`."""
        return slice(self.nth * heads, (self.nth + len(self.texts)) * heads)


@dataclass(frozen=True)
class Packing:
    """Where the tokens of n texts lie.

    Attributes:
        lengths: tokens of each text, shape (n,).
        pool: the position that is read of each text, shape (n,).
    """

    lengths: np.ndarray
    pool: np.ndarray
    _cache: dict[Any, Any] = field(default_factory=dict)

    @cached_property
    def tokens(self) -> int:
        """Real tokens."""
        return int(self.lengths.sum())

    @cached_property
    def row(self) -> int:
        """Tokens of the row: the real ones, then at least one that is nobody's."""
        return int(_round_up(self.tokens + 1, ROW_STEP))

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each text begins in the row, shape (n,)."""
        return np.cumsum(self.lengths) - self.lengths

    @cached_property
    def read(self) -> Tensor:
        """Where each text's representation is read in the row, shape (n,)."""
        return torch.from_numpy(self.starts + self.pool)

    @cached_property
    def _places(self) -> np.ndarray:
        return np.arange(self.tokens) - np.repeat(self.starts, self.lengths)

    @cached_property
    def positions(self) -> Tensor:
        """Position of each token in its text, shape (1, row); 0 for those that are nobody's."""
        positions = np.zeros(self.row, np.int64)
        positions[: self.tokens] = self._places
        return torch.from_numpy(positions)[None]

    @cached_property
    def groups(self) -> list[Group]:
        """The texts by the length of their blocks, shortest first."""
        blocks = block_lengths(self.lengths)
        found: list[Group] = []
        start = nth = 0
        for block in np.unique(blocks):
            texts = np.flatnonzero(blocks == block)
            found.append(Group(texts, int(block), start, nth))
            start, nth = start + len(texts) * int(block), nth + len(texts)
        return found

    def into_blocks(self, heads: int, times: int = 1) -> Tensor:
        """Return which row of (row·heads, d) each row of all blocks is.

        A group's rows are (texts, heads·times, block); each head is taken ``times`` times (key and
        value heads that several queries share). Empty places take a token that is nobody's.
        """
        key = ("blocks", heads, times)
        if key not in self._cache:
            head = np.repeat(np.arange(heads), times)[None, :, None]
            parts = []
            for group in self.groups:
                places = np.arange(group.block)[None]
                token = self.starts[group.texts][:, None] + places
                token = np.where(places < self.lengths[group.texts][:, None], token, self.tokens)
                parts.append((token[:, None, :] * heads + head).reshape(-1))
            self._cache[key] = torch.from_numpy(np.concatenate(parts))
        return self._cache[key]

    def into_row(self, heads: int) -> Tensor:
        """Return which row of all blocks' rows each row of (row·heads, d) is."""
        key = ("row", heads)
        if key not in self._cache:
            first = np.empty(len(self.lengths), np.int64)
            block = np.empty_like(first)
            for group in self.groups:
                nth = np.arange(len(group.texts))
                first[group.texts] = (group.start + nth * group.block) * heads
                block[group.texts] = group.block
            text = np.repeat(np.arange(len(self.lengths)), self.lengths)
            head = np.arange(heads)[None, :]
            found = np.zeros((self.row, heads), np.int64)
            found[: self.tokens] = (
                first[text][:, None] + head * block[text][:, None] + self._places[:, None]
            )
            self._cache[key] = torch.from_numpy(found.reshape(-1))
        return self._cache[key]

    def parts_into_blocks(self, heads: int, parts: int) -> Tensor:
        """Return the same for rows of several parts each, (row·parts·heads, d) -> parts one after
        another, each as :meth:`into_blocks` has it.
        """
        key = ("parts", heads, parts)
        if key not in self._cache:
            one = self.into_blocks(heads)
            first = one + one.div(heads, rounding_mode="floor") * ((parts - 1) * heads)
            self._cache[key] = torch.cat([first + part * heads for part in range(parts)])
        return self._cache[key]

    def parts_into_row(self, heads: int, parts: int) -> Tensor:
        """Return the way back: :meth:`into_row` for parts one after another."""
        key = ("parts row", heads, parts)
        if key not in self._cache:
            one, all_rows = self.into_row(heads).view(-1, 1, heads), len(self.into_blocks(heads))
            starts = torch.arange(parts).view(1, -1, 1) * all_rows
            self._cache[key] = (one + starts).view(-1)
        return self._cache[key]

    @cached_property
    def order(self) -> Tensor:
        """The texts in their groups' order, shape (n,)."""
        return torch.from_numpy(np.concatenate([group.texts for group in self.groups]))

    @cached_property
    def back(self) -> Tensor:
        """Where each text is in :attr:`order`, shape (n,)."""
        return self.order.argsort()

    def mask(self, group: Group, heads: int, causal: bool, single: bool, like: Tensor) -> Tensor:
        """Return what is added to a group's scores (texts·heads, queries, block) to hide places.

        Args:
            single: the only query of each text is at its read position.
            like: a tensor of the mask's type.
        """
        key = ("mask", group.block, heads, causal, single, like.dtype)
        if key not in self._cache:
            places = np.arange(group.block)
            if causal and not single:
                # the places after a text's end are seen by nothing that is read
                hidden = (places[None, :] > places[:, None])[None]
            else:
                seen = self.pool[group.texts] + 1 if causal else self.lengths[group.texts]
                hidden = (places[None, :] >= seen[:, None]).repeat(heads, axis=0)[:, None]
            mask = torch.zeros(hidden.shape, dtype=like.dtype)
            mask.masked_fill_(torch.from_numpy(hidden), torch.finfo(like.dtype).min)
            self._cache[key] = mask
        return self._cache[key]
