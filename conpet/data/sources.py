"""Getting raw files: downloaded or copied, verified by sha256, kept whole or not at all."""

from __future__ import annotations

import glob
import http.client
import shutil
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError

from conpet.config.raw import MANIFEST, RawFile, Split
from conpet.environment import quiet
from conpet.errors import UserError, of_machine
from conpet.files import atomic_folder, read_json, sha256, write_json
from conpet.temporary import scratch

TIMEOUT_SECONDS = 60.0
TRIES = 3
WAIT_SECONDS = 1.0  # before the second try; doubled before the third
_BLOCK = 1 << 18
_PASSING_STATUS = (408, 425, 429)
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError)


class FetchedFile(BaseModel):
    """One entry of manifest.json: what a raw file is and where it came from.

    ``sha256`` and ``bytes`` are those of the file in the raw folder (for a zip member: of the
    unpacked file, and ``archive`` is the SHA-256 of what it came from). ``source`` is the address,
    ``mirror:PATH`` or the local path, with ``#MEMBER``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    sha256: str
    bytes: int
    split: Split
    source: str
    archive: str | None = None


class _Manifest(BaseModel):
    files: list[FetchedFile]


def fetch_files(
    files: Sequence[RawFile], out: Path, dataset: str, mirror: Path | None, where: str = ""
) -> None:
    """Bring all raw files of ``dataset`` into the new folder ``out``, with a manifest.json.

    A file is taken from ``mirror`` if it lies there (``mirror/dataset/name``, ``mirror/name``, the
    bare file name in ``mirror/dataset``; with a sha256 also in any other folder of the mirror),
    otherwise from its address. A zip archive in the mirror is called ``DATASET.zip`` or as its
    address ends. An address that is a local path does without the mirror.

    Args:
        where: what lists the files, for messages; ``datasets.DATASET`` by default.

    Raises:
        UserError: a file is missing, cannot be downloaded, or is not the bytes its sha256 says;
            then ``out`` is left as it was.
    """
    _check_list(files, dataset)
    _check_local(files, where or f"datasets.{dataset}")
    _check_reachable(files, dataset, mirror)
    with (
        atomic_folder(out) as folder,
        scratch(out) as unpacked,
    ):
        archives: dict[tuple[str | None, str | None], tuple[Path, str]] = {}
        entries = []
        for file in files:
            archive = None
            target = folder / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.member is None:
                source = _obtain(file, target, dataset, mirror)
            else:
                key = (file.url, file.sha256)
                if key not in archives:
                    archive = unpacked / f"{len(archives)}.zip"
                    archives[key] = (archive, _obtain(file, archive, dataset, mirror))
                archive, source = archives[key]
                _unpack(file.name, archive, file.member, target)
                source = f"{source}#{file.member}"
            entry = FetchedFile(
                name=file.name,
                sha256=sha256(target),
                bytes=target.stat().st_size,
                split=file.split,
                source=source,
                archive=sha256(archive) if archive else None,
            )
            entries.append(entry.model_dump(exclude=None if entry.archive else {"archive"}))
        write_json(folder / MANIFEST, {"files": entries})


def read_manifest(raw: Path) -> list[FetchedFile]:
    """Return what manifest.json lists, after checking that the files still are those bytes.

    Raises:
        UserError: the manifest is missing or broken, or a file is missing or has changed.
    """
    path = raw / MANIFEST
    if not path.is_file():
        raise UserError(f"{path}: no such file: run `conpet fetch-dataset` first")
    try:
        manifest = _Manifest.model_validate(read_json(path))
    except ValidationError:
        raise UserError(f"{path}: not a manifest: fetch the dataset again") from None
    for entry in manifest.files:
        file = raw / entry.name
        if not file.is_file():
            raise UserError(f"{file}: missing: fetch the dataset again")
        found = sha256(file)
        if found != entry.sha256:
            raise UserError(
                f"{file}: changed since it was fetched (expected sha256 {entry.sha256}, found "
                f"{found}, {file.stat().st_size} bytes): fetch the dataset again"
            )
    return manifest.files


def _check_list(files: Sequence[RawFile], dataset: str) -> None:
    names = [file.name for file in files]
    if not names:
        raise UserError(f"{dataset}: no raw files listed: list them under files in its config")
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{dataset}: {name}: listed twice: give every raw file its own name")
    for file in files:
        if file.url is None or file.local_path() is not None:
            continue
        scheme = urllib.parse.urlparse(file.url).scheme
        if scheme not in ("http", "https"):
            raise UserError(f"{file.name}: address {file.url}: use http, https, file or a path")
        if file.sha256 is None:
            raise UserError(f"{file.name}: {file.url}: a download needs a sha256: add it")


def _check_local(files: Sequence[RawFile], where: str) -> None:
    for file in files:
        if (local := file.local_path()) and not local.is_file():
            raise UserError(f"{where}: files: {local}: no such file: correct the path")


def _check_reachable(files: Sequence[RawFile], dataset: str, mirror: Path | None) -> None:
    missing = [
        _archive_names(file, dataset)[0] if file.member else file.name
        for file in files
        if file.url is None and _in_mirror(file, dataset, mirror) is None
    ]
    if not missing:
        return
    where = (
        f"{mirror}/{dataset}"
        if mirror is not None
        else f"config/datasets/{dataset}, or MIRROR/{dataset} and give MIRROR as the local mirror"
    )
    raise UserError(
        f"{dataset}: no public download (licensed, or no fixed address): put "
        f"{', '.join(dict.fromkeys(missing))} into {where}"
    )


def own_file(file: RawFile, dataset: str, mirror: Path | None) -> Path | None:
    """Return the file on this machine that alone says what a raw file holds, or None.

    That is one's own, or a mirror's of which neither an address nor a hash is known.
    """
    if file.url is None and file.sha256 is None:
        return _in_mirror(file, dataset, mirror)
    return file.local_path()


def _archive_names(file: RawFile, dataset: str) -> list[str]:
    named = PurePosixPath(urllib.parse.urlparse(file.url or "").path).name
    return [named, f"{dataset}.zip"] if named.endswith(".zip") else [f"{dataset}.zip"]


def _in_mirror(file: RawFile, dataset: str, mirror: Path | None) -> Path | None:
    """Return the mirror's file: one with the right bytes, if there is one."""
    if mirror is None or file.local_path() is not None:
        return None
    named: list[Path] = []
    elsewhere: list[Path] = []
    for name in _archive_names(file, dataset) if file.member else [file.name]:
        base = PurePosixPath(name).name
        named += [mirror / dataset / name, mirror / name, mirror / dataset / base]
        for place in dict.fromkeys((name, base)):
            elsewhere += sorted(mirror.glob(f"*/{glob.escape(place)}"))
    named = [path for path in named if path.is_file()]
    if file.sha256 is not None:
        for path in named + elsewhere:
            if path.is_file() and sha256(path) == file.sha256:
                return path
    return next(iter(named), None)


