"""What several layers say of a text, side by side: a fitted head may read more than the last one.

The last layer holds what the model was trained to say at its end; words and what they are about are
clearer below it. A model that was never tuned on the classes loses less of them where its upper
layers are read together (Tenney et al. 2019, arXiv 1905.05950; Evci et al. 2022, Head2Toe, arXiv
2201.03529).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

#: a layer's states -> one state per text, shape (n, width)
Reads = Callable[[Tensor], Tensor]


def blocks(layers: int, pooling: str) -> int:
    """Return how many states of a text there are, side by side."""
    return layers if pooling == "mean" else 2 * layers - 1


def states_of(output: Any, layers: int) -> Sequence[Tensor]:
    """Return the states of the last layers, last first, of a model's output."""
    if layers == 1:
        return [output.last_hidden_state]
    found: Sequence[Tensor] = output.hidden_states[-layers:][::-1]
    return found


def side_by_side(states: Sequence[Tensor], pooling: str, read: Reads, mean: Reads) -> Tensor:
    """Return what is read of each layer's states, last first, shape (n, blocks x width), float32.

    Of each layer the state at the position that is read; of those below the last the mean over the
    text too. The last layer has no mean: without padding it is computed at that position alone.

    Args:
        read: the states at the positions that are read.
        mean: the mean over each text.
    """
    if pooling == "mean":
        return torch.cat([mean(layer).float() for layer in states], dim=1)
    found = [read(layer) for layer in states] + [mean(layer) for layer in states[1:]]
    return torch.cat([block.float() for block in found], dim=1)


def mean_of(lengths: Sequence[int]) -> Reads:
    """Return what takes the mean over each of the texts that lie end to end, (tokens, width)."""
    return lambda states: torch.stack([s.float().mean(0) for s in states.split(list(lengths))])


def mean_within(mask: Tensor) -> Reads:
    """Return what takes the mean over each padded text, (n, row, width), by its mask (n, row)."""

    def mean(states: Tensor) -> Tensor:
        weights = mask.unsqueeze(-1).float()
        return (states.float() * weights).sum(1) / weights.sum(1)

    return mean
