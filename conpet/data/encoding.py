"""Token ids on disk: encoded once a model and dataset, memory-mapped by every job after."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from conpet.config.stages import Encode
from conpet.data.classes import arrival
from conpet.data.schema import Sample
from conpet.data.template import CannotFitError, cloze, encode, vocabulary
from conpet.errors import UserError
from conpet.files import atomic

SPLITS = ("train", "valid", "test")
_ARRAYS = ("ids", "offsets", "pool", "label", "task", "split", "row")
_ABOUT = ("tasks", "pad", "dropped", "single_markers")


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
    settings, the classes of each task, the pad id, and the counts of what could not be used,
    which is returned.
    """
    vocab = vocabulary(tokenizer)
    names = arrival([task["classes"] for task in tasks])
    rows = _Rows({name: i for i, name in enumerate(names)})
    dropped: Counter[str] = Counter()
    for task, (s, name) in itertools.product(tasks, enumerate(SPLITS)):
        for r in task[name]:
            words = 0 if samples[r].has_fields else _cloze_words(samples[r], about.template)
            if name == "train" and words > about.max_cloze_words:
                dropped["training text whose cloze is too long"] += 1
                continue
            try:
                text = encode(samples[r], about.template, tokenizer, vocab, about.max_length)
            except CannotFitError:
                dropped[f"{name} text whose mentions and cloze exceed max_length"] += 1
                continue
            rows.add(*text, about.pooling == "last", (samples[r].label, task["task"], s, r))
    metadata = {
        "settings": about.text(),
        "tasks": [{"task": t["task"], "classes": t["classes"]} for t in tasks],
        "pad": vocab.pad,
        "dropped": dict(dropped),
        "single_markers": vocab.single,
    }
    with atomic(out) as temporary:
        save_file(rows.arrays(), temporary, metadata={"conpet": json.dumps(metadata)})
    return dict(dropped)


def _cloze_words(sample: Sample, template: str) -> int:
    return len(" ".join(cloze(sample, template)).split())


class _Rows:
    """Encoded samples, one after the other; ``index`` gives a class's number in the part."""

    def __init__(self, index: dict[str, int]) -> None:
        self._index = index
        self._ids: list[int] = []
        self._offsets = [0]
        self._about: list[tuple[int, int, int, int, int]] = []

    def add(self, ids: list[int], at: int, last: bool, key: tuple[str, int, int, int]) -> None:
        """Add a text, read at the cloze's mask or at its end; key: label, task, split, row."""
        label, task, split, row = key
        pool = len(ids) - 1 if last else at
        self._ids += ids
        self._offsets.append(len(self._ids))
        self._about.append((pool, self._index[label], task, split, row))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return them as the file's arrays."""
        columns = np.array(self._about, np.int32).reshape(-1, 5).T
        named = dict(zip(("pool", "label", "task", "split", "row"), columns, strict=True))
        found = {name: np.ascontiguousarray(column) for name, column in named.items()}
        return {
            "ids": np.array(self._ids, np.int32),
            "offsets": np.array(self._offsets, np.int64),
            **found,
            "split": found["split"].astype(np.int8),
        }


@dataclass(frozen=True)
class Part:
    """One encoded file, arrays memory-mapped where the platform does it."""

    arrays: dict[str, np.ndarray]
    about: dict[str, Any]


def read_encoding(path: Path) -> dict[str, Any]:
    """Return the settings that an encoded file was made with; the tokens are not read.

    Raises:
        UserError: the file is missing or is not such a file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})["conpet"])
            told: dict[str, Any] = json.loads(about["settings"])
            return told
    except Exception as error:  # safetensors raises its own type for a bad header
        raise UserError(f"{path}: not an encoded file ({error}): run `conpet encode`") from None


def read_part(path: Path) -> Part:
    """Open what :func:`encode_part` wrote.

    Raises:
        UserError: the file is missing or is not such a file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})["conpet"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if missing := sorted(({*_ARRAYS} - arrays.keys()) | ({*_ABOUT} - about.keys())):
                raise ValueError(f"no {missing[0]}")
            return Part(arrays, about)
    except Exception as error:  # safetensors raises its own type for a bad header
        raise UserError(f"{path}: not an encoded file ({error}): run `conpet encode`") from None
