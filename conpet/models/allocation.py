"""Memory that a training step frees is what the next one asks for: keep it."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST = 2**30  # bytes
_LARGEST_ONCE = 2**25  # what older versions allow for the first of the two


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
    mapped = mallopt(_M_MMAP_THRESHOLD, _LARGEST) or mallopt(_M_MMAP_THRESHOLD, _LARGEST_ONCE)
    trimmed = mallopt(_M_TRIM_THRESHOLD, _LARGEST)
    return bool(mapped and trimmed)
