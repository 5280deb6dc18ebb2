"""What is wrong with a file that is read, in one line that names it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conpet.errors import UserError
from conpet.files import read_json

_WRONG = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError)
_LENGTH = 200


@contextlib.contextmanager
def reading(path: Path, remedy: str = "delete it and make it again") -> Iterator[None]:
    """Turn what a library says of a file that it cannot read into a UserError that names the file.

    What says that memory is short, or that this program is wrong, is let through.

    Args:
        path: the file or folder that the block reads.
        remedy: what to do about it.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, UserError) or not _is_files_fault(error):
            raise
        if isinstance(error, FileNotFoundError):
            raise UserError(f"{error.filename or path}: no such file: {remedy}") from None
        reason = " ".join(str(error).split())[:_LENGTH]
        raise UserError(f"{path}: cannot be read ({reason}): {remedy}") from None


def _is_files_fault(error: Exception) -> bool:
    # safetensors has a class of its own, which is not imported for this; tokenizers has none at all
    named = type(error).__name__ == "SafetensorError" or type(error) is Exception
    return named or isinstance(error, _WRONG)


def read_object(path: Path, *keys: str) -> dict[str, Any]:
    """Read a JSON object that has the given keys.

    Raises:
        UserError: the file is missing, or is not such JSON.
    """
    value = read_json(path)
    if not isinstance(value, dict) or not value.keys() >= set(keys):
        wanted = f"with {', '.join(keys)}" if keys else "of keys and values"
        raise UserError(f"{path}: not a JSON object {wanted}: delete it and make it again")
    return value
