"""Several experts' LoRAs in one pass: each text is multiplied by its own.

B_1 A_1 ... B_E A_E lie side by side as one LoRA of rank E·r. Its inner numbers stay where they are
those of the text's own expert, and are zero elsewhere. So texts of many experts share a batch, and
no weight is copied into the slot; what the others' columns cost is little beside the layer itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from conpet.models.fused import ADAPTER, MIXED, fused_layers


class Mixture:
    """The LoRAs of experts, put into a model for as long as the block lasts.

    Args:
        model: a PEFT model whose plain LoRA layers compute in one step (:func:`fuse`).
        states: each expert's tuned parameters, by name.
    """

    def __init__(self, model: nn.Module, states: Sequence[dict[str, Tensor]]) -> None:
        self._layers: dict[Any, tuple[Tensor, Tensor]] = {}
        #: by how many inner numbers a layer has: whose each is, and which are a token's own
        self._owners: dict[int, Tensor] = {}
        self._masks: dict[int, Tensor] = {}
        for name, layer in fused_layers(model):
            dtype, scale = layer.get_base_layer().weight.dtype, float(layer.scaling[ADAPTER])
            low = torch.cat([s[f"{name}.lora_A.{ADAPTER}.weight"] for s in states])
            high = torch.cat([s[f"{name}.lora_B.{ADAPTER}.weight"] for s in states], 1)
            self._layers[layer] = low.to(dtype), (high * scale).to(dtype)
            if len(low) not in self._owners:
                experts = torch.arange(len(states), device=low.device)
                self._owners[len(low)] = experts.repeat_interleave(len(low) // len(states))
            self._dtype = dtype

    def choose(self, experts: Tensor) -> None:
        """Say whose each token of a row is, (row,)."""
        for inner, owner in self._owners.items():
            self._masks[inner] = (experts[:, None] == owner).to(self._dtype)

    def apply(self, layer: nn.Module, x: Tensor) -> Tensor:
        """Return what a layer's LoRAs add, (..., out), for x (..., in) of the chosen experts."""
        low, high = self._layers[layer]
        return ((x @ low.t()) * self._masks[len(low)]) @ high.t()

    def __enter__(self) -> Mixture:
        for layer in self._layers:
            setattr(layer, MIXED, self)
        return self

    def __exit__(self, *_: object) -> None:
        for layer in self._layers:
            delattr(layer, MIXED)


def can_mix(model: nn.Module, tuned: set[str]) -> bool:
    """Say whether all that is tuned of a model is plain LoRA that computes in one step."""
    parts = (f"{half}.{ADAPTER}.weight" for half in ("lora_A", "lora_B"))
    names = [f"{name}.{part}" for part in parts for name, _ in fused_layers(model)]
    return bool(names) and set(names) == tuned
