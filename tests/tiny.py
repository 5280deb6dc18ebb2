"""The tiny world of conpet.testing, under the name that tests know it by."""

from __future__ import annotations

from conpet.testing.world import (
    CLASSES,
    ENCODE,
    TASKS,
    World,
    make_encoded,
    make_samples,
    make_snapshot,
    same_bytes,
)

__all__ = [
    "CLASSES", "ENCODE", "TASKS", "World", "make_encoded", "make_samples", "make_snapshot",
    "same_bytes",
]  # fmt: skip
