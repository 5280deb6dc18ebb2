"""Where a store is, and where its files are: addresses, looked at before MLflow waits for them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlparse

from conpet.errors import UserError

FILL = "snakemake mlflow --config experiment=NAME"
AGAIN = f"{FILL} --forcerun store"
_DATABASES = ("postgresql", "mysql", "mssql")
_GIVE = "give sqlite:///FILE, a database's address or an MLflow server's (http://...)"
_SQLITE = "sqlite:///"
# what a plain path may not hold where MLflow reads it as an address
_SPECIAL = frozenset("%#?")


def is_server(uri: str) -> bool:
    """Whether the store is an MLflow server and not a database opened here."""
    return urlparse(uri).scheme in ("http", "https")


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a SQLite store, None for any other kind."""
    if not uri.startswith(_SQLITE):
        return None
    # percent signs stand for themselves: SQLAlchemy takes the path as it is written
    return Path(uri.removeprefix(_SQLITE).partition("?")[0])


def check_store(uri: str, make: bool) -> None:
    """Refuse what is no store at once: MLflow tries for minutes, and makes what it only reads.

    Args:
        make: whether a database that is not there is to be made.

    Raises:
        UserError: the address is none, or its file is no database or cannot be opened.
    """
    scheme = urlparse(uri).scheme
    if is_server(uri):
        if not urlparse(uri).netloc:
            raise UserError(f"store: {uri}: names no server: {_GIVE}")
        return
    path = sqlite_path(uri)
    if path is None:
        if scheme.partition("+")[0] not in _DATABASES:
            raise UserError(f"store: {uri or 'nothing'}: no store: {_GIVE}")
        return
    if path == Path():
        raise UserError(f"store: {uri}: names no file: give sqlite:///FILE")
    if path.is_dir():
        raise UserError(f"store: {uri}: is a folder: give sqlite:///{path / 'mlflow.db'}")
    if not path.is_file() and not make:
        raise UserError(f"{path}: no such store: fill it first: {FILL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=60)) as database:
            database.execute("SELECT COUNT(*) FROM sqlite_master")
    except (sqlite3.Error, OSError) as error:
        raise UserError(
            f"{path}: cannot be opened ({error}): mend its rights, or delete it and log again: "
            f"{FILL}"
        ) from None


def is_deleted(uri: str, experiment: str) -> bool:
    """Say whether an experiment was deleted in MLflow; of other stores than SQLite, no."""
    path = sqlite_path(uri)
    if path is None or not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute(
                "SELECT lifecycle_stage FROM experiments WHERE name = ?", (experiment,)
            ).fetchone()
    except sqlite3.Error:
        return False  # whoever writes into it says what is wrong
    return found is not None and found[0] == "deleted"


def local_path(location: str) -> Path | None:
    """Return where a store's files lie on this machine, None where they lie elsewhere."""
    place = urlparse(location)
    if place.scheme == "file":
        return Path(unquote(place.path))
    return None if place.scheme else Path(location)


def address_of(path: Path) -> str:
    """Return a folder's or file's address: of a bare path MLflow reads ``%``, ``#``, ``?``."""
    return path.resolve().as_uri()


def plain_or_address(path: Path) -> str:
    """Return a path as it is where MLflow reads it so, else its address."""
    return address_of(path) if _SPECIAL & set(str(path)) else str(path)


def inside(location: str, folder: Path) -> bool:
    """Say whether a store's files of ``location`` lie in a folder on this machine."""
    path = local_path(location)
    if path is None or (not urlparse(location).scheme and _SPECIAL & set(location)):
        return False
    return path.is_relative_to(folder.resolve())
