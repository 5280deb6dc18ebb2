"""The one exception a user is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """A mistake the user can mend: one line that says what, where, and what to do."""
