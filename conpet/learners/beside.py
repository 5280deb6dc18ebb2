"""A second head beside a fitted one, of the same kind, on the backbone as it was before training.

What it knows never moves: a sample passes once more, in the task that brings it, and its class's
sums are exact however many tasks follow. The tuned head knows what training has taught, and of
earlier classes what has followed the space. The answer is the mean of both heads' scores, the
product of what each says by Bayes' rule (a logarithmic opinion pool). An adapted model's features
beside the frozen one's: Zhou et al. 2023 (arXiv 2303.07338), who concatenate them.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from conpet.data.stream import Stream
from conpet.heads import fitted_head
from conpet.heads.base import Array, Fitted, Measured
from conpet.learners.context import Context

PREFIX = "beside."


class Beside:
    """The head on the frozen backbone.

    Attributes:
        head: of the same type and options as the one that it stands beside.
    """

    def __init__(self, context: Context) -> None:
        self.backbone = context.backbone
        self.layers = context.settings.head.layers
        width = self.backbone.reads(self.layers)
        found = fitted_head(context.settings.head, width, context.seed.of("init"))
        assert found is not None  # what is trained has none beside it (conpet.heads.check_head)
        self.head: Fitted = found

    def read(self, stream: Stream, indices: np.ndarray) -> Array:
        """Return the frozen backbone's representations of samples, (n, reads), float64."""
        trained = self.backbone.state()
        self.backbone.reset()  # the first weights, which an adapter adds nothing by
        try:
            found = self.backbone.features(stream, indices, self.layers)
        finally:
            self.backbone.load_state(trained)
        read: Array = found.cpu().numpy().astype(np.float64)
        return read

    def fit(self, stream: Stream, task: int) -> None:
        """Take the newest task's training samples in."""
        own = stream.of("train", [task])
        labels = stream.label[own].astype(np.int64)
        self.head.fit(Measured(self.read(stream, own), labels), stream.seen, joins=True)

    def tensors(self) -> dict[str, Tensor]:
        """Return what a state keeps of it."""
        return {PREFIX + name: tensor for name, tensor in self.head.tensors().items()}

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Take up what :meth:`tensors` gave, out of all that a state keeps."""
        names = [name for name in tensors if name.startswith(PREFIX)]
        self.head.take({name.removeprefix(PREFIX): tensors[name] for name in names})
