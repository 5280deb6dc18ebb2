"""Saying, once, that a part of another library is not where it was and a slower way is taken."""

from __future__ import annotations

import functools
import logging

_log = logging.getLogger("conpet.models")


@functools.cache
def say_once(message: str) -> None:
    """Log a warning the first time it is given."""
    _log.warning(message)
