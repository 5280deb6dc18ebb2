"""Token ids on disk: encoded once a model and dataset, memory-mapped by every job after."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from conpet.config.stages import Encode
from conpet.data.schema import Sample
from conpet.data.template import CannotFitError, cloze, encode, vocabulary
from conpet.errors import UserError
from conpet.files import atomic

SPLITS = ("train", "valid", "test")


def encode_part(
    samples: list[Sample],
    tasks: list[dict[str, Any]],
    about: Encode,
    tokenizer: Any,
    out: Path,
) -> dict[str, int]:
    """Encode the samples of a part's tasks and write them as one safetensors file.

    The file holds flat ``ids`` with ``offsets``, and for each sample ``pool`` (position to read),
    ``label`` (within the part's classes), ``task``, ``split`` and ``row``; its metadata holds the
    classes of each task, the pad id, and the counts of what could not be used, which is returned.
    """
    vocab = vocabulary(tokenizer)
    classes = [name for task in tasks for name in task["classes"]]
    index = {name: i for i, name in enumerate(classes)}
    ids: list[int] = []
    offsets: list[int] = [0]
    pool: list[int] = []
    label: list[int] = []
    number: list[int] = []
    split: list[int] = []
    row: list[int] = []
    dropped: Counter[str] = Counter()
    for task in tasks:
        for s, name in enumerate(SPLITS):
            for r in task[name]:
                sample = samples[r]
                words = len(" ".join(cloze(sample, about.template)).split())
                if name == "train" and words > about.max_cloze_words:
                    dropped["training text whose cloze is too long"] += 1
                    continue
                try:
                    text, at = encode(sample, about.template, tokenizer, vocab, about.max_length)
                except CannotFitError:
                    dropped[f"{name} text whose mentions and cloze exceed max_length"] += 1
                    continue
                if about.pooling == "last":
                    at = len(text) - 1
                ids += text
                offsets.append(len(ids))
                pool.append(at)
                label.append(index[sample.label])
                number.append(task["task"])
                split.append(s)
                row.append(r)
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "ids": np.array(ids, np.int32),
        "offsets": np.array(offsets, np.int64),
        "pool": np.array(pool, np.int32),
        "label": np.array(label, np.int32),
        "task": np.array(number, np.int32),
        "split": np.array(split, np.int8),
        "row": np.array(row, np.int32),
    }
    metadata = {
        "tasks": [{"task": t["task"], "classes": t["classes"]} for t in tasks],
        "pad": vocab.pad,
        "dropped": dict(dropped),
        "single_markers": vocab.single,
    }
    with atomic(out) as temporary:
        save_file(arrays, temporary, metadata={"conpet": json.dumps(metadata)})
    return dict(dropped)


@dataclass(frozen=True)
class Part:
    """One encoded file, arrays memory-mapped where the platform does it."""

    arrays: dict[str, np.ndarray]
    about: dict[str, Any]


def read_part(path: Path) -> Part:
    """Open what :func:`encode_part` wrote.

    Raises:
        UserError: the file is missing or is not such a file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})["conpet"])
            return Part({name: file.get_tensor(name) for name in file.keys()}, about)  # noqa: SIM118
    except Exception as error:  # safetensors raises its own type for a bad header
        raise UserError(f"{path}: not an encoded file ({error}): run `conpet encode`") from None
