"""Where a package's frozen backbone is found, or fetched by its pin."""

from __future__ import annotations

import os
from pathlib import Path

from conpet.card import BackbonePin
from conpet.environment import CACHE
from conpet.errors import UserError
from conpet.models.fetching import fetch_model
from conpet.reading import read_object


def cache() -> Path:
    """Return the folder for fetched backbones: CONPET_CACHE, else the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(CACHE.get() or Path(base) / "conpet") / "models"


def same(snapshot: Path, wanted: BackbonePin) -> bool:
    """Say whether a snapshot holds the files that the package was made with."""
    source = snapshot / "source.json"
    return source.is_file() and read_object(source).get("files") == wanted.files


def find(wanted: BackbonePin, package: Path, mirror: Path | None = None) -> Path:
    """Return a folder with the backbone: beside the results, in the cache, or fetched now.

    Raises:
        UserError: it cannot be fetched, or is not what the package was made with.
    """
    near = [parent / "models" / wanted.name for parent in package.resolve().parents]
    kept = cache() / f"{wanted.name}-{_short(wanted)}"
    for folder in (*near, kept):
        if same(folder, wanted):
            return folder
    fetch_model(wanted.source, kept, mirror)
    if not same(kept, wanted):
        raise UserError(
            f"{kept}: {wanted.source.kind} now gives other files than the learner was trained on: "
            "give the folder of the right ones as snapshot"
        )
    return kept


def _short(wanted: BackbonePin) -> str:
    weights = [digest for name, digest in sorted(wanted.files.items()) if "safetensors" in name]
    return (weights or sorted(wanted.files.values()))[0][:12]
