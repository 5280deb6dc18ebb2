"""The one exception a user is meant to read."""

from __future__ import annotations

_LONGEST = 200  # characters of another's message in one of ours


class UserError(Exception):
    """A mistake the user can mend: one line that says what, where, and what to do."""


def reason(error: BaseException) -> str:
    """Return what a library's error says, as part of a line; its name if it says nothing."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
