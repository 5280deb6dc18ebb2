"""A stream of as many tasks as one likes, and a model small enough to learn hundreds of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from conpet.config import Experiment, load_experiment
from conpet.data.encoding import encode_part
from conpet.data.schema import Sample
from conpet.files import write_json

CLASSES_PER_TASK = 2
COUNTS = {"train": 16, "valid": 8, "test": 8}  # of each class
WORDS_PER_CLASS = 3
MODEL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 32,
}
#: method: learner and replay; whether its cost a task is meant to stay the same
METHODS: dict[str, tuple[str, str, bool]] = {
    "static_emr": ("linear", "dynamic", True),
    "dynamic": ("experts", "dynamic", True),
    "emr": ("linear", "memory", False),
    "joint": ("linear", "full", False),
}
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_FILLERS = ["it", "is", "a", "the"]
_ENCODING = {"template": "it is {mask}", "pooling": "mean", "max_length": 16, "max_cloze_words": 50}
_SETTINGS = {
    "training": {"epochs": 2, "batch_size": 8, "lr": 0.01},
    "replay": {"batches": 20, "valid_batch_size": 8},
    "memory": {"per_class": 6, "base_frequency": 1},
    # one thread, float32: what is compared are tasks of one run
    "compute": {"device": "cpu", "precision": "float32", "threads": 1, "eval_batch_size": 64},
}


def _samples(tasks: int) -> Iterator[Sample]:
    rng = np.random.default_rng(0)
    for number in range(tasks * CLASSES_PER_TASK):
        for split, count in COUNTS.items():
            for i in range(count):
                a, b = rng.integers(WORDS_PER_CLASS, size=2)
                text = f"the w{number}x{a} a w{number}x{b}"
                yield Sample(f"{number}-{split}-{i}", text, f"class{number}", split)


def make_world(folder: Path, tasks: int) -> tuple[Experiment, Path, Path]:
    """Make an experiment, its random backbone and its encoded stream; return all three."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    snapshot, encoded = folder / "model", folder / "encoded.safetensors"
    snapshot.mkdir(parents=True)
    classes = range(tasks * CLASSES_PER_TASK)
    words = [f"w{c}x{k}" for c in classes for k in range(WORDS_PER_CLASS)]
    unused = [f"[unused{i}]" for i in range(8)]
    vocabulary = [*_SPECIAL, *unused, *_FILLERS, *words]
    (snapshot / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    tokenizer = BertTokenizerFast(vocab=str(snapshot / "vocab.txt"))
    tokenizer.save_pretrained(snapshot)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(vocabulary), **MODEL)
    BertModel(config, add_pooling_layer=False).save_pretrained(snapshot)

    samples = list(_samples(tasks))
    rows: list[dict[str, Any]] = [
        {"task": t + 1, "classes": [], **{split: [] for split in COUNTS}} for t in range(tasks)
    ]
    for index, sample in enumerate(samples):
        task = rows[int(sample.label.removeprefix("class")) // CLASSES_PER_TASK]
        task[sample.split].append(index)
        if sample.label not in task["classes"]:
            task["classes"].append(sample.label)
    encode_part(samples, rows, _ENCODING, tokenizer, encoded)
    return _experiment(folder, tasks), snapshot, encoded


def _experiment(folder: Path, tasks: int) -> Experiment:
    config = folder / "config"
    (config / "models").mkdir(parents=True)
    model = {
        "title": "Tiny", "licence": "none", "pooling": "mean", "lora_targets": ["query", "value"],
        "source": {"kind": "folder", "path": str(folder / "model")},
    }  # fmt: skip
    write_json(config / "models" / "tiny.yaml", model)  # JSON is YAML
    stream = {
        "files": [{"name": "none.csv", "url": "none.csv"}],
        "order": {"seed": 1, "tasks": tasks},
    }
    value = {
        "title": "Scale",
        "datasets": {"stream": stream},
        "models": ["tiny"],
        "methods": {
            name: {"learner": learner, "replay": replay}
            for name, (learner, replay, _) in METHODS.items()
        },
        "settings": _SETTINGS,
    }
    path = config / "scale.yaml"
    write_json(path, value)
    return load_experiment(str(path), config)
