"""The one form every dataset takes: a text, its label, and marked mentions."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conpet.errors import UserError
from conpet.files import atomic


@dataclass(frozen=True)
class Mention:
    """A span of ``Sample.text`` in characters, ``end`` exclusive; role head, tail or entity."""

    role: str
    start: int
    end: int


@dataclass(frozen=True)
class Sample:
    """One labelled text. ``split`` is train, valid or test, or empty without an official split."""

    id: str
    text: str
    label: str
    split: str = ""
    mentions: tuple[Mention, ...] = ()


@functools.cache
def _columns() -> Any:
    """Return the columns of a file of samples; a training job needs no pyarrow."""
    import pyarrow as pa

    mention = pa.struct([("role", pa.string()), ("start", pa.int32()), ("end", pa.int32())])
    texts = [(name, pa.string()) for name in ("id", "text", "label", "split")]
    return pa.schema([*texts, ("mentions", pa.list_(mention))])


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Write samples as parquet, in the order given."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "id": s.id,
            "text": s.text,
            "label": s.label,
            "split": s.split,
            "mentions": [{"role": m.role, "start": m.start, "end": m.end} for m in s.mentions],
        }
        for s in samples
    ]
    with atomic(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=_columns()), temporary, compression="zstd")


def read_samples(path: Path) -> list[Sample]:
    """Read what :func:`write_samples` wrote.

    Raises:
        UserError: the file is missing or is not such a file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if pq.read_schema(path).names != _columns().names:
            raise pa.ArrowInvalid("it has other columns")
        table = pq.read_table(path, schema=_columns())
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path}: not a samples file ({error}): run `conpet prepare`") from None
    return [
        Sample(
            id=row["id"],
            text=row["text"],
            label=row["label"],
            split=row["split"],
            mentions=tuple(Mention(m["role"], m["start"], m["end"]) for m in row["mentions"]),
        )
        for row in table.to_pylist()
    ]
