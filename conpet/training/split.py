"""A loss in two: what the host prepares of a batch, and what the device computes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from conpet.data.stream import Stream
from conpet.models.backbone import Backbone
from conpet.training.given import Given, Prepared, as_it_comes


@dataclass(frozen=True)
class Split:
    """The loss of a batch of samples, which can be computed as it comes, or in a recorded step.

    Attributes:
        hidden: sample indices -> their representations (n, width), as they come.
        prepare: batch indices -> what the host makes of them; None where nothing of the batch
            gives a gradient.
        loss: representations (n, width) of the prepared samples, what is given -> the loss. It
            waits for nothing and takes no way that a number on the device decides.
        changes: tensors beside the parameters that the loss writes to.
    """

    backbone: Backbone
    stream: Stream
    hidden: Callable[[np.ndarray], Tensor]
    prepare: Callable[[np.ndarray], Prepared | None]
    loss: Callable[[Tensor, Given], Tensor]
    changes: Sequence[Tensor] = ()

    def __call__(self, batch: np.ndarray) -> Tensor | None:
        """Return the loss of a batch as it comes."""
        prepared = self.prepare(batch)
        return None if prepared is None else self.of(prepared)

    def of(self, prepared: Prepared) -> Tensor:
        """Return the loss of a prepared batch as it comes."""
        hidden = self.hidden(prepared.samples)
        return self.loss(hidden, as_it_comes(prepared, self.backbone.device))
