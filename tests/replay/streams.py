"""Streams without texts, only what a plan looks at, and their plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from conpet.config.settings import Budget, Exemplars, Settings, Training
from conpet.data.stream import Stream
from conpet.replay import replay_class
from conpet.replay.base import Arrived, Plan
from conpet.replay.exemplars import Memory


def make_stream(
    train: Sequence[int], valid: Sequence[int] | int = 6, test: int = 2, classes: int = 2
) -> Stream:
    """Return a stream with ``train[t]`` training samples in each task, classes taking turns."""
    valids = [valid] * len(train) if isinstance(valid, int) else valid
    task, split, label = [], [], []
    for t, (a, b) in enumerate(zip(train, valids, strict=True)):
        for number, count in enumerate((a, b, test)):
            task += [t + 1] * count
            split += [number] * count
            label += [t * classes + i % classes for i in range(count)]
    n = len(task)
    return Stream(
        ids=np.zeros(n, np.int32),
        offsets=np.arange(n + 1, dtype=np.int64),
        pool=np.zeros(n, np.int32),
        label=np.array(label, np.int32),
        task=np.array(task, np.int32),
        split=np.array(split, np.int8),
        row=np.arange(n, dtype=np.int32),
        part=np.zeros(n, np.int32),
        classes=[[f"c{t * classes + c}" for c in range(classes)] for t in range(len(train))],
        later=[],
        pad=0,
    )


def memory(stream: Stream, per_task: int = 5) -> Memory:
    """Return the first samples of each earlier task, 4 of 5 for training."""
    found = Memory.empty()
    n = per_task * 4 // 5
    for t in range(1, stream.tasks):
        kept = stream.of("train", [t])[:per_task]
        found = found.joined(Memory(kept[:n], kept[n:]))
    return found


def plan(stream: Stream, replay: str, seed: int = 1, **keys: Any) -> Plan:
    """Return a plan; ``keys`` are epochs, size, redraw, base, kept, options, or of the budget."""
    training = Training(epochs=keys.pop("epochs", 3), batch_size=keys.pop("size", 8))
    redraw = keys.pop("redraw", True)
    base = keys.pop("base", 5)
    kept = keys.pop("kept", None)
    options = keys.pop("options", {})
    settings = Settings(
        training=training, replay=Budget(**({"batches": 20} | keys)),
        memory=Exemplars(base_frequency=base),
    )  # fmt: skip
    kind = replay_class(replay)
    arrived = Arrived(stream, training, memory(stream) if kept is None else kept)
    return kind(kind.Options(**options), settings).plan(arrived, seed, redraw)


def flat(batches: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(batches)
