"""The LoRAs of several tasks in one slot: on top of each other they are one LoRA again.

B_1 A_1 + B_2 A_2 = [B_1 B_2] [A_1; A_2]: two modules of rank r are one of rank 2 r. So frozen ones
and one that trains pass the model at the price of one, by the fast path and by PEFT's own, and what
is saved is a stock PEFT adapter of a larger rank.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conpet.config.settings import Tuning
from conpet.errors import UserError
from conpet.models.fused import ADAPTER
from conpet.models.saving import ADAPTER_FOLDER, read_tensors


class Grown(nn.Module):
    """A LoRA projection without bias of which only the newest rows (or columns) train.

    Args:
        old: what is frozen, (rows, columns).
        new: what is put behind it, along ``dim``.
    """

    old: Tensor

    def __init__(self, old: Tensor, new: Tensor, dim: int) -> None:
        super().__init__()
        self.register_buffer("old", old)
        self.new = nn.Parameter(new)
        self.dim = dim

    @property
    def weight(self) -> Tensor:
        """The whole projection, old and new."""
        return torch.cat([self.old, self.new], self.dim)

    def forward(self, x: Tensor) -> Tensor:
        """Project, (..., columns) -> (..., rows)."""
        return F.linear(x, self.weight)


class Stack:
    """The slot of a PEFT model as a pile of LoRAs of one rank.

    Args:
        model: what :func:`conpet.models.tuning.tune` made; its slot is changed in place.
        owner: who asks, for messages.

    Raises:
        UserError: what is tuned is not plain LoRA.
    """

    def __init__(self, model: nn.Module, owner: str) -> None:
        self.layers: list[Any] = [m for m in model.modules() if _is_lora(m)]
        weights = {id(p) for m in self.layers for p in _weights(m)}
        tuned = {id(p) for p in model.parameters() if p.requires_grad}
        if not weights or weights != tuned or not _is_plain(model):
            raise _not_plain(owner)
        self.config = _config(model)
        self.rank: int = self.config.r
        self.alpha: int = self.config.lora_alpha

    def widen(self, folder: Path) -> None:
        """Make the slot as wide as a state's adapter, so that it can be loaded.

        Raises:
            UserError: there is no adapter, or it is not whole.
        """
        tensors = read_tensors(folder / ADAPTER_FOLDER / "adapter_model.safetensors")
        height = next((len(t) for n, t in tensors.items() if "lora_A" in n), 0)
        if height and height % self.rank == 0:  # else loading says what does not fit
            for layer in self.layers:
                low, high = _weights(layer)
                self._set(
                    layer, low.new_zeros(height, low.shape[1]), high.new_zeros(len(high), height)
                )
            self._say(height)

    def grow(self, seed: int) -> list[nn.Parameter]:
        """Freeze what the slot holds and put a new LoRA on it; return its weights.

        Its A is drawn as PEFT draws it, its B is zero: the model answers as before.
        """
        generator = torch.Generator().manual_seed(seed)
        for layer in self.layers:
            low, high = (weight.detach() for weight in _weights(layer))
            bound = 1 / math.sqrt(low.shape[1])
            drawn = torch.empty(self.rank, low.shape[1]).uniform_(
                -bound, bound, generator=generator
            )
            layer.lora_A[ADAPTER] = Grown(low, drawn.to(low), 0)
            layer.lora_B[ADAPTER] = Grown(high, high.new_zeros(len(high), self.rank), 1)
        return [half[ADAPTER].new for m in self.layers for half in (m.lora_A, m.lora_B)]

    def overlap(self) -> Tensor:
        """Return Σ over layers and earlier LoRAs i of |A_i A_newᵀ|₁, the sum of all entries."""
        pairs = [layer.lora_A[ADAPTER] for layer in self.layers]
        return torch.stack([(low.old @ low.new.t()).abs().sum() for low in pairs]).sum()

    def settle(self) -> None:
        """Make one LoRA of all, as stock PEFT has it."""
        for layer in self.layers:
            low, high = (weight.detach() for weight in _weights(layer))
            self._set(layer, low, high)
        self._say(len(low))

    def _set(self, layer: Any, low: Tensor, high: Tensor) -> None:
        for half, weight in ((layer.lora_A, low), (layer.lora_B, high)):
            rows, columns = weight.shape
            half[ADAPTER] = nn.Linear(columns, rows, bias=False, device="meta")
            half[ADAPTER].weight = nn.Parameter(weight)

    def _say(self, height: int) -> None:
        """Have config and layers say the slot's rank, with the same α / r."""
        alpha = self.alpha * (height // self.rank)
        self.config.r, self.config.lora_alpha = height, alpha
        for layer in self.layers:
            layer.r[ADAPTER], layer.lora_alpha[ADAPTER] = height, alpha


def _not_plain(owner: str) -> UserError:
    return UserError(
        f"{owner}: stacks plain LoRAs, and the tuning here is another: use tuning.type "
        "LORA with r, lora_alpha, lora_dropout and target_modules alone"
    )


def check_plain(tuning: Tuning, owner: str) -> None:
    """Refuse, before there is a model, a tuning that a :class:`Stack` would refuse.

    Raises:
        UserError: it is no LoRA, or a field makes its LoRAs unequal.
    """
    unequal = [tuning.config.get(name) for name in ("use_rslora", "rank_pattern", "alpha_pattern")]
    started = tuning.config.get("init_lora_weights", True) is True
    if tuning.type != "LORA" or any(unequal) or not started:
        raise _not_plain(owner)


def _is_lora(module: Any) -> bool:
    halves = [getattr(module, name, None) for name in ("lora_A", "lora_B")]
    return all(
        isinstance(half, nn.ModuleDict) and ADAPTER in half and type(half[ADAPTER]) is nn.Linear
        for half in halves
    )


def _weights(layer: Any) -> tuple[Tensor, Tensor]:
    return layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight


def _config(model: Any) -> Any:
    return model.peft_config[ADAPTER]


def _is_plain(model: nn.Module) -> bool:
    """Say whether all LoRAs of a PEFT model have one rank and α / r, and B starts at zero."""
    config = _config(model)
    return (
        config.init_lora_weights is True
        and not config.use_rslora
        and not config.rank_pattern
        and not config.alpha_pattern
    )
