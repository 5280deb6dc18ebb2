"""A linear head whose rows come with their classes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conpet.seeds import derive


class Head(nn.Module):
    """Linear map to class scores, (n, width) -> (n, rows).

    A new row's first weights depend on the seed and its place only, so a head grown task by task
    equals one that was made large enough at once.
    """

    def __init__(self, width: int, rows: int, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.weight = nn.Parameter(torch.empty(0, width))
        self.bias = nn.Parameter(torch.empty(0))
        self.grow(rows)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the scores of each row."""
        return F.linear(hidden, self.weight, self.bias)

    def grow(self, rows: int) -> None:
        """Add rows until there are ``rows``, with nn.Linear's usual first weights."""
        width = self.weight.shape[1]
        bound = 1 / math.sqrt(width)
        weights, biases = [self.weight.data], [self.bias.data]
        for row in range(len(self.bias), rows):
            generator = torch.Generator().manual_seed(derive(self.seed, "head", row))
            drawn = torch.empty(width + 1).uniform_(-bound, bound, generator=generator)
            weights.append(drawn[None, :width].to(self.weight.device))
            biases.append(drawn[width:].to(self.bias.device))
        self.weight = nn.Parameter(torch.cat(weights))
        self.bias = nn.Parameter(torch.cat(biases))

    def tensors(self, prefix: str = "head") -> dict[str, Tensor]:
        """Return weight and bias by name, for a state's file."""
        return {f"{prefix}.weight": self.weight.detach(), f"{prefix}.bias": self.bias.detach()}

    def take(self, tensors: dict[str, Tensor], prefix: str = "head") -> None:
        """Put the rows of an earlier state in; rows that came later keep their first weights."""
        rows = len(tensors[f"{prefix}.bias"])
        self.grow(max(rows, len(self.bias)))
        with torch.no_grad():
            self.weight[:rows] = tensors[f"{prefix}.weight"].to(self.weight.device)
            self.bias[:rows] = tensors[f"{prefix}.bias"].to(self.bias.device)
