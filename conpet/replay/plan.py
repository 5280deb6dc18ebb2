"""A batch plan is data: which samples, in which batch, in what order, before training starts.

Plans are pure functions of a seed (docs/methods.md, Replay), so they are tested without a model and
hashed into a run's provenance.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from conpet.config.settings import Memory as MemorySettings
from conpet.config.settings import Replay, Training
from conpet.data.stream import Stream
from conpet.errors import UserError
from conpet.replay.memory import Memory

Batches = list[np.ndarray]


@dataclass(frozen=True)
class Plan:
    """The batches of one task.

    Attributes:
        epochs: for each epoch its batches, each an array of sample indices.
        valid: for each validation pass (before training, then after each epoch) the indices
            drawn, with repetitions where a sample is drawn more than once.
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


def cut(indices: np.ndarray, size: int) -> Batches:
    """Cut into batches of ``size``; the last may be smaller."""
    return [indices[i : i + size] for i in range(0, len(indices), size)]


def _shuffled(
    indices: np.ndarray, epochs: int, size: int, rng: np.random.Generator
) -> list[Batches]:
    return [cut(rng.permutation(indices), size) for _ in range(epochs)]


def _without_replacement(pool: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``count`` from a pool, no sample again before all have been drawn."""
    rounds = [rng.permutation(pool) for _ in range(math.ceil(count / len(pool)))]
    return np.concatenate(rounds)[:count]


def draw_history(pools: Sequence[np.ndarray], count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``count`` times: an old task uniformly, then uniformly one of all its samples."""
    filled = [pool for pool in pools if len(pool)]
    tasks = rng.integers(len(filled), size=count)
    sizes = np.array([len(pool) for pool in filled])
    places = (rng.random(count) * sizes[tasks]).astype(np.int64)
    return np.array([filled[t][p] for t, p in zip(tasks, places, strict=True)], np.int64)


def class_balanced_draw(
    pools: Sequence[np.ndarray],
    labels: np.ndarray,
    count: int,
    minimum: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw ``count`` from the tasks' pools with at least ``minimum`` samples of every class.

    Returns a shuffled array; where a class has fewer samples all of them are in it.
    """
    everything = np.concatenate(pools)
    ensured = []
    for label in np.unique(labels[everything]):
        members = everything[labels[everything] == label]
        ensured.append(rng.permutation(members)[:minimum])
    first = np.concatenate(ensured)
    rest = draw_history(pools, max(0, count - len(first)), rng)
    return rng.permutation(np.concatenate([first, rest]))


def _mixed(
    new: np.ndarray,
    old: Sequence[np.ndarray],
    batches: int,
    size: int,
    share: float,
    rng: np.random.Generator,
) -> Batches:
    """Return ``batches`` batches, the share ``share`` of each from new data, the rest from old."""
    fresh = size if share == 1 else min(max(1, round(size * share)), size - 1)
    drawn_new = _without_replacement(new, batches * fresh, rng).reshape(batches, fresh)
    drawn_old = draw_history(old, batches * (size - fresh), rng).reshape(batches, size - fresh)
    return list(np.concatenate([drawn_new, drawn_old], axis=1))


def frequency(budget: int, new: int, memory: int, base: int) -> int:
    """Return how often the memory is repeated: to fill the budget, else ``base`` times."""
    room = budget - new
    return math.ceil(room / memory) if room > 0 else base


def make_plan(
    stream: Stream,
    task: int,
    strategy: str,
    training: Training,
    replay: Replay,
    memory_settings: MemorySettings,
    memories: Sequence[Memory],
    seed: int,
    *,
    redraw: bool = True,
) -> Plan:
    """Return the plan of one task.

    Args:
        strategy: none, memory, dynamic or full.
        memories: what was kept of tasks 1..task-1 (for ``memory``).
        redraw: whether ``dynamic`` batches and validation draws differ from epoch to epoch
            (Static ConPET) or are drawn once (Dynamic ConPET).

    Raises:
        UserError: the task has no training sample, or a memory is missing.
    """
    rng = np.random.default_rng(seed)
    epochs, size = training.epochs, training.batch_size
    new, new_valid = stream.of("train", [task]), stream.of("valid", [task])
    if not len(new):
        raise UserError(f"task {task}: no training sample: check prepare.json and the encoding")
    if not len(new_valid):
        raise UserError(f"task {task}: no validation sample: the best epoch is chosen by them")
    before = list(range(1, task))
    if strategy == "memory" and len(memories) != task - 1:
        raise UserError(f"task {task}: needs {task - 1} memories, got {len(memories)}")
    if strategy == "none" or task == 1:
        batches = _shuffled(new, epochs, size, rng)
        return Plan(batches, [new_valid] * (epochs + 1))
    if strategy == "full":
        everything = stream.of("train", [*before, task])
        valid = stream.of("valid", [*before, task])
        return Plan(_shuffled(everything, epochs, size, rng), [valid] * (epochs + 1))
    if strategy == "memory":
        kept = np.concatenate([m.train for m in memories])
        kept_valid = np.concatenate([m.valid for m in memories])
        budget = int(replay.batches * replay.train_share) * size
        times = frequency(budget, len(new), len(kept), memory_settings.base_frequency)
        everything = np.concatenate([new, np.tile(kept, times)])
        valid = np.concatenate([new_valid, kept_valid])
        return Plan(_shuffled(everything, epochs, size, rng), [valid] * (epochs + 1))
    old = [stream.of("train", [t]) for t in before]
    old_valid = [stream.of("valid", [t]) for t in before]
    if size < 2:
        raise UserError("training.batch_size: dynamic replay needs 2 or more, half new, half old")
    n_train = max(1, int(replay.batches * replay.train_share))
    n_valid = max(1, replay.batches - n_train)
    trains, valids = [], []
    for _ in range(epochs if redraw else 1):
        trains.append(_mixed(new, old, n_train, size, replay.new_share, rng))
    for _ in range(epochs + 1 if redraw else 1):
        drawn = _mixed(new_valid, old_valid, n_valid, replay.valid_batch_size, 0.5, rng)
        valids.append(np.concatenate(drawn))
    if not redraw:
        trains, valids = trains * epochs, valids * (epochs + 1)
    return Plan(trains, valids)
