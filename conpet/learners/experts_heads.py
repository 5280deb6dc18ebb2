"""What experts say of their own classes: by the heads that were trained, or fitted after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from conpet.heads.softmax import Softmax as Head
from conpet.learners.discriminant import discriminant, told
from conpet.learners.routing import temperature_of

if TYPE_CHECKING:
    from conpet.learners.experts import Experts


class ExpertHeads:
    """The heads of an :class:`~conpet.learners.experts.Experts` learner, by task.

    Attributes:
        answering: what answers, (n, reads) -> (n, the task's classes).
        trained: what is trained; the same one, unless what answers is fitted after it.
        temperatures: what an expert's scores are divided by.
        layers: of how many of the last layers an answer reads.
    """

    def __init__(self, learner: Experts) -> None:
        self.learner = learner
        self.answering: dict[int, Head] = {}
        self.trained: dict[int, Head] = {}
        self.temperatures: dict[int, float] = {}
        options = learner.options
        #: whether what answers is fitted: what is trained stays, for a selector to start from
        self.fitted: bool = options.expert_head == "lda"
        self.layers: int = options.layers if self.fitted else 1
        #: whether experts speak in log-probabilities: a discriminant's scores have no level
        self.scaled: bool = options.temperature or self.fitted

    def make(self, task: int) -> Head:
        """Make a task's head, which is to be trained."""
        self.answering[task] = self.trained[task] = self._head(task, 1)
        return self.trained[task]

    def _head(self, task: int, layers: int) -> Head:
        learner = self.learner
        width, rows = learner.backbone.reads(layers), len(learner.stream.classes[task - 1])
        head = Head(width, rows, learner.context.seed.of("init", "expert", task))
        return head.to(learner.backbone.device)

    def take(self, task: int, tensors: dict[str, Tensor]) -> None:
        """Take up what :meth:`tensors` gave a state."""
        self.make(task)
        if self.fitted:
            self.trained[task].take(tensors, "trained")
            self.answering[task] = self._head(task, self.layers).double()
        self.answering[task].take(tensors)
        if self.learner.options.temperature or "temperature" in tensors:
            self.temperatures[task] = float(tensors["temperature"])

    def tensors(self, task: int) -> dict[str, Tensor]:
        """Return what a task's state keeps."""
        found = self.answering[task].tensors()
        if self.fitted:
            found |= self.trained[task].tensors("trained")
        if self.learner.options.temperature:
            found["temperature"] = torch.tensor(self.temperatures[task], dtype=torch.float64)
        return found

    @torch.no_grad()
    def scores(self, features: Tensor, task: int) -> Tensor:
        """Return what an expert says of its classes, (n, own), on the CPU."""
        scores = self._answers(features, task)
        if not self.scaled:
            return scores
        return F.log_softmax(scores / self.temperatures.get(task, 1.0), dim=1).float()

    def _answers(self, features: Tensor, task: int) -> Tensor:
        """Return the scores of what answers, (n, own), on the CPU, as precise as it is."""
        head = self.answering[task]
        return head(features.to(self.learner.backbone.device, head.weight.dtype)).cpu()

    @torch.no_grad()
    def fit(self, validated: np.ndarray) -> None:
        """Fit what is fitted of the newest expert, whose adapter is in the backbone.

        Args:
            validated: validation samples, of all tasks (n,).
        """
        task = self.learner.task
        if self.fitted:
            self._discriminate(task)
        if self.learner.options.temperature:
            self._set_temperature(task, validated)

    def _read(self, indices: np.ndarray) -> Tensor:
        return self.learner.backbone.features(self.learner.stream, indices, self.layers)

    def _discriminate(self, task: int) -> None:
        """Let the discriminant of all the task's training samples answer."""
        stream = self.learner.stream
        own = stream.of("train", [task])
        start, end = stream.class_range(task)
        features = self._read(own).double().numpy()
        weight, bias = discriminant(features, stream.label[own] - start, end - start)
        self.answering[task] = self._head(task, self.layers).double()
        self.answering[task].take({"head.weight": weight, "head.bias": bias})

    def _set_temperature(self, task: int, validated: np.ndarray) -> None:
        """Set it by the task's own validation samples."""
        stream = self.learner.stream
        own = validated[stream.task[validated] == task]
        scores = self._answers(self._read(own), task)
        places = torch.from_numpy(stream.label[own].astype(np.int64))
        known = told(self.answering[task].bias.detach()) if self.fitted else None
        places -= stream.class_range(task)[0]
        self.temperatures[task] = temperature_of(scores, places, told=known)
