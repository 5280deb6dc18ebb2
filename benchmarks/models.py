"""Backbones by their sizes, with random weights: nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

#: transformers' config, width, layers, heads, key and value heads, inner width, words
SHAPES = {
    "tiny-bert": ("Bert", 32, 2, 4, 4, 64, 200),
    "tiny-llama": ("Llama", 32, 2, 4, 4, 64, 200),
    "minilm": ("Bert", 384, 6, 12, 12, 1536, 30522),
    "smollm2-135m": ("Llama", 576, 30, 9, 3, 1536, 49152),
    # TinyLlama's and LLaMA's published sizes
    "llama-1.1b": ("Llama", 2048, 22, 32, 4, 5632, 32000),
    "llama-7b": ("Llama", 4096, 32, 32, 32, 11008, 32000),
    "llama-7b-thin": ("Llama", 4096, 2, 32, 32, 11008, 32000),  # two of its layers
}


def save_model(
    shape: str, folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> Path:
    """Write a random model with its language-model head; return its folder.

    Args:
        device: where the weights are drawn: billions of them take a CPU minutes.
    """
    import transformers

    transformers.utils.logging.disable_progress_bar()
    config = make_config(shape)
    torch.manual_seed(0)
    bert = config.model_type == "bert"
    make = transformers.AutoModelForMaskedLM if bert else transformers.AutoModelForCausalLM
    with torch.device(device):
        model = make.from_config(config, dtype=dtype)
    model.save_pretrained(folder)
    return folder


def make_config(shape: str) -> Any:
    """Return transformers' config of a shape."""
    import transformers

    kind, width, layers, heads, key_value_heads, inner, words = SHAPES[shape]
    return getattr(transformers, f"{kind}Config")(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=inner, vocab_size=words,
        **({"num_key_value_heads": key_value_heads} if kind == "Llama" else {}),
    )  # fmt: skip


def draw_model(
    folder: Path, dtype: torch.dtype, device: torch.device, auto: str = "AutoModel"
) -> Any:
    """Return a frozen random model of a folder's config.json, drawn on the device, in no file.

    Args:
        auto: which of transformers' classes.
    """
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder)
    config.use_cache = False
    options = (
        {"add_pooling_layer": False} if (auto, config.model_type) == ("AutoModel", "bert") else {}
    )
    torch.manual_seed(0)
    with device:
        model = getattr(transformers, auto).from_config(
            config, dtype=dtype, attn_implementation="sdpa", **options
        )
    return model.requires_grad_(False)
