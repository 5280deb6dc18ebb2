"""What a part of a job costs: what passes the backbone meanwhile, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from conpet.models.passed import Passed


@dataclass
class Spent:
    """The forward passes and seconds of a part of a job, added up over its pieces."""

    samples: int = 0
    tokens: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @contextmanager
    def counting(self, passed: Passed) -> Iterator[None]:
        """Add what the block costs; ``passed`` is the backbone's own count."""
        before, start, cpu = replace(passed), time.monotonic(), time.process_time()
        try:
            yield
        finally:
            self.samples += passed.forward_samples - before.forward_samples
            self.tokens += passed.forward_tokens - before.forward_tokens
            self.seconds += time.monotonic() - start
            self.cpu_seconds += time.process_time() - cpu
