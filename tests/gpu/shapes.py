"""Backbones by their sizes, with random weights made on the device: nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from conpet.data.stream import Stream

CLASSES_PER_TASK = 8


@dataclass(frozen=True)
class Shape:
    """One backbone: transformers' config class, its sizes, and where LoRA goes."""

    kind: str
    sizes: dict[str, Any]
    targets: list[str]
    batch: int
    length: int  # mean tokens of a text

    def config(self) -> Any:
        """Return transformers' config."""
        import transformers

        return getattr(transformers, f"{self.kind}Config")(**self.sizes)


def _bert(width: int, layers: int, heads: int, inner: int, words: int) -> dict[str, Any]:
    return {
        "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads,
        "intermediate_size": inner, "vocab_size": words,
    }  # fmt: skip


SHAPES = {
    "tiny": Shape("Llama", _bert(32, 2, 4, 64, 200), ["q_proj", "v_proj"], 4, 12),
    "minilm": Shape("Bert", _bert(384, 6, 12, 1536, 30522), ["query", "value"], 32, 48),
    # TinyLlama's and LLaMA's published sizes
    "llama-1.1b": Shape(
        "Llama",
        {**_bert(2048, 22, 32, 5632, 32000), "num_key_value_heads": 4},
        ["q_proj", "v_proj"],
        16,
        48,
    ),
    "llama-7b": Shape("Llama", _bert(4096, 32, 32, 11008, 32000), ["q_proj", "v_proj"], 8, 48),
}


def make_model(shape: Shape, device: torch.device, head: bool) -> Any:
    """Return a frozen bfloat16 model; with ``head`` the language model's head is computed too."""
    import transformers

    config = shape.config()
    torch.manual_seed(0)
    kind = "ForMaskedLM" if shape.kind == "Bert" else "ForCausalLM"
    made = getattr(transformers, f"{shape.kind}{kind if head else 'Model'}")
    options: dict[str, Any] = {}
    if shape.kind == "Bert" and not head:
        options["add_pooling_layer"] = False
    config._attn_implementation = "sdpa" if device.type == "cuda" else "eager"
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            model = made(config, **options)
    finally:
        torch.set_default_dtype(before)
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = False
    return model.requires_grad_(False)


def make_stream(shape: Shape, tasks: int, per_task: int) -> Stream:
    """Return texts of random tokens whose lengths vary as those of relation sentences do."""
    rng = np.random.default_rng(0)
    count = tasks * per_task
    lengths = rng.normal(shape.length, shape.length / 4, count).round().astype(np.int64)
    lengths = np.clip(lengths, 4, 2 * shape.length)
    task = np.repeat(np.arange(1, tasks + 1), per_task).astype(np.int32)
    label = (task - 1) * CLASSES_PER_TASK + rng.integers(CLASSES_PER_TASK, size=count)
    names = [f"class{c}" for c in range(tasks * CLASSES_PER_TASK)]
    cut = [names[t * CLASSES_PER_TASK : (t + 1) * CLASSES_PER_TASK] for t in range(tasks)]
    return Stream(
        ids=rng.integers(3, shape.sizes["vocab_size"], int(lengths.sum())).astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        pool=(lengths - 1).astype(np.int32),
        label=label.astype(np.int32),
        task=task,
        split=np.zeros(count, np.int8),
        row=np.arange(count, dtype=np.int32),
        part=np.zeros(count, np.int32),
        classes=cut,
        later=[],
        pad=0,
    )
