"""The head that is fitted after a task: on which samples, and how it goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor

from conpet.errors import UserError
from conpet.heads import fitted_head
from conpet.heads.base import Fitted, Measured, Moving
from conpet.heads.drift import drift
from conpet.learners.beside import PREFIX as BESIDE
from conpet.learners.beside import Beside
from conpet.learners.context import Context
from conpet.learners.slow import Slow, fast_of
from conpet.replay.base import Plan
from conpet.training.spent import Spent

PREFIX = "fitted."
#: indices (n,) -> what the head reads of them (n, width)
Representations = Callable[[np.ndarray], np.ndarray]


class Refit:
    """A classifier's fitted head (``settings.head``), or none.

    Where the representation moves with every task, the head is fitted anew on the samples that
    ``head.samples`` says; a class without one among them keeps its earlier sums, as they were in
    the space of then. With ``head.samples: kept`` all earlier sums follow the space
    (:mod:`conpet.heads.drift`), and the newest task's samples are added. Where nothing old is among
    the samples at all, the new sums are added to the old. Where nothing is tuned (any more), they
    are added too, and that is exact: no sample has to pass the model a second time, whatever
    ``head.samples`` says; but for a number of each class where classes come again.

    Attributes:
        alone: whether the fitted head is all there is: nothing is ever trained.
        spent: what the fitting has cost in this job.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        settings = context.settings
        width = context.backbone.reads(settings.head.layers)
        seed = context.seed.of("init")
        self.head: Fitted | None = fitted_head(settings.head, width, seed)
        self.alone = self.head is not None and settings.tuning.type == "none"
        self.spent = Spent()
        #: the mean over tasks of the adapters, where the head reads through that
        self.slow: Slow | None = None
        if settings.head.adapter == "mean" and not context.backbone.frozen:
            self.slow = Slow(context.backbone, context.task)
        #: the head on the frozen backbone that answers beside it
        self.beside = Beside(context) if settings.head.beside == "frozen" else None
        #: whether the training goes on: what the head was fitted on is no longer what it reads
        self._stale = False
        #: samples whose shift is looked at, and their representations before the training
        self._shifted: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def trains(self) -> bool:
        """Whether there is anything to train in this job."""
        return self.head is None or not self.context.backbone.frozen

    def answers(self, classes: int) -> bool:
        """Say whether the fitted head answers: it knows all classes, once it is fitted.

        While a task is trained the trained head does, also where the task has no new class.
        """
        return self.head is not None and not self._stale and self.head.classes == classes

    def heads(self) -> list[Fitted]:
        """Return what answers: the fitted head, and the one beside it where there is one."""
        found = [] if self.head is None else [self.head]
        return found if self.beside is None else [*found, self.beside.head]

    def scores(self, read: Sequence[np.ndarray]) -> Tensor:
        """Return the mean of the heads' scores, float64, on the CPU.

        Args:
            read: what each of :meth:`heads` reads of the samples, (n, width).
        """
        found = [head.scores(x) for head, x in zip(self.heads(), read, strict=True)]
        return torch.from_numpy(found[0] if len(found) == 1 else np.mean(found, axis=0))

    def before(self, plan: Plan, representations: Representations) -> None:
        """Note where the samples lie whose shift is looked at; then the training may begin."""
        self._stale = True
        self._note(plan, representations)
        if self.slow is not None:
            self.slow.resume()

    def _note(self, plan: Plan, representations: Representations) -> None:
        c = self.context
        if self.head is None or c.settings.head.samples != "kept" or c.task == 1:
            return
        asked = np.union1d(plan.trained(), c.stream.of("train", [c.task]))
        with self.spent.counting(c.backbone.passed):
            self._shifted = asked, _finite(representations(asked))

    def fit(self, plan: Plan, representations: Representations) -> None:
        """Fit the head, where there is one, after the newest task."""
        self._stale = False
        if self.slow is not None:
            self.slow.settle()
        if self.head is not None:
            with self.spent.counting(self.context.backbone.passed):
                self._fit(self.head, plan, representations)
                if self.beside is not None:
                    self.beside.fit(self.context.stream, self.context.task)

    def _fit(self, head: Fitted, plan: Plan, representations: Representations) -> None:
        if self._shifted is not None and isinstance(head, Moving):
            self._follow(head, *self._shifted, representations)
            return
        stream, task = self.context.stream, self.context.task
        indices = self.samples(plan)
        # of a class that comes again, so many are not those of before and so many more
        counted = stream.shared and isinstance(self.context.settings.head.samples, int)
        if not (self.trains or counted):
            indices = indices[stream.task[indices] == task]
        joins = task == 1 or bool((stream.task[indices] == task).all())

        def measured(chosen: np.ndarray) -> Measured:
            x = _finite(representations(chosen))
            return Measured(x, stream.label[chosen].astype(np.int64))

        chosen = self._validation(plan, indices, joins) if head.validated else indices[:0]
        valid = measured(chosen) if len(chosen) else None
        head.fit(measured(indices), stream.seen, joins, valid)

    def _follow(
        self, head: Moving, asked: np.ndarray, before: np.ndarray, representations: Representations
    ) -> None:
        """Have what is kept follow the space, and add the newest task's samples."""
        stream = self.context.stream
        after = _finite(representations(asked))
        head.move(*drift(before, after, self.context.backbone.width))
        own = np.isin(asked, stream.of("train", [self.context.task]))
        found = Measured(after[own], stream.label[asked[own]].astype(np.int64))
        head.fit(found, stream.seen, joins=True)

    def samples(self, plan: Plan) -> np.ndarray:
        """Return the samples that the head is to be fitted on, sorted."""
        c, wanted = self.context, self.context.settings.head.samples
        if wanted == "plan":
            return plan.trained()
        if wanted == "kept":
            return c.stream.of("train", [c.task])
        history = c.stream.of("train", range(1, c.task + 1))
        if wanted == "history":
            return history
        drawn = [
            self._drawn(history[c.stream.label[history] == label], int(label))[:wanted]
            for label in np.unique(c.stream.label[history])
        ]
        return np.sort(np.concatenate(drawn))

    def _drawn(self, samples: np.ndarray, label: int) -> np.ndarray:
        """Return a class's samples in an order of their own: the same ones first at every task.

        Where the class comes again, each task's samples take their places among the others'.
        """
        task_of, places = self.context.stream.task[samples], np.empty(len(samples))
        for number, task in enumerate(np.unique(task_of)):
            purpose = ("head", label) if number == 0 else ("head", label, int(task))
            own = np.flatnonzero(task_of == task)
            order = np.random.default_rng(self.context.seed.of(*purpose)).permutation(own)
            places[order] = (np.arange(len(own)) + 0.5) / len(own)
        return samples[np.argsort(places, kind="stable")]

    def _validation(self, plan: Plan, fitted: np.ndarray, joins: bool) -> np.ndarray:
        """Return samples to choose by, of which the head knows none: a memory's are of training."""
        c = self.context
        if c.settings.head.samples == "history" and self.trains:
            return c.stream.of("valid", range(1, c.task + 1))
        wanted = plan.validated()
        # what joins earlier sums may have been among theirs
        known = c.stream.of("train", range(1, c.task + 1)) if joins else fitted
        return np.setdiff1d(wanted, known)

    def tensors(self) -> dict[str, Tensor]:
        """Return what a state keeps of the fitted head."""
        if self.head is None:
            return {}
        kept = {PREFIX + name: tensor for name, tensor in self.head.tensors().items()}
        kept |= {} if self.slow is None else self.slow.tensors()
        return kept if self.beside is None else kept | self.beside.tensors()

    def leave(self, tensors: dict[str, Tensor]) -> None:
        """Pass over what another method's head has left among what its state keeps.

        Where that head reads through a mean of adapters, the trained one is among it.
        """
        for name in [name for name in tensors if name.startswith((PREFIX, BESIDE))]:
            tensors.get(name)
        if fast := fast_of(tensors):
            self.context.backbone.load_state(fast)

    @contextmanager
    def trained(self) -> Iterator[None]:
        """Have the adapter that was trained in the backbone's slot, whichever the head reads."""
        with nullcontext() if self.slow is None else self.slow.fast():
            yield

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Take up what :meth:`tensors` gave, out of all that a state keeps."""
        if self.head is not None:
            names = [name for name in tensors if name.startswith(PREFIX)]
            own = {name.removeprefix(PREFIX): tensors[name] for name in names}
            self.head.take(own)
        if self.slow is not None:
            self.slow.take(tensors)
        if self.beside is not None:
            self.beside.take(tensors)


def _finite(representations: np.ndarray) -> np.ndarray:
    """Return representations in float64, or say that they are no numbers any more."""
    if not np.isfinite(representations).all():
        raise UserError("representations are not finite: lower training.lr")
    return representations.astype(np.float64)
