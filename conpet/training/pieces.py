"""A batch that the card's memory does not hold: it passes in pieces, and is one step all the same.

A loss of a batch is no sum over its samples: it has means over some of them, and terms of two. But
it is a function of their representations. These are computed piece by piece and kept without their
history; the loss gives their gradient; then each piece passes again and takes its part of it
back (Gao et al. 2021, arXiv 2101.06983). So the gradient is the batch's own, up to rounding, at the
price of a second pass forward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from conpet.progress import Progress
from conpet.training.given import as_it_comes
from conpet.training.split import Split

#: batch indices -> the loss, or None where nothing of them gives a gradient
Loss = Callable[[np.ndarray], Tensor | None]


class Pieces:
    """Takes the gradient of batches: whole, until the memory says otherwise.

    Args:
        parameters: those that have a gradient.

    Attributes:
        count: how many pieces a batch passes in.
    """

    def __init__(self, loss: Loss, parameters: Sequence[nn.Parameter], progress: Progress) -> None:
        self._loss, self._parameters, self._progress = loss, parameters, progress
        self.count = 1

    def backward(self, batch: np.ndarray) -> Tensor | None:
        """Add a batch's gradient to the parameters'; return its loss, None where it has none.

        Gradients are zero before it.

        Raises:
            torch.OutOfMemoryError: it does not fit in pieces of one sample either, or the loss is
                not in two.
        """
        while True:
            try:
                return self._whole(batch) if self.count == 1 else self._in_pieces(batch)
            except torch.OutOfMemoryError:
                if not self._may_split(batch):
                    raise
            self.count *= 2
            self._forget()
            self._progress.say(
                f"out of memory: batches pass in {self.count} pieces, which is slower"
            )

    def _may_split(self, batch: np.ndarray) -> bool:
        loss = self._loss
        return (
            isinstance(loss, Split)
            and not loss.backbone.draws  # a piece's two passes would draw two dropouts
            and self.count < len(batch)
        )

    def _forget(self) -> None:
        """Drop what the failed attempt left."""
        for parameter in self._parameters:
            if parameter.grad is not None:
                parameter.grad.zero_()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()

    def _whole(self, batch: np.ndarray) -> Tensor | None:
        value = self._loss(batch)
        if value is not None:
            value.backward()
        return value

    def _in_pieces(self, batch: np.ndarray) -> Tensor | None:
        loss = self._loss
        assert isinstance(loss, Split)
        prepared = loss.prepare(batch)
        if prepared is None:
            return None
        parts = [p for p in np.array_split(prepared.samples, self.count) if len(p)]
        with torch.no_grad():
            hidden = torch.cat([loss.hidden(part) for part in parts])
        hidden.requires_grad_()
        value = loss.loss(hidden, as_it_comes(prepared, loss.backbone.device))
        value.backward()
        gradient = hidden.grad
        if gradient is not None and not loss.backbone.frozen:
            for part, own in zip(parts, gradient.split([len(p) for p in parts]), strict=True):
                loss.hidden(part).backward(own)
        return value
