"""Streams to measure on: random tokens, lengths like those of real texts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from conpet.data.stream import Stream
from conpet.files import read_json

#: mean, standard deviation, least and most tokens: FewRel and CLINC150 as minilm encodes them,
#: and a few words
LENGTHS = {"long": (50.0, 13.0, 20, 110), "short": (20.0, 4.0, 12, 40), "few": (10.0, 1.0, 8, 12)}
COUNTS = (40, 4, 20)  # training, validation and test texts of a class
TASKS, CLASSES = 10, 4  # classes of each task


def make_stream(
    kind: str,
    snapshot: Path,
    tasks: int = TASKS,
    classes: int = CLASSES,
    counts: tuple[int, int, int] = COUNTS,
) -> Stream:
    """Return tasks of random token ids; the speed of a model depends on lengths alone."""
    config = read_json(snapshot / "config.json")
    most_positions = int(config.get("max_position_embeddings", 512)) - 2
    mean, deviation, least, most = LENGTHS[kind]
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(tasks * classes, dtype=np.int32), sum(counts))
    split = np.tile(np.repeat(np.arange(3, dtype=np.int8), counts), tasks * classes)
    lengths = rng.normal(mean, deviation, len(label)).round().astype(np.int64)
    lengths = lengths.clip(least, most).clip(max=most_positions)
    words = config["vocab_size"]
    ids = rng.integers(min(1000, words // 2), words, lengths.sum())
    zeros = np.zeros(len(label), np.int32)
    return Stream(
        ids=ids.astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        pool=(lengths - 2).astype(np.int32),
        label=label,
        task=label // classes + 1,
        split=split,
        row=zeros,
        part=zeros,
        classes=[[f"class{t * classes + c}" for c in range(classes)] for t in range(tasks)],
        later=[],
        pad=int(config.get("pad_token_id") or 0),
    )


def until(stream: Stream, task: int) -> Stream:
    """Return what has arrived of a stream of :func:`make_stream` when ``task`` has."""
    n = int((stream.task <= task).sum())
    rest = {key: getattr(stream, key)[:n] for key in ("pool", "label", "task", "split", "row")}
    return dataclasses.replace(
        stream, ids=stream.ids[: stream.offsets[n]], offsets=stream.offsets[: n + 1],
        part=stream.part[:n], classes=stream.classes[:task], later=stream.classes[task:], **rest,
    )  # fmt: skip
