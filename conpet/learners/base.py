"""What every learner is, and the steps that several share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conpet.config.settings import Settings, Training
from conpet.config.strict import Strict
from conpet.data.stream import Stream
from conpet.errors import UserError, reason
from conpet.learners.head import Head
from conpet.models.backbone import Backbone
from conpet.models.saving import read_tensors
from conpet.progress import Progress
from conpet.replay.base import Arrived, Plan, Replay
from conpet.replay.exemplars import Memory
from conpet.training import History, fit

LEARNER_FILE = "learner.safetensors"


@dataclass
class Context:
    """All that a learner works with in one job: the tasks 1..t that have arrived, and how to learn.

    ``seed`` is the run's own; every use derives its own from it. Seeds do not depend on the
    method, so that methods that plan alike are compared on the same draws.
    """

    backbone: Backbone
    stream: Stream
    settings: Settings
    replay: Replay
    options: Any
    seed: Seeds
    memory: Memory = field(default_factory=Memory.empty)
    progress: Progress = field(default_factory=lambda: Progress("conpet"))

    @property
    def task(self) -> int:
        """The task that is learnt: the newest that has arrived."""
        return self.stream.tasks

    @property
    def training(self) -> Training:
        """The optimiser's settings, with the learning rate of this task."""
        training = self.settings.training
        return training.model_copy(update={"lr": training.rate(self.task)})

    @property
    def arrived(self) -> Arrived:
        """What a batch plan is made of."""
        return Arrived(self.stream, self.training, self.memory)


@dataclass(frozen=True)
class Seeds:
    """Seeds for each purpose and task of a run, by a stable hash."""

    seed: int
    dataset: str

    def of(self, *purpose: str | int) -> int:
        """Return the seed for a purpose."""
        from conpet.seeds import derive

        return derive(self.seed, self.dataset, *purpose)


@dataclass(frozen=True)
class Prediction:
    """What a learner says of n samples.

    ``scores``: log-probabilities over seen classes (n, seen). Where there is a selector,
    ``selected`` are the tasks it ranks first (n, k), and ``task_scores`` its log-probabilities of
    all tasks (n, t).
    """

    scores: Tensor
    selected: np.ndarray | None = None
    task_scores: Tensor | None = None

    def labels(self) -> np.ndarray:
        """Return the class number of each sample's highest score."""
        return self.scores.argmax(1).numpy()


@contextmanager
def kept_tensors(folder: Path) -> Iterator[dict[str, Tensor]]:
    """Yield what :meth:`Learner.tensors` gave a state, for the block to take up.

    Raises:
        UserError: the file is not whole, or holds other tensors than the block needs.
    """
    path = folder / LEARNER_FILE
    tensors = read_tensors(path)
    again = "another learner's, or of another model: learn the task again"
    try:
        yield tensors
    except KeyError as error:
        raise UserError(f"{path}: no {error}: {again}") from None
    except (IndexError, RuntimeError, TypeError) as error:  # torch's, where shapes do not fit
        raise UserError(f"{path}: does not fit ({reason(error)}): {again}") from None


