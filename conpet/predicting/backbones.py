"""Where a package's frozen backbone is found, or fetched by its pin."""

from __future__ import annotations

import contextlib
import errno
import os
import warnings
from pathlib import Path

from conpet.card import BackbonePin
from conpet.environment import CACHE
from conpet.errors import UserError
from conpet.files import read_json, sha256, visible
from conpet.models.fetching import fetch_model
from conpet.models.snapshot import TOKENIZERS

_WEIGHTS = ".safetensors"
#: written anew by every version of transformers: other bytes may mean the same
_SETTINGS = (
    "config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "merges.txt",
)  # fmt: skip
_ELSEWHERE = "set CONPET_CACHE to a folder, or give the backbone's own as snapshot"


def cache() -> Path:
    """Return the folder for fetched backbones: CONPET_CACHE, else the user's cache folder.

    Raises:
        UserError: this user has no home folder.
    """
    if given := CACHE.get():
        return Path(given) / "models"
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        raise UserError(f"no home folder to keep backbones in: {_ELSEWHERE}") from None
    return base / "conpet" / "models"


def _make(folder: Path) -> None:
    """Make the cache.

    Raises:
        UserError: it cannot be written, as where a container's home folder is read-only.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK) else os.strerror(errno.EACCES)
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise UserError(f"{folder}: cannot be written ({reason}): {_ELSEWHERE}")


def same(snapshot: Path, wanted: BackbonePin) -> bool:
    """Say whether a snapshot holds the files that the package was made with."""
    source = snapshot / "source.json"
    with contextlib.suppress(PermissionError):  # a folder above that may not be looked into
        if source.is_file():
            found = read_json(source)
            return isinstance(found, dict) and found.get("files") == wanted.files
    return False


def check(snapshot: Path, wanted: BackbonePin) -> None:
    """Refuse weights that are not those that the learner was trained on: they are read whole.

    So is a tokenizer that numbers words otherwise, where both have the same file of it. Of other
    settings a warning is given.

    Raises:
        UserError: the first file that is another one, is missing, or is too many.
    """
    pinned = {n: digest for n, digest in wanted.files.items() if n.endswith(_WEIGHTS)}
    found = {path.name for path in visible(snapshot, f"*{_WEIGHTS}")}
    for name in sorted(pinned.keys() | found):
        if name not in found or sha256(snapshot / name) != pinned.get(name):
            raise UserError(
                f"{snapshot}: {name}: not the weights that the learner was trained on: give the "
                "folder of the right ones as snapshot, or delete it and have it fetched again"
            )
    for name in TOKENIZERS:
        path, digest = snapshot / name, wanted.files.get(name)
        if digest and path.is_file() and sha256(path) != digest:
            raise UserError(
                f"{path}: not the tokenizer that the learner was trained with: give the folder of "
                "the right one as snapshot, or delete it and have it fetched again"
            )
    for name in _SETTINGS:
        path, digest = snapshot / name, wanted.files.get(name)
        if digest and path.is_file() and sha256(path) != digest:
            warnings.warn(
                f"{path}: not the file that the learner was trained with: where it says more than "
                "another version of transformers, answers are others",
                stacklevel=2,
            )


def find(wanted: BackbonePin, package: Path, mirror: Path | None = None) -> Path:
    """Return a folder with the backbone: beside the results, in the cache, or fetched now.

    Raises:
        UserError: it cannot be fetched, or is not what the package was made with.
    """
    for parent in package.resolve().parents:
        if same(near := parent / "models" / wanted.name, wanted):
            return near
    kept = cache() / f"{wanted.name}-{_short(wanted)}"
    if same(kept, wanted):
        return kept
    _make(kept.parent)
    fetch_model(wanted.source, kept, mirror)
    if not same(kept, wanted):
        raise UserError(
            f"{kept}: {wanted.source.kind} now gives other files than the learner was trained on: "
            "give the folder of the right ones as snapshot"
        )
    return kept


def _short(wanted: BackbonePin) -> str:
    weights = [digest for name, digest in sorted(wanted.files.items()) if name.endswith(_WEIGHTS)]
    return (weights or sorted(wanted.files.values()))[0][:12]
