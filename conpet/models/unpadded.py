"""Batches without padding: linear layers see real tokens only, attention each text by itself.

A batch's texts are laid end to end as one row, (1, tokens). Every layer but attention works token
by token, so it has nothing to know. After the last layer only one position a text is read, so the
last layer computes queries, attention and what follows for those alone.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from conpet.data.stream import Stream
from conpet.models.architectures import PARTS, first_position
from conpet.models.attention import attend, attend_at_read
from conpet.models.encoder import Encoder, by_hand
from conpet.models.fallback import say_once
from conpet.models.layers import states_of
from conpet.models.packing import Packing

NAME = "conpet_unpadded"


def suits(config: Any, device: torch.device) -> bool:
    """Say whether a model can go without padding here (measured on CPUs only, so only there)."""
    windowed = getattr(config, "sliding_window", None) is not None
    return device.type == "cpu" and config.model_type in PARTS and not windowed


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _: Any,
    scaling: float | None = None,
    *,
    packing: Packing,
    **__: Any,
) -> tuple[Tensor, None]:
    """What transformers calls for attention: (1, heads, row, d) -> (1, row, heads, d)."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    causal = bool(getattr(module, "is_causal", False))
    # views whose gradients are views too; an index's would be a block of zeros, filled
    q, k, v = (x.squeeze(0).transpose(0, 1) for x in (query, key, value))
    attend_here = attend_at_read if getattr(module, NAME, False) else attend
    return attend_here(q, k, v, packing, causal, scale).unsqueeze(0), None


def _last_layer(model: Any) -> tuple[nn.Module, list[tuple[nn.Module, nn.Module]]] | None:
    """Return the last layer's attention and stretches; None if they are not where they were."""
    parts = PARTS[model.config.model_type]
    try:
        layer = model.get_submodule(parts.layers)[-1]
        attention = layer.get_submodule(parts.attention)
        stretches = [
            (layer.get_submodule(first), layer.get_submodule(last))
            for first, last in parts.stretches
        ]
    except AttributeError as error:
        say_once(f"the last layer is computed whole, which is slower: it is new here ({error})")
        return None
    return attention, stretches


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
        self._model, self._is_narrow = model, narrow
        self._first = first_position(model.config)
        self._read = torch.empty(0, dtype=torch.int64)
        self._row = 0
        last = _last_layer(model) if narrow else None
        if last is not None:
            attention, stretches = last
            setattr(attention, NAME, True)
            for first, end in stretches:
                self._narrow(first, end)

    @cached_property
    def _by_hand(self) -> Encoder | None:
        """The layers by hand; made when a text passes, as they lay weights out."""
        return by_hand(self._model, self._is_narrow)

    def _narrow(self, first: nn.Module, last: nn.Module) -> None:
        """Give modules with states (1, row, width) only the positions read; the rest is 0."""

        def cut(value: Any) -> Any:
            # what is not as long as the row was cut by a module before
            whole = isinstance(value, Tensor) and value.shape[1] == self._row
            return value.index_select(1, self._read) if whole else value

        def select(_: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
            return tuple(map(cut, args)), {name: cut(value) for name, value in kwargs.items()}

        def put_back(_: nn.Module, __: Any, read: Tensor) -> Tensor:
            rows = read.new_zeros(1, self._row, read.shape[-1])
            return rows.index_copy(1, self._read, read)

        for module in {first, last}:
            module.register_forward_pre_hook(select, with_kwargs=True)
        last.register_forward_hook(put_back)

    def __call__(
        self, model: nn.Module, stream: Stream, indices: np.ndarray, layers: int = 1
    ) -> tuple[list[Tensor], Packing]:
        """Return the states (tokens, width) of the last layers, last first, and where texts lie."""
        lengths = stream.lengths[indices]
        packing = Packing(lengths, stream.pool[indices])
        self._read, self._row = packing.read, packing.row
        ids = np.full(packing.row, stream.pad, np.int64)
        ids[: packing.tokens] = np.concatenate(
            [stream.ids[a : a + n] for a, n in zip(stream.offsets[indices], lengths, strict=True)]
        )
        row, positions = torch.from_numpy(ids)[None], packing.positions + self._first
        encoder = self._by_hand
        if encoder is not None and encoder.ready():
            found = encoder(row, positions, packing, layers)
            return [states[: packing.tokens] for states in found], packing
        output = model(
            input_ids=row,
            position_ids=positions,
            packing=packing,
            **({"output_hidden_states": True} if layers > 1 else {}),
        )
        return [states[0, : packing.tokens] for states in states_of(output, layers)], packing
