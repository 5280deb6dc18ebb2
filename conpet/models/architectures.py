"""What is known of transformers' architectures: where their parts are, and what they look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Parts:
    """Where the parts of an architecture are, by the paths that its checkpoints use too.

    Attributes:
        layers: all layers, first to last.
        attention: a layer's attention, within the layer.
        stretches: what of a layer works position by position, within the layer: from the module
            that gets states in to the one that puts them out.
    """

    layers: str
    attention: str
    stretches: tuple[tuple[str, str], ...]


_BERT = Parts(
    "encoder.layer",
    "attention.self",
    (
        ("attention.self.query", "attention.self.query"),
        ("attention.output", "attention.output"),
        ("intermediate", "output"),
    ),
)
_LLAMA = Parts(
    "layers",
    "self_attn",
    (
        ("self_attn.q_proj", "self_attn.q_proj"),
        ("self_attn.o_proj", "self_attn.o_proj"),
        ("mlp", "mlp"),
    ),
)
_NEOX = Parts(
    "layers", "attention", (("attention.dense", "attention.dense"), ("mlp", "mlp"))
)  # queries, keys and values are one projection
#: architectures that hand keyword arguments down to attention
PARTS = {
    "bert": _BERT,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
    "gpt_neox": _NEOX,
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": _LLAMA,
    "qwen3": _LLAMA,
}


def like_bert(config: Any) -> bool:
    """Say whether a model's layers are BERT's."""
    return PARTS.get(config.model_type) is _BERT


def first_position(config: Any) -> int:
    """Return the number of a text's first position: RoBERTa's begin behind that of padding."""
    offset = config.model_type in ("roberta", "xlm-roberta")
    return int(config.pad_token_id) + 1 if offset else 0


def is_causal(config: Any) -> bool:
    """Say whether a token sees only what comes before it, as in BERT set to be a decoder too."""
    return not like_bert(config) or bool(getattr(config, "is_decoder", False))
