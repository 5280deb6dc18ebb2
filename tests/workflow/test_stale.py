"""Files that changed under a date that is no newer are asked for again."""

from __future__ import annotations

import importlib.util
import os
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conpet.config.model_source import FolderSource
from conpet.config.raw import RawFile
from conpet.data.sources import fetch_files, own_file
from conpet.files import sha256, write_json
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
    there = tmp_path / "a.csv"
    file = RawFile(name="a.csv", url=str(there))
    there.write_text("a,b\n")
    fetch_files([file], tmp_path / "raw", "d", None)
    (tmp_path / "a.csv").write_text(text)
    when = (tmp_path / "raw/manifest.json").stat().st_mtime + seconds
    os.utime(tmp_path / "a.csv", (when, when))
    workflow, started = noted(main)
    stale.check_raw(workflow, {file: there}, str(tmp_path / "raw"), [there])
    assert started == ([[str(tmp_path / "raw")]] if marked else [])


def test_an_archive_with_other_bytes_is_marked(tmp_path: Path) -> None:
    def pack(text: str) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
            opened.writestr("a.csv", text)
        os.utime(tmp_path / "a.zip", (0, 0))

    pack("a,b\n")
    there = tmp_path / "a.zip"
    file = RawFile(name="a.csv", url=str(there), member="a.csv")
    fetch_files([file], tmp_path / "raw", "d", None)
    workflow, started = noted(True)
    stale.check_raw(workflow, {file: there}, str(tmp_path / "raw"), [there])
    assert started == []
    pack("a,c\n")
    stale.check_raw(workflow, {file: there}, str(tmp_path / "raw"), [there])
    assert started == [[str(tmp_path / "raw")]]


def noted(main: bool) -> tuple[Any, list[list[str]]]:
    """Return a workflow, and what is marked in it."""
    pytest.importorskip("snakemake.io")
    started: list[list[str]] = []
    persistence = SimpleNamespace(started=lambda job: started.append([*map(str, job.output)]))
    return SimpleNamespace(is_main_process=main, persistence=persistence), started


@pytest.mark.parametrize(
    ("name", "text", "marked"),
    [
        ("vocab.txt", "a\nb\n", False),  # written anew, the same
        ("vocab.txt", "a\nc\n", True),
        ("config.json", '{"other": 1}', True),
        ("merges.txt", "a b\n", True),  # one more
        ("README.md", "Another model.\n", False),
        ("optimizer.pt", "none of it", False),
    ],
)
def test_a_model_folder_that_changed_is_marked(
    name: str, text: str, marked: bool, tmp_path: Path
) -> None:
    own, snapshot = tmp_path / "own", tmp_path / "snapshot"
    own.mkdir()
    for file, said in {"vocab.txt": "a\nb\n", "config.json": "{}", "README.md": "Mine.\n"}.items():
        (own / file).write_text(said)
    shutil.copytree(own, snapshot)
    files = {path.name: sha256(path) for path in own.iterdir()}
    write_json(snapshot / "source.json", {"kind": "folder", "path": str(own), "files": files})
    source = FolderSource(path=str(own))
    workflow, started = noted(True)
    stale.check_model(workflow, source, str(snapshot))
    assert started == []
    (own / name).write_text(text)
    os.utime(own / name, (0, 0))  # as old as what was unpacked
    stale.check_model(workflow, source, str(snapshot))
    assert started == ([[str(snapshot)]] if marked else [])


def test_a_file_that_only_the_mirror_vouches_for_is_ones_own(tmp_path: Path) -> None:
    there = tmp_path / "mirror/d/a.csv"
    there.parent.mkdir(parents=True)
    there.write_text("a,b\n")
    bare, known = RawFile(name="a.csv"), RawFile(name="a.csv", sha256=sha256(there))
    far = RawFile(name="a.csv", url="https://example.org/a.csv")
    own = [own_file(file, "d", tmp_path / "mirror") for file in (bare, known, far)]
    assert own == [there, None, None]
    assert own_file(bare, "d", None) is None
    fetch_files([bare], tmp_path / "raw", "d", tmp_path / "mirror")
    workflow, started = noted(True)
    for text, marked in (("a,b\n", 0), ("a,c\n", 1)):  # of any date: it is no input of the job
        there.write_text(text)
        stale.check_raw(workflow, {bare: there}, str(tmp_path / "raw"), [])
        assert len(started) == marked
