"""What the machine, or a broken file, did to a command: one line in place of a traceback.

Known by name, not by class: safetensors, pyarrow and MLflow are not imported to say that something
else went wrong. An error that is not known stays a traceback: it is a fault of this program.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from conpet.errors import NO_MEMORY
from conpet.temporary import meant

_REMEDIES = {
    errno.ENOSPC: "no room is left: make some, then run the same command again",
    errno.EDQUOT: "no room is left of what you may use: make some, then run the same command again",
    errno.EFBIG: "larger than a file may be here (ulimit -f): allow more, then run it again",
    errno.EROFS: "nothing can be written there, it is read-only: take another place",
    errno.EACCES: "you may not read or write it: change its owner or mode, or take another place",
    errno.EPERM: "you may not read or write it: change its owner or mode, or take another place",
    errno.EEXIST: "is there already: a folder is expected",
    errno.ENOENT: "no such file or folder",
    errno.EISDIR: "is a folder: a file is expected",
    errno.ENOTDIR: "is no folder, or lies in a file: a folder is expected",
    errno.EMFILE: "too many files are open (ulimit -n): allow more",
    errno.ENOMEM: "no memory is left: run less at once",
}
_BROKEN = "a file is broken ({}): delete what it was read from, and make it again"
_MEMORY = "no memory is left ({}): a smaller batch, fewer jobs at once, or another device"
_STORE = "MLflow's store: {}"
# package and name of a class of errors (any of the package where the name is empty) -> its line
_KNOWN = {
    ("safetensors", "SafetensorError"): _BROKEN,
    ("zipfile", "BadZipFile"): _BROKEN,
    ("pyarrow", "ArrowInvalid"): _BROKEN,
    ("json", "JSONDecodeError"): _BROKEN,
    ("pydantic_core", "ValidationError"): _BROKEN,
    ("torch", "OutOfMemoryError"): _MEMORY,
    ("builtins", "MemoryError"): _MEMORY,
    ("mlflow", ""): _STORE,
    ("sqlalchemy", ""): _STORE,
    ("sqlite3", ""): _STORE,
}
# what torch says as a plain RuntimeError, and others as a text of their own
_SAID = {
    **dict.fromkeys(NO_MEMORY, _MEMORY),
    "Error(s) in loading state_dict": _BROKEN,
    "No space left on device": _REMEDIES[errno.ENOSPC],
    "Read-only file system": _REMEDIES[errno.EROFS],
    "File too large": _REMEDIES[errno.EFBIG],
}
_LENGTH = 300


def in_one_line(error: BaseException) -> str | None:
    """Return what an error says of machine or files; None where it is a fault of this program."""
    for asked in (_of_system, _by_words, _by_class):
        if line := asked(error):
            return line
    return None


def _of_system(error: BaseException) -> str | None:
    if not isinstance(error, OSError):
        return None
    if error.errno is None:
        return _short(error) or type(error).__name__
    said = _REMEDIES.get(error.errno) or error.strerror or os.strerror(error.errno)
    name = error.filename2 or error.filename  # what it was to be renamed to, where it was
    if name is None or isinstance(name, int):
        plain = error.strerror in (None, os.strerror(error.errno))
        return said if plain else f"{error.strerror}: {said}"
    path = Path(os.fsdecode(name))
    # in a temporary folder: the one that it is to become
    return f"{Path(*(meant(Path(part)) for part in path.parts))}: {said}"


def _by_words(error: BaseException) -> str | None:
    found: Callable[[str], bool] = str(error).__contains__
    return next((line.format(_short(error)) for said, line in _SAID.items() if found(said)), None)


def _by_class(error: BaseException) -> str | None:
    for kind in type(error).__mro__:
        for name in (kind.__name__, ""):
            if line := _KNOWN.get((kind.__module__.partition(".")[0], name)):
                return line.format(_short(error))
    return None


def _short(error: BaseException) -> str:
    """Return an error's words in one line that a terminal can bear."""
    text = " ".join(str(error).split())
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 3]}..."
