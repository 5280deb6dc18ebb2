"""Where a long job stands, a line now and then, on stderr."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from conpet.environment import quiet


class Listener(Protocol):
    """Whoever is told a job's numbers as they come."""

    def metric(self, name: str, value: float, step: int) -> None:
        """Take note of a number; must not wait."""

    def close(self) -> None:
        """Finish: no number follows."""


class Progress:
    """Says what is running, how far it is, and how long it may still take.

    Args:
        name: what the job is, at the head of every line.
        every: seconds between lines.
        listener: who is told the loss of every step, if anybody.
    """

    def __init__(self, name: str, every: float = 5.0, listener: Listener | None = None) -> None:
        self.name = name
        self.listener = listener
        self.every = every
        self.quiet = quiet()
        self.start(0)

    def start(self, total: int) -> None:
        """Begin a stretch of work of ``total`` steps."""
        self._start = self._last = time.monotonic()
        self._done, self._total = 0, total

    def say(self, text: str) -> None:
        """Print one line now."""
        if not self.quiet:
            print(f"{self.name}: {text}", file=sys.stderr, flush=True)

    def step(self, text: str, loss: float | None = None) -> None:
        """Count one step, and print where the work stands unless a line was printed just now."""
        self._done += 1
        if self.listener is not None and loss is not None:
            self.listener.metric("loss", loss, self._done)
        now = time.monotonic()
        if now - self._last < self.every:
            return
        self._last = now
        left = (now - self._start) / self._done * (self._total - self._done)
        self.say(f"{text}, {self._done} of {self._total} steps, about {left:.0f} s left")

    def close(self) -> None:
        """Finish what is sent elsewhere."""
        if self.listener is not None:
            self.listener.close()
