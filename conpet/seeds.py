"""Seeds that depend on what they are for, and on nothing else."""

from __future__ import annotations

import hashlib


def derive(*parts: str | int) -> int:
    """Return a 63-bit seed, a stable hash of the parts (order matters, types do not).

    The same parts give the same seed on every platform and Python version, so a job's
    randomness never depends on which other jobs ran, or in what order.
    """
    key = "\x1f".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") >> 1
