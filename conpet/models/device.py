"""Which device computes, and in which number type."""

from __future__ import annotations

import torch

from conpet.config.settings import Compute
from conpet.errors import UserError


def choose_device(compute: Compute) -> torch.device:
    """Return the device that the settings ask for; nothing is set.

    Raises:
        UserError: cuda is asked for and not available.
    """
    if compute.device == "cuda" and not torch.cuda.is_available():
        raise UserError("compute.device: cuda is not available here: use auto or cpu")
    if compute.device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    # by its number: which card is the current one differs from thread to thread
    return torch.device("cuda", torch.cuda.current_device())


def named(device: torch.device) -> str:
    """Return what kind of device it is, a card with its name."""
    if device.type != "cuda":
        return device.type
    return f"cuda ({torch.cuda.get_device_name(device)})"


def has_bfloat16(device: torch.device) -> bool:
    """Say whether the device multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_tile"))


def choose_number_type(compute: Compute, device: torch.device) -> torch.dtype:
    """Return the type that frozen weights and activations have."""
    if compute.precision == "float32":
        return torch.float32
    if compute.precision == "bfloat16" or has_bfloat16(device):
        return torch.bfloat16
    return torch.float32
