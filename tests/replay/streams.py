"""Streams without texts: only what a plan looks at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conpet.data.stream import Stream


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
