"""Tiny models of six architectures with their tokenizers, and two tasks to learn with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoTokenizer

from conpet.config.settings import Compute, Settings
from conpet.config.stages import Encode
from conpet.config.strict import merge
from conpet.data.encoding import encode_part
from conpet.data.schema import Mention, Sample
from tests.data import tokenizers_tiny
from tests.tiny import World

CLASSES = ("born", "lived", "old", "new")
COUNTS = {"train": 8, "valid": 2, "test": 3}
PLACES = ("warsaw", "paris", "city", "river")
PARAMS = Encode(
    kind="relation",
    template="in this sentence , {tail} is the {mask} of {head} .",
    pooling="mask",
    max_length=60,
    max_cloze_words=50,
)
_SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
Made = tuple[Callable[[Path], Any], str, dict[str, Any], list[str]]
# tokenizer, name of transformers' classes, sizes of its own, LoRA targets
ARCHITECTURES: dict[str, Made] = {
    "bert": (tokenizers_tiny.wordpiece, "Bert", {}, ["query", "value"]),
    "roberta": (lambda _: tokenizers_tiny.roberta(), "Roberta", {}, ["query", "value"]),
    "llama": (lambda _: tokenizers_tiny.llama(), "Llama", {}, ["q_proj", "k_proj"]),
    "gpt_neox": (lambda _: tokenizers_tiny.gpt_neox(), "GPTNeoX", {}, ["query_key_value"]),
    "qwen2": (
        lambda _: tokenizers_tiny.qwen(boxes=True),
        "Qwen2",
        {"num_key_value_heads": 2},
        ["q_proj", "k_proj"],
    ),
    "qwen3": (
        lambda _: tokenizers_tiny.qwen(boxes=True),
        "Qwen3",
        {"num_key_value_heads": 2, "head_dim": 8},
        ["q_proj", "k_proj"],
    ),
}


def save_model(folder: Path, name: str) -> Path:
    """Save a random two-layer model and its tokenizer as a snapshot."""
    make, kind, sizes, _ = ARCHITECTURES[name]
    folder.mkdir(parents=True)
    tokenizer = make(folder)
    tokenizer.save_pretrained(folder)
    config = getattr(transformers, f"{kind}Config")(
        **{**_SIZES, **sizes},
        vocab_size=len(tokenizer),
        max_position_embeddings=64,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    return folder


def make_samples() -> list[Sample]:
    """Return relations between a person and a place; the word between them tells the class."""
    samples = []
    for name in CLASSES:
        for split, count in COUNTS.items():
            for i in range(count):
                place = PLACES[i % len(PLACES)]
                before = f"{'she was ' * (i % 3)}marie curie {name} in "
                head = Mention("head", before.index("marie"), before.index(" curie") + 6)
                tail = Mention("tail", len(before), len(before) + len(place))
                text = before + place + " one two"[: 4 * (i % 2)]
                samples.append(Sample(f"{name}-{split}-{i}", text, name, split, (head, tail)))
    return samples


class Small(World):
    """Two tasks of two classes, encoded for one architecture; one epoch of a few batches."""

    pooling = "mask"
    compute = Compute(device="cpu")

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.snapshot = save_model(folder / "model", name)
        self.targets = ARCHITECTURES[name][3]
        self.encoded = folder / "encoded.safetensors"
        samples = make_samples()
        tasks = []
        for number, names in enumerate((CLASSES[:2], CLASSES[2:]), 1):
            rows = {
                split: [i for i, s in enumerate(samples) if s.label in names and s.split == split]
                for split in COUNTS
            }
            tasks.append({"task": number, "classes": list(names), **rows})
        tokenizer = AutoTokenizer.from_pretrained(self.snapshot)
        dropped = encode_part(samples, tasks, PARAMS, tokenizer, self.encoded)
        assert not dropped

    def settings(self, **over: Any) -> Settings:
        """Return settings for one short epoch."""
        quick = {
            "training": {"epochs": 1, "batch_size": 6, "lr": 0.01},
            "replay": {"batches": 4, "valid_batch_size": 4},
        }
        return super().settings(**merge(quick, over))
