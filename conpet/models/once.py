"""Representations that do not change any more: a text passes the model once in a job."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from conpet.data.stream import Stream


class Once:
    """Keeps the representations of one stream's samples.

    Args:
        compute: (stream, indices) -> representations (n, width), on the CPU.
    """

    def __init__(self, compute: Callable[[Stream, np.ndarray], Tensor], width: int) -> None:
        self._compute = compute
        self._width = width
        self.forget()

    def forget(self) -> None:
        """Keep nothing: the model has changed."""
        self._stream: Stream | None = None
        self._rows = torch.empty(0, self._width)
        self._place = np.empty(0, np.int64)

    def __call__(self, stream: Stream, indices: np.ndarray) -> Tensor:
        """Return the representations of samples, shape (n, width); only new ones are computed."""
        if stream is not self._stream:
            self.forget()
            self._stream, self._place = stream, np.full(len(stream.label), -1, np.int64)
        new = np.unique(indices[self._place[indices] < 0])
        if len(new):
            found = self._compute(stream, new)  # before a place is said to be filled: it may fail
            places = np.arange(len(self._rows), len(self._rows) + len(new))
            self._rows = torch.cat([self._rows, found])
            self._place[new] = places
        return self._rows[torch.from_numpy(self._place[indices])]