class Learner(ABC):
    """One way to learn a stream. A learner lives for one job: load, then train or predict."""

    Options: ClassVar[type[Strict]] = Strict
    #: whether it learns only where samples of former tasks come back
    needs_old: ClassVar[bool] = False
    #: whether exemplars can be chosen on :meth:`memory_features`
    has_memory_features: ClassVar[bool] = True
    #: whether an own module and selector a task are kept: all states answer, not the last alone
    experts: ClassVar[bool] = False
    #: whether dynamic plans differ from epoch to epoch
    redraw: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        self.context = context
        #: its own ``Options``, as the method's ``options`` give them
        self.options: Any = context.options
        self.backbone = context.backbone
        self.stream = context.stream
        self.history = History()
        #: the memory after this task, once :meth:`keep` has made it
        self.kept: Memory | None = None

    @abstractmethod
    def load(self, states: Sequence[Path], selector: Path | None) -> None:
        """Take up earlier states, oldest first."""

    @abstractmethod
    def train(self) -> Plan:
        """Learn the newest task; return the plan that was followed."""

    @abstractmethod
    def predict(self, indices: np.ndarray) -> Prediction:
        """Score samples over all seen classes."""

    def predict_in_task(self, indices: np.ndarray, found: Prediction) -> np.ndarray:
        """Return class numbers (n,) where each sample's task is given; ``found`` is the answer."""
        return self.stream.best_in_task(found.scores.numpy(), indices)

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Return what the state keeps beside the adapter."""

    @abstractmethod
    def parameters(self) -> list[nn.Parameter]:
        """Return everything that this job trains: what a state counts as tunable."""

    def memory_features(self, indices: np.ndarray) -> np.ndarray:
        """Return what exemplars are chosen on, shape (n, d); of a classifier its head's scores."""
        raise UserError(f"{type(self).__name__.lower()}: keeps no memory: use another replay")

    def representations(self, indices: np.ndarray) -> np.ndarray:
        """Return what the learner's decision is made on, shape (n, width)."""
        return self.backbone.features(self.stream, indices).numpy()

    def save(self, folder: Path) -> None:
        """Write adapter and tensors into a state's folder."""
        from safetensors.torch import save_file

        self.backbone.save(folder)
        tensors = {name: t.detach().cpu().contiguous() for name, t in self.tensors().items()}
        save_file(tensors, folder / LEARNER_FILE)

    def keep(self) -> Memory:
        """Return the memory after this task: it is made once, in training or after it."""
        if self.kept is None:
            c = self.context
            self.kept = c.replay.keep(c.arrived, self.memory_features, c.seed.of("memory", c.task))
        return self.kept

    def kept_now(self) -> np.ndarray:
        """Return the newest task's exemplars that serve training."""
        return self.keep().of(self.context.task, self.stream.task).train

    def plan(self) -> Plan:
        """Return the newest task's batch plan."""
        c = self.context
        return c.replay.plan(c.arrived, c.seed.of("plan", c.task), self.redraw)

    def fit(
        self,
        plan: Plan,
        loss: Any,
        accuracy: Any,
        parameters: Sequence[nn.Parameter],
        training: Training | None = None,
        untrained: bool = True,
    ) -> None:
        """Run the training loop, with this job's settings where no others are given."""
        fit(
            plan, loss, accuracy, parameters, training or self.context.training,
            self.context.progress, self.history, untrained,
        )  # fmt: skip

    def hidden(self, batch: np.ndarray) -> Tensor:
        """Return a training batch's representations, shape (n, width)."""
        return self.backbone.hidden(self.stream, batch)

    def targets(self, batch: np.ndarray) -> Tensor:
        """Return class numbers as a tensor on the model's device."""
        return torch.from_numpy(self.stream.label[batch].astype(np.int64)).to(self.backbone.device)

    def accuracy(self, drawn: np.ndarray) -> float:
        """Return the mean over tasks of the accuracy on drawn samples; each is scored once."""
        unique, inverse = np.unique(drawn, return_inverse=True)
        right = self.predict(unique).labels() == self.stream.label[unique]
        return mean_by_task(right[inverse], self.stream.task[drawn])


def mean_by_task(right: np.ndarray, tasks: np.ndarray) -> float:
    """Return the mean over the tasks present of the share that is right."""
    return float(np.mean([right[tasks == t].mean() for t in np.unique(tasks)]))


class Classifier(Learner):
    """One adapter and one linear head over the seen classes, tuned on and on.

    The common ground of all learners that are not experts: cross-entropy on the plan's batches,
    with hooks before and after for what a method adds.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        fixed = context.settings.head == "fixed"
        rows = context.stream.seen + (context.stream.coming if fixed else 0)
        self.head = Head(self.backbone.width, rows, context.seed.of("init"))
        self.head.to(self.backbone.device)

    def load(self, states: Sequence[Path], selector: Path | None) -> None:
        """Take up the newest of the earlier states."""
        if states:
            self.backbone.load(states[-1])
            with kept_tensors(states[-1]) as tensors:
                self.take(tensors)

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Take up an earlier state's tensors."""
        self.head.take(tensors)

    def tensors(self) -> dict[str, Tensor]:
        """Return the head."""
        return self.head.tensors()

    def parameters(self) -> list[nn.Parameter]:
        """Return everything that is trained."""
        return [*self.backbone.parameters(), *self.head.parameters()]

    def represent(self, hidden: Tensor) -> Tensor:
        """Return what the head reads, (n, d) -> (n, d)."""
        return hidden

    def loss(self, batch: np.ndarray) -> Tensor:
        """Return the cross-entropy of a batch."""
        scores = self.head(self.represent(self.hidden(batch)))
        return F.cross_entropy(scores, self.targets(batch))

    def before_task(self, plan: Plan) -> None:
        """Do what a method does with the old state before training."""

    def after_task(self, plan: Plan) -> None:
        """Do what a method does with the new state after training."""

    def train(self) -> Plan:
        """Follow the plan, with the method's hooks around it."""
        plan = self.plan()
        self.before_task(plan)
        self.fit(plan, self.loss, self.accuracy, self.parameters())
        self.after_task(plan)
        return plan

    @torch.no_grad()
    def predict(self, indices: np.ndarray) -> Prediction:
        """Score over seen classes; rows of classes still to come are left out."""
        hidden = self.backbone.features(self.stream, indices).to(self.backbone.device)
        scores = self.head(self.represent(hidden))[:, : self.stream.seen]
        return Prediction(F.log_softmax(scores, dim=1).cpu())

    @torch.no_grad()
    def representations(self, indices: np.ndarray) -> np.ndarray:
        """Return what the head reads, shape (n, width)."""
        hidden = self.backbone.features(self.stream, indices).to(self.backbone.device)
        return self.represent(hidden).cpu().numpy()

    @torch.no_grad()
    def memory_features(self, indices: np.ndarray) -> np.ndarray:
        """Return the head's outputs, shape (n, rows)."""
        hidden = self.backbone.features(self.stream, indices).to(self.backbone.device)
        return self.head(self.represent(hidden)).cpu().numpy()
