"""Streams to measure on: random tokens, lengths like those of real texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from conpet.data.stream import Stream
from conpet.errors import UserError
from conpet.files import read_json

#: mean, standard deviation, least and most tokens: FewRel and CLINC150 as minilm encodes them
LENGTHS = {"long": (50.0, 13.0, 20, 110), "short": (20.0, 4.0, 12, 40)}
COUNTS = (40, 4, 20)  # training, validation and test texts of a class
TASKS, CLASSES = 10, 4  # classes of each task


def make_stream(
    kind: str, snapshot: Path, seed: int = 0, counts: tuple[int, int, int] = COUNTS
) -> Stream:
    """Return ten tasks of random token ids; the speed of a model depends on lengths alone.

    Raises:
        UserError: no such kind of text.
    """
    if kind not in LENGTHS:
        raise UserError(f"--texts {kind}: use some of {', '.join(LENGTHS)}")
    config = read_json(snapshot / "config.json")
    most_positions = int(config.get("max_position_embeddings", 512)) - 2
    mean, deviation, least, most = LENGTHS[kind]
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(TASKS * CLASSES), sum(counts))
    split = np.tile(np.repeat(np.arange(3), counts), TASKS * CLASSES)
    lengths = rng.normal(mean, deviation, len(label)).round().astype(np.int64)
    lengths = lengths.clip(least, most).clip(max=most_positions)
    ids = rng.integers(min(1000, config["vocab_size"] // 2), config["vocab_size"], lengths.sum())
    zeros = np.zeros(len(label), np.int32)
    return Stream(
        ids=ids.astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        pool=(lengths - 2).astype(np.int32),
        label=label.astype(np.int32),
        task=(label // CLASSES + 1).astype(np.int32),
        split=split.astype(np.int8),
        row=zeros,
        part=zeros,
        classes=[[f"class{t * CLASSES + c}" for c in range(CLASSES)] for t in range(TASKS)],
        later=[],
        pad=int(config.get("pad_token_id") or 0),
    )
