"""Layers compiled by torch: what works number by number becomes a few kernels between products."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from conpet.models.architectures import PARTS


class CompiledLayers:
    """The layers of a model that is known, compiled for as long as a block lasts.

    They are made alike, so one compilation serves all. It happens when they are first computed, and
    takes up to a minute; torch keeps it on disk for the next process. What is computed is the same
    up to rounding.
    """

    def __init__(self, model: nn.Module) -> None:
        config: Any = model.config
        path = PARTS[config.model_type].layers
        found: Any = next(m for name, m in model.named_modules() if name.endswith(path))
        # any length of row: two compilations, as the first layer's input has no gradient
        self._layers = [
            (layer, torch.compile(layer.forward, fullgraph=True, dynamic=True)) for layer in found
        ]

    @contextmanager
    def active(self) -> Iterator[None]:
        """Have the layers compute as compiled."""
        for layer, compiled in self._layers:
            layer.forward = compiled
        try:
            yield
        finally:
            for layer, _ in self._layers:
                del layer.forward
