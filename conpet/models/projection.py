"""Frozen linears of one input, side by side as one product, with the LoRAs on some of them.

[W_1; W_2] x + H (L x): L holds all LoRAs' A, one below the other, and H their scaled B, each in its
own linear's rows and its own columns, with zeros elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from conpet.models.device import has_bfloat16
from conpet.models.fused import ADAPTER, MIXED, is_fused

MOST_PACKED = 4_000_000  # numbers of a weight of which a second copy is kept
PACKED_ROWS = 400  # for which it is laid out; others pass too
#: what a forward leaves for its backward, which takes it from the end; None: nothing is to be kept
Tape = list[Tensor]


class Projection:
    """Linears side by side.

    Args:
        linears: ``nn.Linear`` with bias, or PEFT's LoRA layers on it that compute in one step.
            Their weights become views of one tensor where there are several.

    Raises:
        TypeError: one is something else.
    """

    def __init__(self, linears: Sequence[Any]) -> None:
        bases = [m.get_base_layer() if is_fused(m) else m for m in linears]
        if any(type(base) is not nn.Linear or base.bias is None for base in bases):
            raise TypeError("not a linear with bias")
        self._bases = bases
        self.weight, self.bias = _joined(bases, "weight"), _joined(bases, "bias")
        self._packed = _packed(self.weight)
        self._loras: list[tuple[Any, slice]] = []  # the layer, its rows
        first = 0
        for module, base in zip(linears, bases, strict=True):
            last = first + base.out_features
            if is_fused(module):
                self._loras.append((module, slice(first, last)))
            first = last
        self._as_built = self._found()

    def tuned(self) -> list[Tensor]:
        """Return A (r, in) and B (out, r) of each LoRA."""
        return [half[ADAPTER].weight for m, _ in self._loras for half in (m.lora_A, m.lora_B)]

    def _found(self) -> list[tuple[Any, ...]]:
        """Return what is to stay as it is for all that is laid out here to be right."""
        modules = [*self._bases, *(module for module, _ in self._loras)]
        weights = [state_of(p) for base in self._bases for p in (base.weight, base.bias)]
        return [*weights, *map(hooks_of, modules)]

    def ready(self) -> bool:
        """Say whether each LoRA is the one adapter and is set to act, on weights as they were."""
        return self._found() == self._as_built and all(
            not m.disable_adapters
            and not m.merged
            and m.active_adapters == [ADAPTER]
            and not hasattr(m, MIXED)
            for m, _ in self._loras
        )

    def plain(self, x: Tensor) -> Tensor:
        """Return what the linears alone give, (rows, in) -> (rows, out)."""
        if self._packed is None:
            return torch.addmm(self.bias, x, self.weight.t())
        found: Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self._packed, self.bias, "none", [], ""
        )
        return found

    @torch.no_grad()
    def pull(self) -> Pulled:
        """Return the projection with its LoRAs as they are now, in the backbone's type."""
        tuned, dtype = self.tuned(), self.weight.dtype
        parts, start = [], 0
        for (module, rows), a in zip(self._loras, tuned[::2], strict=True):
            inner = slice(start, start + len(a))
            parts.append(Part(inner, rows, float(module.scaling[ADAPTER])))
            start = inner.stop
        if not parts:
            return Pulled(self, None, parts)
        low = torch.cat(tuned[::2]).to(dtype)
        high = self.weight.new_zeros(len(self.weight), start)
        for part, b in zip(parts, tuned[1::2], strict=True):
            high[part.rows, part.inner] = b * part.scale
        return Pulled(self, (low, high), parts)


def state_of(p: Tensor) -> tuple[Any, ...]:
    """Return what tells that a parameter is another now; what writes to ``p.data`` is not seen."""
    return id(p), p.data_ptr(), p._version, p.dtype, p.requires_grad


def hooks_of(module: nn.Module) -> tuple[int, ...]:
    """Return how many look on where a module computes."""
    return len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks)


class Part(NamedTuple):
    """Where a LoRA is: its inner numbers, its linear's rows, and its scale."""

    inner: slice
    rows: slice
    scale: float


class Pulled:
    """A projection at one moment.

    Args:
        loras: L (rank, in) and H (out, rank), if there are any.
        parts: each LoRA's place in them.
    """

    def __init__(
        self, projection: Projection, loras: tuple[Tensor, Tensor] | None, parts: Sequence[Part]
    ) -> None:
        self._of, self._loras, self._parts = projection, loras, parts

    def forward(self, x: Tensor, tape: Tape | None) -> Tensor:
        """(rows, in) -> (rows, out), which nobody else has."""
        y = self._of.plain(x)
        if self._loras is not None:
            low, high = self._loras
            inner = x @ low.t()
            y.addmm_(inner, high.t())
            if tape is not None:
                tape += [x, inner]
        return y

    def backward(
        self, g: Tensor, tape: Tape, onto: Tensor | None = None, wanted: bool = True
    ) -> tuple[Tensor | None, list[Tensor]]:
        """Return the gradients of x (if wanted) and of each A and B, float32.

        Args:
            onto: what the gradient of x is added to, in place.
        """
        g_x, weight = None, self._of.weight
        if wanted:
            g_x = g @ weight if onto is None else onto.addmm_(g, weight)
        if self._loras is None:
            return g_x, []
        low, high = self._loras
        inner, x = tape.pop(), tape.pop()
        g_inner = g @ high
        if g_x is not None:
            g_x.addmm_(g_inner, low)
        g_low, g_high = (g_inner.t() @ x).float(), (g.t() @ inner).float()
        found = []
        for part in self._parts:
            found += [g_low[part.inner], g_high[part.rows, part.inner] * part.scale]
        return g_x, found


@torch.no_grad()
def _joined(bases: Sequence[nn.Linear], name: str) -> Tensor:
    """Return the linears' weights or biases as one tensor, and have them be views of it."""
    parts = [getattr(base, name) for base in bases]
    if len(parts) == 1:
        only: Tensor = parts[0].detach()
        return only
    whole = torch.cat([part.detach() for part in parts])
    for part, own in zip(parts, whole.split([len(part) for part in parts]), strict=True):
        part.data = own
    return whole


def _packed(weight: Tensor) -> Tensor | None:
    """Return a weight as bfloat16 units want to read it, for products forward; None elsewhere.

    Else it is laid out anew for every product.
    """
    if weight.dtype != torch.bfloat16 or weight.numel() > MOST_PACKED:
        return None
    if not has_bfloat16(weight.device):
        return None
    try:
        made: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, PACKED_ROWS)
    except (AttributeError, RuntimeError):  # this torch was built without it
        return None
    return made
