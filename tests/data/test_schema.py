"""Samples on disk."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conpet.data.samples import read_samples, write_samples
from conpet.data.schema import Mention, Sample
from conpet.errors import UserError

SAMPLES = [
    Sample("1", "a ü\n🙂", "c", "train", (Mention("head", 0, 1), Mention("tail", 2, 3))),
    Sample("2", "b", "d"),
]


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    write_samples(path, SAMPLES)
    first = path.read_bytes()
    assert read_samples(path) == SAMPLES
    write_samples(path, read_samples(path))
    assert path.read_bytes() == first
    write_samples(path, [])
    assert read_samples(path) == []


def test_what_is_no_samples_file(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"text": ["a"]}), other)
    for content in (None, b"", b"xx", other.read_bytes()):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError, match="not a samples file") as caught:
            read_samples(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
