"""Samples as a parquet file. A training job reads token ids, and needs no pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from conpet.data.schema import Mention, Sample
from conpet.errors import UserError
from conpet.files import atomic

_MENTION = pa.struct([("role", pa.string()), ("start", pa.int32()), ("end", pa.int32())])
_TEXTS = [(name, pa.string()) for name in ("id", "text", "label", "split")]
_SCHEMA = pa.schema([*_TEXTS, ("mentions", pa.list_(_MENTION))])
_WITH_TASK = _SCHEMA.append(pa.field("task", pa.string()))


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Write samples as parquet, in the order given; tasks only where the data name them."""
    rows = [
        {
            "id": s.id,
            "text": s.text,
            "label": s.label,
            "split": s.split,
            "mentions": [{"role": m.role, "start": m.start, "end": m.end} for m in s.mentions],
            "task": s.task,
        }
        for s in samples
    ]
    schema = _WITH_TASK if any(s.task for s in samples) else _SCHEMA
    with atomic(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary, compression="zstd")


def read_samples(path: Path) -> list[Sample]:
    """Read what :func:`write_samples` wrote.

    Raises:
        UserError: the file is missing or is not such a file.
    """
    try:
        names = pq.read_schema(path).names
        known = next((s for s in (_SCHEMA, _WITH_TASK) if s.names == names), None)
        if known is None:
            raise pa.ArrowInvalid("it has other columns")
        table = pq.read_table(path, schema=known)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path}: not a samples file ({error}): run `conpet prepare`") from None
    return [
        Sample(
            id=row["id"],
            text=row["text"],
            label=row["label"],
            split=row["split"],
            mentions=tuple(Mention(m["role"], m["start"], m["end"]) for m in row["mentions"]),
            task=row.get("task", ""),
        )
        for row in table.to_pylist()
    ]
