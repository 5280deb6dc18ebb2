"""LoRA's own dropouts: the only random numbers that a pass draws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from conpet.models.randomness import OwnRandomness


class Dropouts:
    """The dropouts of a model's adapter; they act where a gradient is taken, unless paused."""

    def __init__(self, model: nn.Module, randomness: OwnRandomness) -> None:
        named = model.named_modules()
        self._all = [m for n, m in named if "lora_dropout" in n and isinstance(m, nn.Dropout)]
        self._randomness = randomness
        self._paused = False

    @property
    def draw(self) -> bool:
        """Whether a pass with gradient draws random numbers."""
        return any(dropout.p for dropout in self._all)

    def off(self) -> None:
        """Let nothing be dropped, in a pass without gradient."""
        for dropout in self._all:
            dropout.eval()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let nothing be dropped in here, also where a gradient is taken."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    @contextmanager
    def acting(self, trained: bool) -> Iterator[None]:
        """Let them act in here.

        Args:
            trained: whether a gradient is taken.
        """
        drops = trained and not self._paused
        for dropout in self._all:
            dropout.train(drops)
        if not (drops and self._all):
            yield
            return
        with self._randomness.drawing():
            yield
