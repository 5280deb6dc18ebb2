"""What every replay is: a batch plan made before training starts, and what it keeps for later.

A plan is data: which samples, in which batch, in what order. Plans are pure functions of a seed
(docs/methods.md, Replay), so they are tested without a model and hashed into a run's provenance.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from conpet.config.settings import Settings, Training
from conpet.config.strict import Strict
from conpet.data.stream import Stream
from conpet.errors import UserError
from conpet.replay.exemplars import Memory

Batches = list[np.ndarray]


@dataclass(frozen=True)
class Plan:
    """The batches of one task.

    Attributes:
        epochs: for each epoch its batches, each an array of sample indices.
        valid: for each validation pass (before training, then after each epoch) the indices
            drawn, with repetitions where a sample is drawn more than once; none in a stream
            without validation samples.
    """

    epochs: list[Batches]
    valid: list[np.ndarray]

    def sha256(self) -> str:
        """Return a hash of every index and the borders of batches and epochs."""
        digest = hashlib.sha256()
        for batches in [*self.epochs, self.valid]:
            digest.update(len(batches).to_bytes(8, "big"))
            for batch in batches:
                digest.update(len(batch).to_bytes(8, "big"))
                digest.update(np.ascontiguousarray(batch, np.int64).tobytes())
        return digest.hexdigest()

    def trained(self) -> np.ndarray:
        """Return every sample that some training batch holds, sorted."""
        return np.unique(np.concatenate([b for batches in self.epochs for b in batches]))

    def validated(self) -> np.ndarray:
        """Return every sample that some validation pass holds, sorted."""
        return np.unique(np.concatenate(self.valid))


def part_of(count: int, share: float) -> int:
    """Return a share of a whole number, cut off; 0.7 of 90 are 63, though 0.7 is a little less."""
    return int(count * share + 1e-9)


def cut(indices: np.ndarray, size: int) -> Batches:
    """Cut into batches of ``size``; the last may be smaller."""
    return [indices[i : i + size] for i in range(0, len(indices), size)]


def shuffled(
    indices: np.ndarray, epochs: int, size: int, rng: np.random.Generator
) -> list[Batches]:
    """Return ``epochs`` passes over the samples, in batches of ``size``, each in its own order."""
    return [cut(rng.permutation(indices), size) for _ in range(epochs)]


def without_replacement(pool: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``count`` from a pool, no sample again before all have been drawn."""
    rounds = [rng.permutation(pool) for _ in range(max(1, math.ceil(count / len(pool))))]
    return np.concatenate(rounds)[:count]


