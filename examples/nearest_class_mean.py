"""NCM: a frozen backbone and the mean of every class's representations; nothing is trained.

A learner of one's own, as a file: copy it to conpet/learners/ and name it in a method's YAML.
Mensink et al. 2013 (IEEE TPAMI 35), equation 4, without the metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conpet.learners.base import Context, Learner, Prediction, kept_tensors
from conpet.replay.base import Plan


class NearestClassMean(Learner):
    """Answers with the class whose mean is nearest; old means never change."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.means = torch.zeros(self.stream.seen, self.backbone.width)

    def load(self, states: Sequence[Path], selector: Path | None) -> None:
        """Take up the means of earlier classes."""
        if states:
            self.backbone.load(states[-1])
            with kept_tensors(states[-1]) as old:
                self.means[: len(old["means"])] = old["means"]

    def train(self) -> Plan:
        """Take the mean of each new class; the plan is followed by nobody."""
        indices = self.stream.of("train", [self.context.task])
        features, labels = self.backbone.features(self.stream, indices), self.stream.label[indices]
        for label in np.unique(labels):
            self.means[int(label)] = features[torch.from_numpy(labels == label)].mean(0)
        return self.plan()

    def predict(self, indices: np.ndarray) -> Prediction:
        """Score by the negative squared distance to each mean."""
        features = self.backbone.features(self.stream, indices)
        distance = torch.cdist(features.double(), self.means.double()).square()
        return Prediction(F.log_softmax(-distance, dim=1).float())

    def tensors(self) -> dict[str, Tensor]:
        """Return the means: all that the next task needs."""
        return {"means": self.means}

    def parameters(self) -> list[nn.Parameter]:
        """Nothing is tuned."""
        return []

    def memory_features(self, indices: np.ndarray) -> np.ndarray:
        """Return what exemplars would be chosen on."""
        return self.backbone.features(self.stream, indices).numpy()


LEARNER = NearestClassMean
