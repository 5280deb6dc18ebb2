"""The one exception a user is meant to read."""

from __future__ import annotations

import errno

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.ENOMEM, errno.EMFILE)
#: what torch, CUDA and cuBLAS say as plain errors where no memory is left
NO_MEMORY = (
    "not enough memory",
    "can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
_LONGEST = 200  # characters of another's message in one of ours


class UserError(Exception):
    """A mistake the user can mend: one line that says what, where, and what to do."""


def of_machine(error: BaseException) -> bool:
    """Say whether an error is one of room or memory, which a library meets anywhere."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"MemoryError", "OutOfMemoryError"}:
        return True
    return any(said in str(error) for said in NO_MEMORY)


def reason(error: BaseException) -> str:
    """Return what a library's error says, as part of a line; its name if it says nothing."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
