"""Batches without padding: linear layers see real tokens only, attention each text by itself.

A batch's texts are laid end to end as one row, (1, tokens). Every layer but attention works token
by token, so it has nothing to know. After the last layer only one position a text is read, so the
last layer computes queries, attention and what follows for those alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from conpet.data.stream import Stream
from conpet.models.attention import Attention, attend_at_read
from conpet.models.layout import Layout

NAME = "conpet_unpadded"
#: architectures that hand keyword arguments down to attention, and where their layers are
LAYERS = {
    "bert": "encoder.layer",
    "roberta": "encoder.layer",
    "xlm-roberta": "encoder.layer",
    "gpt_neox": "layers",
    "llama": "layers",
    "mistral": "layers",
    "qwen2": "layers",
    "qwen3": "layers",
}
#: what of a layer works position by position: paths of functions; and where its attention is
_BERT = ("attention.self", ["attention.self.query.forward", "attention.output.forward",
                            "feed_forward_chunk"])  # fmt: skip
_LLAMA = ("self_attn", ["self_attn.q_proj.forward", "self_attn.o_proj.forward", "mlp.forward"])
_NEOX = ("attention", ["attention.dense.forward", "mlp.forward"])
PARTS = {"bert": _BERT, "roberta": _BERT, "xlm-roberta": _BERT, "gpt_neox": _NEOX}


def suits(config: Any, device: torch.device) -> bool:
    """Say whether a model can go without padding here (measured on CPUs only, so only there)."""
    windowed = getattr(config, "sliding_window", None) is not None
    return device.type == "cpu" and config.model_type in LAYERS and not windowed


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _: Any,
    scaling: float | None = None,
    *,
    layout: Layout,
    **__: Any,
) -> tuple[Tensor, None]:
    """What transformers calls for attention: (1, heads, row, d) -> (1, row, heads, d)."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    causal = bool(getattr(module, "is_causal", False))
    # views whose gradients are views too; an index's would be a block of zeros, filled
    q, k, v = (x.squeeze(0).transpose(0, 1) for x in (query, key, value))
    if getattr(module, NAME, False):
        return attend_at_read(q, k, v, layout, causal, scale).unsqueeze(0), None
    return Attention.apply(q, k, v, layout, causal, scale).unsqueeze(0), None


class Unpadded:
    """Makes a model take batches without padding.

    Args:
        model: a transformers model that :func:`suits`, with PEFT in it if it is to have any.
        narrow: read single positions (not a mean), so that the last layer can be cut short.
    """

    def __init__(self, model: Any, narrow: bool) -> None:
        from transformers import AttentionInterface, AttentionMaskInterface

        AttentionInterface.register(NAME, _attend)
        AttentionMaskInterface.register(NAME, lambda *_, **__: None)
        model.set_attn_implementation(NAME)
        offset = model.config.model_type in ("roberta", "xlm-roberta")
        self._first: int = model.config.pad_token_id + 1 if offset else 0
        self._read = torch.empty(0, dtype=torch.int64)
        if narrow:
            layer = model.get_submodule(LAYERS[model.config.model_type])[-1]
            attention, functions = PARTS.get(model.config.model_type, _LLAMA)
            setattr(layer.get_submodule(attention), NAME, True)
            for path in functions:
                module, _, name = path.rpartition(".")
                self._narrow(layer.get_submodule(module), name)

    def _narrow(self, owner: nn.Module, name: str) -> None:
        """Give a function of (1, row, width) only the positions that are read; the rest is 0."""
        whole: Callable[..., Tensor] = getattr(owner, name)

        def at_read(*states: Tensor) -> Tensor:
            read = whole(*(s.index_select(1, self._read) for s in states))
            rows = read.new_zeros(1, states[0].shape[1], read.shape[-1])
            return rows.index_copy(1, self._read, read)

        setattr(owner, name, at_read)

    def __call__(
        self, model: nn.Module, stream: Stream, indices: np.ndarray
    ) -> tuple[Tensor, Layout]:
        """Return the last hidden states (tokens, width) of samples, and where the texts lie."""
        lengths = stream.lengths[indices]
        layout = Layout(lengths, stream.pool[indices])
        self._read = layout.read
        ids = np.full(layout.row, stream.pad, np.int64)
        ids[: layout.tokens] = np.concatenate(
            [stream.ids[a : a + n] for a, n in zip(stream.offsets[indices], lengths, strict=True)]
        )
        output = model(
            input_ids=torch.from_numpy(ids)[None],
            position_ids=layout.positions + self._first,
            layout=layout,
        )
        return output.last_hidden_state[0, : layout.tokens], layout
