"""A stream of random numbers of one's own, drawn by code that knows only the process's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class OwnRandomness:
    """Random states that go on from block to block and leave the process's as they were.

    The numbers are those that ``torch.manual_seed(seed)`` would give.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._states = {torch.device("cpu"): torch.Generator().manual_seed(seed).get_state()}
        if device.type == "cuda":
            self._states[device] = torch.Generator(device).manual_seed(seed).get_state()

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Let all that the block draws come from here."""
        cards = [device for device in self._states if device.type == "cuda"]
        with torch.random.fork_rng(devices=cards):
            torch.set_rng_state(self._states[torch.device("cpu")])
            for card in cards:
                torch.cuda.set_rng_state(self._states[card], card)
            yield
            self._states[torch.device("cpu")] = torch.get_rng_state()
            for card in cards:
                self._states[card] = torch.cuda.get_rng_state(card)
