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
from conpet.training.given import Prepared, as_it_comes
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
        if isinstance(self._loss, Split):
            prepared = self._loss.prepare(batch)
            return None if prepared is None else self.backward_of(prepared)
        value = self._loss(batch)
        if value is not None:
            value.backward()
        return value

    def backward_of(self, prepared: Prepared) -> Tensor:
        """Add a prepared batch's gradient; return its loss.

        A batch is prepared once, as that may draw numbers, and what the loss writes beside the
        parameters is as it was before another attempt.
        """
        loss = self._loss
        assert isinstance(loss, Split)
        before = [tensor.clone() for tensor in loss.changes]
        while True:
            try:
                return self._whole(prepared) if self.count == 1 else self._in_pieces(prepared)
            except torch.OutOfMemoryError:
                if not self._may_split(loss, prepared):
                    raise
            self.count *= 2
            self._forget()
            for tensor, value in zip(loss.changes, before, strict=True):
                tensor.copy_(value)
            self._progress.say(
                f"out of memory: batches pass in {self.count} pieces, which is slower"
            )

    def _may_split(self, loss: Split, prepared: Prepared) -> bool:
        # with dropout a piece's two passes would draw two
        return not loss.backbone.dropouts.draw and self.count < len(prepared.samples)

    def _forget(self) -> None:
        """Drop what the failed attempt left."""
        for parameter in self._parameters:
            if parameter.grad is not None:
                parameter.grad.zero_()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()

    def _whole(self, prepared: Prepared) -> Tensor:
        loss = self._loss
        assert isinstance(loss, Split)
        value = loss.of(prepared)
        value.backward()
        return value

    def _in_pieces(self, prepared: Prepared) -> Tensor:
        loss = self._loss
        assert isinstance(loss, Split)
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
