"""Passes without gradient on a card: long rows of many texts, and of many experts' texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from conpet.data.stream import Stream
from conpet.models.layers import blocks
from conpet.models.mixed import Mixture
from conpet.models.static import StaticPass, row_bucket

_BYTES = 2**30  # what a pass's activations may take, about
_LEAST, _MOST = 1024, 16384  # tokens of a row
_MASKED = 2048  # tokens of a row whose attention takes a mask: its cost grows with their square


def row_limit(config: Any, size: int, flash: bool) -> int:
    """Return how many tokens a row may have: by the model alone, so that equal runs are equal.

    Args:
        size: bytes of a number.
        flash: whether attention looks within texts alone.
    """
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    return min(_MOST if flash else _MASKED, max(_LEAST, _BYTES // (16 * inner * size)))


def rows(lengths: np.ndarray, most: int) -> Iterator[slice]:
    """Cut texts of these lengths, in their order, into rows of at most so many tokens."""
    start, tokens = 0, 0
    for place, length in enumerate(lengths.tolist()):
        if tokens + length > most and place > start:
            yield slice(start, place)
            start, tokens = place, 0
        tokens += length
    if start < len(lengths):
        yield slice(start, len(lengths))


class Passes:
    """Representations of a stream's samples, in long rows.

    Args:
        count: is told of every row's texts and tokens.
    """

    def __init__(
        self, static: StaticPass, stream: Stream, most: int, count: Callable[[int, int], None]
    ) -> None:
        self.stream = stream
        self._static, self._most, self._count = static, most, count

    @torch.no_grad()
    def __call__(
        self,
        indices: np.ndarray,
        mixture: Mixture | None = None,
        experts: np.ndarray | None = None,
        layers: int = 1,
    ) -> Tensor:
        """Return the representations (n, reads) of samples, on the CPU.

        Args:
            experts: whose each sample is (n,), where there is a mixture.
            layers: of how many of the last layers.

        Raises:
            torch.OutOfMemoryError: not even the shortest rows fit.
        """
        while True:
            try:
                return self._passed(indices, mixture, experts, layers)
            except torch.OutOfMemoryError:
                if self._most <= _LEAST // 4:
                    raise
            self._most //= 2

    def _passed(
        self,
        indices: np.ndarray,
        mixture: Mixture | None,
        experts: np.ndarray | None,
        layers: int,
    ) -> Tensor:
        static, lengths = self._static, self.stream.lengths[indices]
        samples = torch.from_numpy(indices).to(static.device)
        owners = None if experts is None else torch.from_numpy(experts).to(static.device)
        width = static.width * blocks(layers, static.pooling)
        found, passed = [torch.empty(0, width, device=static.device)], []
        for cut in rows(lengths, self._most):
            row, count = row_bucket(int(lengths[cut].sum())), cut.stop - cut.start
            chosen = None if owners is None else owners[cut]
            found.append(static(samples[cut], count, row, mixture, chosen, layers))
            passed.append((count, row))
        result = torch.cat(found).cpu()
        for count, row in passed:  # now that none has to be tried again
            self._count(count, row)
        return result
