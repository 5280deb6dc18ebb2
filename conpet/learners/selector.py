"""Who says whose task a sample is: one module and head, carried from task to task.

Over tasks, as the paper has it, or over classes, whose scores are summed up task by task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from conpet.errors import UserError
from conpet.heads.softmax import Softmax as Head
from conpet.learners.base import mean_by_task
from conpet.learners.discriminant import discriminant, told
from conpet.learners.routing import log_sum_by_task, temperature_of
from conpet.models.backbone import State
from conpet.replay.base import Plan
from conpet.training import Given, Prepared, Split

if TYPE_CHECKING:
    from conpet.learners.experts import Experts


@dataclass(frozen=True)
class Word:
    """What a selector says of n samples: scores of tasks (n, t), and of classes where it has any.

    ``classes``: (n, seen); None where its head is over tasks.
    """

    tasks: Tensor
    classes: Tensor | None = None


class Selector:
    """The selector of an :class:`~conpet.learners.experts.Experts` learner.

    Attributes:
        adapter: its PEFT module; None before task 2.
        head: a row per task, or a row per class.
        discriminant: weight and bias fitted on its representations (``selector: lda``).
        temperature: what its scores are divided by.
        sizes: log of each task's number of classes (t,), where a head over tasks has the plan's
            prior out: its scores are then of equally likely tasks, and answers of equally likely
            classes. A state keeps it: what is packaged is opened without the settings.
    """

    def __init__(self, learner: Experts) -> None:
        self.learner = learner
        self.adapter: State | None = None
        self.head: Head | None = None
        self.discriminant: tuple[Tensor, Tensor] | None = None
        self.temperature = 1.0
        self.sizes: Tensor | None = None

    @property
    def over_classes(self) -> bool:
        """Whether its head has a row per class, not per task."""
        return bool(self.learner.options.selector != "tasks")

    def make_head(self) -> Head:
        """Return the head, grown to what has arrived."""
        stream, context = self.learner.stream, self.learner.context
        rows = stream.seen if self.over_classes else stream.tasks
        if self.head is None:
            made = Head(self.learner.backbone.width, rows, context.seed.of("init", "selector"))
            self.head = made.to(self.learner.backbone.device)
        if len(self.head.bias) < rows:  # growing makes new parameters: never while they are trained
            self.head.grow(rows)
        return self.head

    def take(self, adapter: State, tensors: dict[str, Tensor]) -> None:
        """Take up what :meth:`tensors` gave a state, and its adapter."""
        self.adapter = adapter
        self.make_head().take(tensors)
        if self.learner.options.selector == "lda":
            self.discriminant = tensors["lda.weight"].double(), tensors["lda.bias"].double()
        if self.learner.options.temperature or "temperature" in tensors:
            kept = float(tensors["temperature"])
            self.temperature = kept if self.learner.options.temperature else 1.0
        self.sizes = tensors.get("sizes")

    def tensors(self) -> dict[str, Tensor]:
        """Return what a state keeps of it beside the adapter."""
        found = self.make_head().tensors()
        if self.discriminant is not None:
            found |= {"lda.weight": self.discriminant[0], "lda.bias": self.discriminant[1]}
        if self.learner.options.temperature:
            found["temperature"] = torch.tensor(self.temperature, dtype=torch.float64)
        if self.sizes is not None:
            found["sizes"] = self.sizes
        return found

    def rows(self, start: int, end: int) -> dict[str, Tensor] | None:
        """Return the head's rows of some classes, as a head takes them; None if over tasks."""
        if not self.over_classes or self.head is None:
            return None
        return {name: value[start:end] for name, value in self.head.tensors().items()}

    # -- training ---------------------------------------------------------------------------

    def train(self, plan: Plan) -> None:
        """Learn a plan from where the adapter in the backbone stands: tasks, or classes."""
        learner, head = self.learner, self.make_head()
        self.temperature = 1.0
        self.sizes = self._sizes()
        truth = learner.stream.label if self.over_classes else learner.stream.task - 1
        in_training = self._in_training()

        def prepare(batch: np.ndarray) -> Prepared:
            return Prepared(batch, len(batch), {"targets": truth[batch].astype(np.int64)})

        def loss_of(hidden: Tensor, given: Given) -> Tensor:
            scores, targets = in_training(head(hidden)), given["targets"]
            return given.rows("targets").mean(
                lambda how: F.cross_entropy(scores, targets, reduction=how)
            )

        def accuracy(drawn: np.ndarray) -> float:
            unique, inverse = np.unique(drawn, return_inverse=True)
            tasks = learner.stream.task[unique]
            found = self._word(unique, fitted=False).tasks.argmax(1).numpy() + 1
            return mean_by_task((found == tasks)[inverse], learner.stream.task[drawn])

        clip = {"clip_norm": learner.options.selector_clip_norm}
        training = learner.context.training.model_copy(update=clip)
        parameters = [*learner.backbone.parameters(), *head.parameters()]
        untrained = learner.options.selector_untrained
        loss = Split(learner.backbone, learner.stream, learner.hidden, prepare, loss_of)
        learner.fit(plan, loss, accuracy, parameters, training, untrained)
        self.adapter = learner.backbone.state()
        self._fit(plan)

    def _in_training(self) -> Callable[[Tensor], Tensor]:
        """Return what makes of scores what the loss is taken of: + log of the plan's shares.

        Scores are of tasks or of classes. A task's share is that of its classes together.
        """
        prior = self.learner.prior
        if prior.plan is None or self.over_classes:
            return prior.in_training
        shares = log_sum_by_task(prior.plan[None], self.learner.stream.class_task)
        shares = shares.to(self.learner.backbone.device)
        return lambda scores: scores + shares

    def _sizes(self) -> Tensor | None:
        prior = self.learner.prior
        if prior.plan is None or prior.target is not None or self.over_classes:
            return None
        return torch.from_numpy(np.log(np.bincount(self.learner.stream.class_task - 1))).float()

    def _in_answers(self, scores: Tensor) -> Tensor:
        """Return scores + log of the shares that answers are for, the history's or all alike."""
        prior = self.learner.prior
        if self.sizes is not None:
            return scores + self.sizes
        if prior.target is None or self.over_classes:
            return prior.in_answers(scores)
        return scores + log_sum_by_task(prior.target[None], self.learner.stream.class_task)

    def _fit(self, plan: Plan) -> None:
        """Fit what is fitted on representations, once they stay: discriminant, temperature."""
        stream = self.learner.stream
        if self.learner.options.selector == "lda":
            samples = self._to_fit(plan)
            features = self._read(samples).double().numpy()
            self.discriminant = discriminant(features, stream.label[samples], stream.seen)
        if self.learner.options.temperature:
            samples = plan.validated()
            tasks = torch.from_numpy(stream.task[samples].astype(np.int64) - 1)
            summed = stream.class_task if self.over_classes else None
            known = None if self.discriminant is None else told(self.discriminant[1])
            self.temperature = temperature_of(self._scores(samples), tasks, summed, known)

    def _read(self, indices: np.ndarray) -> Tensor:
        """Return what its discriminant reads, (n, reads), on the CPU."""
        learner = self.learner
        return learner.backbone.features(learner.stream, indices, learner.options.layers)

    def _to_fit(self, plan: Plan) -> np.ndarray:
        """Return the samples that a discriminant is fitted on, sorted."""
        learner, stream = self.learner, self.learner.stream
        replay, arrived = learner.context.replay, learner.context.arrived
        whole = np.union1d(replay.old(arrived), stream.of("train", [stream.tasks]))
        if learner.options.selector_fit == "history":
            return whole
        samples = plan.trained()
        rng = np.random.default_rng(learner.context.seed.of("lda", stream.tasks))
        counts = np.bincount(stream.label[samples], minlength=stream.seen)
        more, least = [samples], learner.options.selector_least
        for label in np.flatnonzero(counts < least):
            rest = np.setdiff1d(whole[stream.label[whole] == label], samples)
            more.append(rng.permutation(rest)[: least - counts[label]])
        return np.unique(np.concatenate(more))

    # -- asking -----------------------------------------------------------------------------

    @torch.no_grad()
    def ask(self, indices: np.ndarray) -> Word:
        """Return what it says of samples, on the CPU; in task 1 there is nothing to tell apart.

        Raises:
            UserError: there is none yet.
        """
        if self.learner.stream.tasks == 1:
            return Word(torch.zeros(len(indices), 1))
        if self.adapter is None:
            raise UserError("experts: no selector: run `conpet select` first")
        self.learner.backbone.load_state(self.adapter)
        return self._word(indices)

    @torch.no_grad()
    def _word(self, indices: np.ndarray, fitted: bool = True) -> Word:
        """Return what it says with the adapter that is in the backbone.

        Args:
            fitted: whether the discriminant speaks, where there is one, and not the head.
        """
        scores = self._in_answers(self._scores(indices, fitted) / self.temperature)
        if not self.over_classes:
            return Word(scores)
        return Word(log_sum_by_task(scores, self.learner.stream.class_task).float(), scores.float())

    @torch.no_grad()
    def _scores(self, indices: np.ndarray, fitted: bool = True) -> Tensor:
        """Return the plain scores, of tasks or classes, on the CPU; a discriminant's in float64."""
        backbone, head = self.learner.backbone, self.make_head()
        if fitted and self.discriminant is not None:
            scores = F.linear(self._read(indices).double(), *self.discriminant)
            return scores - scores.amax(dim=1, keepdim=True)  # what is left may be rounded
        return head(backbone.features(self.learner.stream, indices).to(backbone.device)).cpu()
