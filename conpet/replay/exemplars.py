"""Exemplars: for every class the samples nearest to the centroids of its own data.

A memory is cumulative: that of task t holds what is kept of tasks 1..t, and travels with the state.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conpet.errors import UserError
from conpet.files import read_json, write_json


@dataclass(frozen=True)
class Memory:
    """What is kept of all tasks so far: stream indices for later training and validation.

    ``scores``: for each of ``train`` the class scores (logits) that it had when it was stored,
    over the classes that there were then; empty where a replay keeps none.
    """

    train: np.ndarray
    valid: np.ndarray
    scores: tuple[np.ndarray, ...] = ()

    @classmethod
    def empty(cls) -> Memory:
        """Return a memory of nothing: that before the first task."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64))

    def joined(self, newer: Memory) -> Memory:
        """Return this memory and, behind it, a newer one."""
        return Memory(
            np.concatenate([self.train, newer.train]),
            np.concatenate([self.valid, newer.valid]),
            self.scores + newer.scores,
        )

    def of(self, task: int, tasks: np.ndarray) -> Memory:
        """Return what is kept of one task; ``tasks`` holds the task of every sample, (samples,)."""
        here = tasks[self.train] == task
        scores = tuple(s for s, kept in zip(self.scores, here, strict=False) if kept)
        return Memory(self.train[here], self.valid[tasks[self.valid] == task], scores)


def nearest_to_centroids(outputs: np.ndarray, count: int, seed: int) -> list[int]:
    """Return the rows nearest to the ``count`` K-means centroids of ``outputs`` (n, d).

    A row that is nearest to two centroids serves the first; the second takes its next nearest.
    Of rows that are equally near (as both of a cluster of two are) the first is taken.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    if len(outputs) <= count:
        return list(range(len(outputs)))
    with warnings.catch_warnings():
        # fewer distinct rows than centroids: rows that are equal are kept as any others
        warnings.simplefilter("ignore", ConvergenceWarning)
        means = KMeans(count, n_init=10, random_state=seed % 2**32).fit(outputs.astype(np.float64))
    distance = means.transform(outputs.astype(np.float64))
    # rounded, or the last bit would decide between the two rows of a small cluster
    distance = np.round(distance / (distance.max() or 1.0), 6)
    taken: list[int] = []
    for centroid in range(count):
        order = np.argsort(distance[:, centroid], kind="stable")
        taken.append(next(int(row) for row in order if int(row) not in taken))
    return taken


def choose_memory(
    outputs: np.ndarray,
    labels: np.ndarray,
    indices: np.ndarray,
    per_class: int,
    share: float,
    seed: int,
) -> Memory:
    """Keep ``per_class`` samples a class; the share ``share`` of them serves training.

    Args:
        outputs: what the model says of each sample, shape (n, d).
        labels: class numbers, shape (n,).
        indices: stream indices of the samples, shape (n,).

    Raises:
        UserError: the outputs are not finite.
    """
    if not np.isfinite(outputs).all():
        raise UserError("the model's outputs are not finite: training diverged: lower training.lr")
    rng = np.random.default_rng(seed)
    train: list[int] = []
    valid: list[int] = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        kept = indices[rows[nearest_to_centroids(outputs[rows], per_class, seed)]]
        kept = rng.permutation(kept)
        n = max(1, rounded(share * len(kept)))
        train += [int(i) for i in kept[:n]]
        valid += [int(i) for i in kept[n:]]
    return Memory(np.array(train, np.int64), np.array(valid, np.int64))


def rounded(share: float) -> int:
    """Return the nearest whole number, a half up: to even ones odd sizes would jump."""
    return int(share + 0.5)


def write_memory(path: Path, memory: Memory) -> None:
    """Write a memory as JSON; scores, where it has any, with five decimals."""
    value: dict[str, Any] = {"train": memory.train.tolist(), "valid": memory.valid.tolist()}
    if memory.scores:
        value["scores"] = [[round(float(x), 5) for x in row] for row in memory.scores]
    write_json(path, value)


def read_memory(path: Path, samples: int) -> Memory:
    """Read what :func:`write_memory` wrote.

    Args:
        samples: how many samples the stream holds.

    Raises:
        UserError: no such file, not a memory, or one that does not fit the stream.
    """
    value = read_json(path)
    again = "learn the task again"
    try:
        lists = [value["train"], value["valid"]]
        if not all(type(i) is int for i in (*lists[0], *lists[1])):
            raise TypeError
        scores = tuple(np.array(row, np.float32) for row in value.get("scores", ()))
        if not all(len(row) and np.isfinite(row).all() for row in scores):
            raise ValueError
        train, valid = (np.array(numbers, np.int64) for numbers in lists)
        memory = Memory(train, valid, scores)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise UserError(f"{path}: not a memory file: {again}") from None
    kept = np.concatenate([memory.train, memory.valid])
    if not len(memory.train):
        raise UserError(f"{path}: a memory without a sample: {again}")
    if scores and len(scores) != len(memory.train):
        raise UserError(
            f"{path}: scores of {len(scores)} samples, not of the {len(memory.train)} kept: {again}"
        )
    if kept.min() < 0 or kept.max() >= samples:
        raise UserError(f"{path}: keeps samples that the encoded files do not hold: {again}")
    return memory
