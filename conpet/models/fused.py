"""LoRA's arithmetic in one step: PEFT's modules and weights, without its conversions.

PEFT converts a layer's input to the adapter's float32, multiplies twice, scales, adds in float32
and converts back. Here a = x·Aᵀ and y = W·x + a·(s·B)ᵀ are products in the backbone's own type,
which sum in float32 inside; weights and gradients of the adapter stay float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MethodType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from conpet.models.fallback import say_once

ADAPTER = "default"  # PEFT's name for the one adapter that there is
MIXED = "conpet_mixed"  # where a layer finds several experts' LoRAs, while they are mixed
_FUSED = "conpet_fused"


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
    @once_differentiable
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
    if any(p.requires_grad for p in module.get_base_layer().parameters()):
        return False  # `bias: all` trains what is here taken as given
    return (
        list(module.lora_A) == [ADAPTER]
        and isinstance(module.lora_dropout[ADAPTER], nn.Identity)
        and not module.lora_bias[ADAPTER]
        and ADAPTER not in module.lora_variant
        and not module.fan_in_fan_out
        and not module.merged
    )


def _forward(module: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Stand in for a PEFT layer's forward, as long as it is set to plain LoRA."""
    if (
        args
        or kwargs
        or module.disable_adapters
        or module.merged
        or module.active_adapters != [ADAPTER]
    ):
        peft: Tensor = type(module).forward(module, x, *args, **kwargs)
        return peft
    mixture = getattr(module, MIXED, None)
    if mixture is not None:
        mixed: Tensor = module.get_base_layer()(x) + mixture.apply(module, x)
        return mixed
    base, low, high = module.get_base_layer(), module.lora_A[ADAPTER], module.lora_B[ADAPTER]
    scale = float(module.scaling[ADAPTER])
    fused: Tensor = _LoraLinear.apply(x, base.weight, base.bias, low.weight, high.weight, scale)
    return fused


def fuse(model: nn.Module) -> int:
    """Let every plain LoRA layer of a PEFT model compute in one step; return how many there are.

    What PEFT can do to a layer later (disable the adapter, merge it, set another one active) has
    PEFT compute the layer, as long as it lasts. If PEFT's layers are not made as they were when
    this was written, PEFT computes all of them: the results are the same, and it takes longer.
    """
    try:
        plain: list[Any] = [module for module in model.modules() if _is_plain(module)]
    except (ImportError, AttributeError) as error:
        say_once(f"LoRA is left to PEFT, which is slower: its layers are new here ({error})")
        return 0
    for module in plain:
        module.forward = MethodType(_forward, module)  # bound, so that a deep copy has its own
        setattr(module, _FUSED, True)
    return len(plain)


def is_fused(module: nn.Module) -> bool:
    """Say whether a layer computes in one step."""
    return hasattr(module, _FUSED)


def fused_layers(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """Return the layers that compute in one step, by name."""
    return ((name, m) for name, m in model.named_modules() if is_fused(m))