def _obtain(file: RawFile, target: Path, dataset: str, mirror: Path | None) -> str:
    """Put the file's verified bytes at ``target``; return where they came from."""
    found = _in_mirror(file, dataset, mirror)
    if found is not None and mirror is not None:
        return _copy(file, found, target, f"mirror:{found.relative_to(mirror).as_posix()}")
    if file.url is None:
        raise UserError(f"{file.name}: neither in the mirror nor downloadable")
    local = file.local_path()
    if local is not None:
        return _copy(file, local, target, file.url)
    _download(file.url, target, f"{dataset}: {file.name}")
    _verify(file, target, file.url)
    return file.url


def _copy(file: RawFile, path: Path, target: Path, source: str) -> str:
    try:
        shutil.copyfile(path, target)
    except OSError as error:
        if of_machine(error):
            raise
        raise UserError(f"{file.name}: {path}: cannot be read ({error.strerror})") from None
    _verify(file, target, source)
    return source


def _verify(file: RawFile, path: Path, source: str) -> None:
    if file.sha256 is None:
        return
    found = sha256(path)
    if found != file.sha256:
        raise UserError(
            f"{file.name}: wrong bytes from {source} (expected sha256 {file.sha256}, found {found},"
            f" {path.stat().st_size} bytes): truncated or changed: get the file again"
            + (
                " (one that you changed yourself: its new sha256 belongs where the old one stands; "
                "of `conpet extend`: delete its entry, and extend again)"
                if file.local_path()
                else ""
            )
        )


def _unpack(name: str, archive: Path, member: str, target: Path) -> None:
    try:
        with (
            zipfile.ZipFile(archive) as opened,
            opened.open(member) as packed,
            target.open("wb") as unpacked,
        ):
            shutil.copyfileobj(packed, unpacked, _BLOCK)
    except KeyError:
        raise UserError(f"{name}: no {member} in the archive: correct member") from None
    except _ZIP_ERRORS as error:
        if of_machine(error):
            raise
        raise UserError(f"{name}: not a readable zip archive ({error}): get it again") from None


def _download(url: str, target: Path, label: str) -> None:
    """Stream ``url`` to ``target``; a download that stays short is left for the sha256 check."""
    for attempt in range(TRIES):
        last = attempt == TRIES - 1
        try:
            if _stream(url, target, label) or last:
                return
        except urllib.error.HTTPError as error:
            error.close()
            if last or (error.code < 500 and error.code not in _PASSING_STATUS):
                raise UserError(f"{label}: {url}: HTTP {error.code} {error.reason}") from None
        except (OSError, http.client.HTTPException) as error:
            if of_machine(error):
                raise
            if last:
                why = getattr(error, "reason", None) or str(error) or type(error).__name__
                raise UserError(
                    f"{label}: {url}: no download after {TRIES} tries ({why}): "
                    "check the network, or use a local mirror"
                ) from None
        time.sleep(WAIT_SECONDS * 2**attempt)


def _stream(url: str, target: Path, label: str) -> bool:
    """Return whether as many bytes came as the server announced."""
    request = urllib.request.Request(url, headers={"User-Agent": "conpet"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        announced = response.headers.get("Content-Length")
        total = int(announced) if announced and announced.isdigit() else None
        done = 0
        with target.open("wb") as file:
            while block := response.read(_BLOCK):
                file.write(block)
                done += len(block)
                _progress(label, done, total, end="\r")
    _progress(label, done, total, end="\n")
    return total is None or done == total


def _progress(label: str, done: int, total: int | None, end: str) -> None:
    if quiet() or (end == "\r" and not sys.stderr.isatty()):
        return
    of = f" of {total / 1e6:.1f}" if total else ""
    print(f"{label}: {done / 1e6:.1f}{of} MB", end=end, file=sys.stderr, flush=True)
