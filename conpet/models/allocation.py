"""Memory that a training step frees is what the next one asks for: keep it."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST = 2**30  # bytes


def keep_freed_memory() -> bool:
    """Have glibc hand freed blocks out again and not back to the kernel; elsewhere do nothing.

    By default large blocks are mapped afresh for every step, and the kernel clears each page: about
    a thousand page faults a step of MiniLM with eight texts.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False  # another C library
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST) and mallopt(_M_TRIM_THRESHOLD, _LARGEST))
