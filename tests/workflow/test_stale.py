"""Files that changed under a date that is no newer are asked for again."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from conpet.config.raw import RawFile
from conpet.data.sources import fetch_files
from tests.conftest import ROOT

SPEC = importlib.util.spec_from_file_location("stale", ROOT / "workflow/scripts/stale.py")
assert SPEC is not None
assert SPEC.loader is not None
stale = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(stale)


@pytest.mark.parametrize(
    ("text", "seconds", "main", "marked"),
    [
        ("a,b\n", -60, True, False),
        ("a,c\n", -60, True, True),
        ("a,b\nc,d\n", -60, True, True),
        ("a,c\n", 60, True, False),  # newer: Snakemake sees that itself
        ("a,c\n", -60, False, False),  # a job's own Snakemake
    ],
)
def test_what_is_marked(text: str, seconds: int, main: bool, marked: bool, tmp_path: Path) -> None:
    file = RawFile(name="a.csv", url=str(tmp_path / "a.csv"))
    (tmp_path / "a.csv").write_text("a,b\n")
    fetch_files([file], tmp_path / "raw", "d", None)
    (tmp_path / "a.csv").write_text(text)
    when = (tmp_path / "raw/manifest.json").stat().st_mtime + seconds
    os.utime(tmp_path / "a.csv", (when, when))
    pytest.importorskip("snakemake.io")
    started: list[list[str]] = []
    persistence = SimpleNamespace(started=lambda job: started.append([*map(str, job.output)]))
    workflow = SimpleNamespace(is_main_process=main, persistence=persistence)
    stale.check_raw(workflow, [file], str(tmp_path / "raw"))
    assert started == ([[str(tmp_path / "raw")]] if marked else [])
