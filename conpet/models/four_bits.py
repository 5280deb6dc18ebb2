"""A backbone whose frozen weights have four bits each, by bitsandbytes: for small cards.

QLoRA's NF4 (Dettmers et al. 2023, arXiv 2305.14314). Embeddings and layer norms stay as they are.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import torch

from conpet.errors import UserError
from conpet.models.loading import load_model


def load_four_bits(snapshot: Path, dtype: torch.dtype, device: torch.device) -> Any:
    """Return a frozen model with linear layers in NF4, which compute in ``dtype``.

    Raises:
        UserError: bitsandbytes is not here; or what :func:`conpet.models.loading.load_model` says.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError("compute.weights: 4bit needs bitsandbytes: pip install 'conpet[4bit]'")
    from transformers import BitsAndBytesConfig

    how = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
    )
    return load_model(snapshot, dtype, device, quantization_config=how)


def keep_gradients(model: torch.nn.Module) -> None:
    """Let layers of four bits compute as in training, for good; dropout is none of theirs.

    In evaluation bitsandbytes packs a CPU's weights anew, and no gradient passes them any more.
    """
    for module in model.modules():
        if type(module).__name__ == "Linear4bit":
            module.training = True


def count(model: torch.nn.Module) -> int:
    """Return how many parameters a model has; packed ones count as what they hold."""
    whole = (getattr(getattr(p, "quant_state", None), "shape", p.shape) for p in model.parameters())
    return sum(math.prod(shape) for shape in whole)
