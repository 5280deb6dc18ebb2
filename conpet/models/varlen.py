"""Attention within texts that lie end to end in one row, on a card: the whole in one kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NAME = "conpet_varlen"
_HALF = (torch.bfloat16, torch.float16)
_WIDEST = 256


@dataclass(frozen=True)
class Texts:
    """Where texts lie in a row; what is left over at its end is one more.

    Attributes:
        bounds: where each begins, and where the last ends, (n + 2,), int32.
        owner: which text a token is of, (row,); n where of none.
        longest: no text is longer.
        causal: whether a token sees only what comes before it.
        flash: whether a kernel takes texts of any length here (:func:`has_flash`).
    """

    bounds: Tensor
    owner: Tensor
    longest: int
    causal: bool
    flash: bool

    @classmethod
    def of(cls, ends: Tensor, row: int, longest: int, causal: bool, flash: bool) -> Texts:
        """Return it of texts that end there, (n,), in a row of so many tokens."""
        bounds = F.pad(F.pad(ends, (1, 0)), (0, 1), value=row).to(torch.int32)
        places = torch.arange(row, device=ends.device)
        owner = torch.searchsorted(ends, places, right=True)
        return cls(bounds, owner, longest, causal, flash)

    def mask(self) -> Tensor:
        """Return who sees whom, (row, row)."""
        seen = self.owner[:, None] == self.owner[None]
        return seen.tril() if self.causal else seen


def has_flash(dtype: torch.dtype, device: torch.device, width: int) -> bool:
    """Say whether torch's flash attention takes heads of such a width there.

    It is called as it is, without the padding of widths that torch's own attention does first.
    """
    if device.type != "cuda" or dtype not in _HALF or width % 8 or width > _WIDEST:
        return False
    return torch.cuda.get_device_capability(device) >= (8, 0)


def _attend(
    _: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    __: Any,
    scaling: float | None = None,
    *,
    texts: Texts,
    **___: Any,
) -> tuple[Tensor, None]:
    """What transformers calls for attention: (1, heads, row, d) -> (1, row, heads, d)."""
    if texts.flash:
        q, k, v = (x.squeeze(0).transpose(0, 1) for x in (query, key, value))
        found = torch.ops.aten._flash_attention_forward(
            q, k, v, texts.bounds, texts.bounds, texts.longest, texts.longest, 0.0, texts.causal,
            False, scale=scaling,
        )  # fmt: skip
        return found[0].unsqueeze(0), None
    states = F.scaled_dot_product_attention(
        query, key, value, texts.mask(), scale=scaling, enable_gqa=True
    )
    return states.transpose(1, 2), None


def register() -> None:
    """Tell transformers of it.

    Of a mask it is told nothing: transformers then makes none, and looks at no position for that,
    which makes the host wait.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, _attend)
