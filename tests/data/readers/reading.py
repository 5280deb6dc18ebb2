"""Reading small files made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conpet.config.raw import RawFile
from conpet.data.readers import read
from conpet.data.report import Report
from conpet.data.schema import Sample


def read_files(
    folder: Path, format: str, files: dict[str, str], part: str = "", **options: Any
) -> tuple[list[Sample], Report]:
    """Write the files, and read them as ``format``, all of one split."""
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content.encode())
    report = Report()
    listed = [RawFile.model_validate({"name": name, "split": part}) for name in files]
    return read(format, folder, listed, options, report), report


def marked(sample: Sample) -> list[tuple[str, str]]:
    """The role and the words of each mention."""
    return [(m.role, sample.text[m.start : m.end]) for m in sample.mentions]
