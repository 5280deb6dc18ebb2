"""A run: its key, what its folder holds, and how that is read.

The key and the paths cost no import of a framework; what is read is in :mod:`conpet.run.reading`.
"""

from __future__ import annotations

from conpet.run.folder import MEMORY_FILE, STATE_FILE, TIMING_FILE, RunFolder
from conpet.run.key import Cell, RunKey, run_path

__all__ = [
    "MEMORY_FILE",
    "STATE_FILE",
    "TIMING_FILE",
    "Cell",
    "RunFolder",
    "RunKey",
    "run_path",
]