def draw_history(pools: Sequence[np.ndarray], count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``count`` times: a pool (a task, say) uniformly, then uniformly one of its samples."""
    filled = [pool for pool in pools if len(pool)]
    tasks = rng.integers(len(filled), size=count)
    sizes = np.array([len(pool) for pool in filled])
    places = (rng.random(count) * sizes[tasks]).astype(np.int64)
    return np.array([filled[t][p] for t, p in zip(tasks, places, strict=True)], np.int64)


@dataclass(frozen=True)
class Arrived:
    """What has arrived when a task is learnt: all that a plan is made of.

    Attributes:
        stream: the samples of tasks 1..t.
        training: epochs and batch size.
        memory: what is kept of tasks 1..t-1.
    """

    stream: Stream
    training: Training
    memory: Memory

    @property
    def task(self) -> int:
        """The newest task, t."""
        return self.stream.tasks

    def check(self) -> None:
        """Raise a UserError if the newest task has no training or no validation sample."""
        task = self.task
        if not len(self.stream.of("train", [task])):
            raise UserError(f"task {task}: no training sample: check prepare.json and the encoding")
        if self.stream.validation and not len(self.stream.of("valid", [task])):
            raise UserError(f"task {task}: no validation sample: the best epoch is chosen by them")

    def pools(self, split: str, tasks: range) -> list[np.ndarray]:
        """Return the samples of a split, task by task."""
        return [self.stream.of(split, [t]) for t in tasks]


@dataclass(frozen=True)
class Rehearsal:
    """A second stage of training over old and new samples (CRL's step 2).

    Attributes:
        old: samples of former tasks that take part, sorted.
        epochs: the new task's samples -> the batches of each epoch.
    """

    old: np.ndarray
    epochs: Callable[[np.ndarray], list[Batches]]


class Replay:
    """One way to bring history back.

    Args:
        options: its own ``Options``, as the method's ``replay_options`` give them.
        settings: the run's; the budget (``settings.replay``) and what is kept
            (``settings.memory``) are shared, so that methods are compared at equal cost.
    """

    Options: ClassVar[type[Strict]] = Strict
    #: whether samples of former tasks come back
    brings_old: ClassVar[bool] = True
    #: whether a batch is of new and old samples by ``settings.replay.new_share``
    shares_batches: ClassVar[bool] = False
    #: whether every task is trained on all that has ever arrived (an upper bound, and no budget)
    whole_history: ClassVar[bool] = False
    #: whether a memory of exemplars is kept and travels with the states
    keeps: ClassVar[bool] = False
    #: whether its exemplars are chosen on what the learner makes of samples
    by_features: ClassVar[bool] = False
    #: whether exemplars keep the scores that they had (only for learners that use them)
    keeps_scores: ClassVar[bool] = False

    def __init__(self, options: Any, settings: Settings) -> None:
        self.options = options
        self.budget = settings.replay
        self.exemplars = settings.memory

    @classmethod
    def check(cls, settings: Settings) -> None:
        """Raise a UserError where it could not plan so: asked before anything is run."""

    def plan(self, arrived: Arrived, seed: int, redraw: bool = True) -> Plan:
        """Return the plan of the newest task.

        Args:
            redraw: whether draws differ from epoch to epoch (Static ConPET) or are made once for
                all of them (Dynamic ConPET).

        Raises:
            UserError: the task has no training or validation sample, or a memory is missing.
        """
        if arrived.task == 1:
            return self.new_plan(arrived, seed)
        arrived.check()
        return self.mixed(arrived, np.random.default_rng(seed), redraw)

    def new_plan(self, arrived: Arrived, seed: int) -> Plan:
        """Return the newest task's plan as if nothing had come before it.

        Raises:
            UserError: the task has no training or validation sample.
        """
        arrived.check()
        return self.alone(arrived, np.random.default_rng(seed))

    def alone(self, arrived: Arrived, rng: np.random.Generator) -> Plan:
        """Return the plan of a task that nothing old joins."""
        training, stream, task = arrived.training, arrived.stream, arrived.task
        new, valid = stream.of("train", [task]), stream.of("valid", [task])
        batches = shuffled(new, training.epochs, training.batch_size, rng)
        return Plan(batches, [valid] * (training.epochs + 1))

    def mixed(self, arrived: Arrived, rng: np.random.Generator, redraw: bool) -> Plan:
        """Return the plan of a task that has others before it."""
        return self.alone(arrived, rng)

    def rehearsal(self, arrived: Arrived, minimum: int, rng: np.random.Generator) -> Rehearsal:
        """Return a second stage over old and new samples: here, epochs over all of them.

        Args:
            minimum: samples of every class that it holds at least, where it draws.
        """
        # what is kept for validation too: such a stage chooses no epoch
        old, training = np.union1d(self.old(arrived), arrived.memory.valid), arrived.training

        def epochs(new: np.ndarray) -> list[Batches]:
            everything = np.concatenate([old, new])
            return shuffled(everything, training.epochs, training.batch_size, rng)

        return Rehearsal(old, epochs if len(old) else lambda _: [])

    def old(self, arrived: Arrived) -> np.ndarray:
        """Return the training samples of former tasks that may come back, sorted."""
        if not self.brings_old:
            return np.empty(0, np.int64)
        return arrived.stream.of("train", range(1, arrived.task))

    def keep(
        self, arrived: Arrived, features: Callable[[np.ndarray], np.ndarray], seed: int
    ) -> Memory:
        """Return what is kept after the task, of all tasks so far.

        Args:
            features: sample indices (n,) -> what the learner makes of them (n, d).
        """
        return arrived.memory
