"""What `conpet describe` says of a stream as a model reads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from conpet.data.encoding import SPLITS
from conpet.data.stream import Stream
from conpet.data.template import Vocabulary

RENDERED = 5


def unreadable(
    stream: Stream, tasks: Sequence[dict[str, Any]], wanted: int, most: int
) -> Iterable[str]:
    """Yield why training would stop, or miss something, with the texts as they are encoded."""
    if stream.lengths.max(initial=0) > most:
        yield (
            f"a text has {int(stream.lengths.max())} tokens, and it reads {most} at most: training "
            f"will not start: lower settings.encoding.max_length ({wanted})"
        )
    for task, before in enumerate(tasks, start=1):
        for split in SPLITS if stream.validation else SPLITS[::2]:
            if before[split] and not len(stream.of(split, [task])):
                yield (
                    f"task {task} keeps no {split} sample (Dropped says why): raise "
                    f"settings.encoding.max_length ({wanted}) or max_cloze_words"
                )


def unknown(stream: Stream, tokenizer: Any, vocab: Vocabulary) -> dict[str, Any]:
    """Return how many tokens and texts the vocabulary does not know, as they are encoded."""
    index = tokenizer.unk_token_id
    if index is None or index in (*vocab.prefix, *vocab.suffix, *vocab.mask):
        return {"tokens": 0, "share": 0.0, "texts": 0}  # one that spells everything out
    found = stream.ids == index
    texts = np.searchsorted(stream.offsets, np.flatnonzero(found), side="right")
    share = round(float(found.mean()), 6) if len(found) else 0.0
    return {"tokens": int(found.sum()), "share": share, "texts": len(np.unique(texts))}


def spread(stream: Stream) -> list[int]:
    """Return training samples of tasks spread over the stream, several of one where few are."""
    tasks = np.linspace(1, stream.tasks, RENDERED).round().astype(int).tolist()
    chosen: list[int] = []
    for number, task in enumerate(tasks):
        found = stream.of("train", [task])
        if len(found):
            chosen.append(int(found[number * len(found) // RENDERED]))
    return list(dict.fromkeys(chosen))
