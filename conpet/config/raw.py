"""What a dataset's config says of one raw file."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from conpet.files import at_home

MANIFEST = "manifest.json"

Split = Literal["", "train", "valid", "test"]


class RawFile(BaseModel):
    """One raw file of a dataset.

    ``name`` is its relative path in the raw folder. ``url`` is an http(s) or ``file:`` address, or
    a local path; without one the user brings the file in a mirror folder. With ``member`` the
    address leads to a zip archive, ``sha256`` is the archive's, and the file is that path in it.
    ``split`` is the official split that the whole file belongs to, empty if there is none.
    A plain address or path in a config stands for a file with its last name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    url: str | None = Field(default=None, min_length=1)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    split: Split = ""
    member: str | None = Field(default=None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_address(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return {"name": PurePosixPath(_path(value)).name, "url": value}

    @field_validator("name")
    @classmethod
    def _inside_the_folder(cls, name: str) -> str:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or path.as_posix() != name:
            raise ValueError("must be a plain relative path, with / between folders")
        if name in (MANIFEST, "."):
            raise ValueError("is no name for a raw file")
        return name

    def local_path(self) -> Path | None:
        """Return where the address points on this machine; None for the web or no address."""
        if self.url and _scheme(self.url) == "file":
            parts = urllib.parse.urlparse(self.url)
            return Path(urllib.request.url2pathname(parts.netloc + parts.path))
        return at_home(self.url) if self.url and not _scheme(self.url) else None


def named_apart(value: Any) -> Any:
    """Name plain addresses with one last name by their folders too: a/train.csv, b/train.csv."""
    if not isinstance(value, list):
        return value
    plain = [PurePosixPath(_path(file)).parts for file in value if isinstance(file, str)]

    def name(file: str) -> Any:
        parts = PurePosixPath(_path(file)).parts
        alike = [other for other in plain if other[-1:] == parts[-1:] and other != parts]
        for count in range(2, len(parts) + 1):
            if alike and all(other[-count:] != parts[-count:] for other in alike):
                return {
                    "name": "/".join(p for p in parts[-count:] if p not in ("/", "..")),
                    "url": file,
                }
        return file

    return [name(file) if isinstance(file, str) else file for file in value]


def _path(address: str) -> str:
    return urllib.parse.urlparse(address).path if _scheme(address) else address


def _scheme(address: str) -> str:
    """Return an address's scheme; of a path, which may hold any letter, there is none."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?", address)
    return found[1].lower() if found and (found[2] or found[1].lower() == "file") else ""
