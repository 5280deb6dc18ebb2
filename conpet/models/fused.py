"""LoRA's arithmetic in one step: PEFT's modules and weights, without its conversions.

PEFT converts a layer's input to the adapter's float32, multiplies twice, scales, adds in float32
and converts back. Here a = x·Aᵀ and y = W·x + a·(s·B)ᵀ are products in the backbone's own type,
which sum in float32 inside; weights and gradients of the adapter stay float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _LoraLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
    ) -> Tensor:
        """x (..., in), W (out, in), A (r, in), B (out, r) -> (..., out)."""
        rows = x.flatten(0, -2)
        low, high = a.to(x.dtype), (b * scale).to(x.dtype)
        inner = rows @ low.t()
        y = F.linear(rows, weight, bias).addmm_(inner, high.t())
        ctx.save_for_backward(rows, weight, low, high, inner)
        ctx.scale = scale
        return y.view(*x.shape[:-1], len(weight))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        """Return the gradients of x (where it has one), A and B."""
        rows, weight, low, high, inner = ctx.saved_tensors
        g = grad.flatten(0, -2)
        g_inner = g @ high
        g_x = None
        if ctx.needs_input_grad[0]:
            g_x = (g @ weight).addmm_(g_inner, low).view(*grad.shape[:-1], -1)
        g_a = (g_inner.t() @ rows).float()
        g_b = (g.t() @ inner).float() * ctx.scale
        return g_x, None, None, g_a, g_b, None


def _is_plain(module: Any) -> bool:
    """Say whether a PEFT layer is LoRA with nothing added to it."""
    from peft.tuners.lora import Linear

    if type(module) is not Linear or type(module.get_base_layer()) is not nn.Linear:
        return False
    name = "default"
    return (
        list(module.lora_A) == [name]
        and isinstance(module.lora_dropout[name], nn.Identity)
        and not module.lora_bias[name]
        and name not in module.lora_variant
        and not module.fan_in_fan_out
        and not module.merged
    )


def _forward(module: Any) -> Callable[[Tensor], Tensor]:
    base, low, high = module.get_base_layer(), module.lora_A["default"], module.lora_B["default"]
    scale = float(module.scaling["default"])

    def forward(x: Tensor) -> Tensor:
        return _LoraLinear.apply(x, base.weight, base.bias, low.weight, high.weight, scale)

    return forward


def fuse(model: nn.Module) -> int:
    """Let every plain LoRA layer of a PEFT model compute in one step; return how many there are."""
    plain: list[Any] = [module for module in model.modules() if _is_plain(module)]
    for module in plain:
        module.forward = _forward(module)
    return len(plain)
