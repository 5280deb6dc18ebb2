"""A package from anybody: whatever stands in it, one line, and nothing outside is touched."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

import conpet
from conpet.errors import UserError
from conpet.files import read_json
from conpet.predicting import backbones
from tests.chain import Chain
from tests.predicting.conftest import Packaged

pytestmark = pytest.mark.slow

NONSENSE = ("../../x", "", -1, 10**20, 1e400, None, [], {}, [{}], True)


@pytest.fixture
def package(packaged: Packaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a package, with a cache of its own."""
    monkeypatch.setenv("CONPET_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copytree(packaged("static_emr") / "model", tmp_path / "package"))


def put(package: Path, place: tuple[str | int, ...], value: Any) -> None:
    card = read_json(package / "model.json")
    inner = card
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (package / "model.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    "name", ["x/../../../victim", "../victim", "..", "/tmp/victim", "a\\b", "", "x\n", "x/y"]
)
def test_a_backbones_name_leads_nowhere(package: Path, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "kept.txt").write_text("mine")
    put(package, ("backbone", "name"), name)
    with pytest.raises(UserError, match=r"model\.json: backbone\.name"):
        conpet.load(package)
    assert [path.name for path in victim.iterdir()] == ["kept.txt"]
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("states", [["../../etc"], ["/etc"], ["task01/.."], [], ["task1"]])
def test_a_state_lies_in_the_package(package: Path, learnt: Chain, states: list[str]) -> None:
    put(package, ("states",), states)
    with pytest.raises(UserError, match=r"model\.json: states"):
        conpet.load(package, snapshot=learnt.snapshot)


def test_only_the_caches_own_folder_is_replaced(package: Path, tmp_path: Path) -> None:
    conpet.load(package)
    (made,) = (tmp_path / "cache/models").iterdir()
    (tmp_path / "cache/models/other").mkdir()
    (made / "source.json").write_text("[]")  # no longer what is wanted: fetched again
    conpet.load(package)
    assert {p.name for p in (tmp_path / "cache/models").iterdir()} == {made.name, "other"}
    assert backbones.same(made, conpet.load(package).about.backbone)


def leaves(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a card, sections too."""
    if place:
        yield place
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*place, key))
    elif isinstance(value, list) and value:
        yield from leaves(value[0], (*place, 0))


def test_nonsense_anywhere_is_one_line_or_harmless(package: Path, learnt: Chain) -> None:
    whole = (package / "model.json").read_text()
    told = 0
    for place in leaves(json.loads(whole)):
        for value in NONSENSE:
            (package / "model.json").write_text(whole)
            put(package, place, value)
            try:
                conpet.load(package, snapshot=learnt.snapshot).predict(["w1x1"])
            except UserError as error:
                told += 1
                assert "\n" not in str(error), (place, value, str(error))
            except Exception as error:
                raise AssertionError(f"{place} = {value!r}: {type(error).__name__}") from error
    assert told > 300


def tamper(path: Path, by: str) -> None:
    """Change one weight, as one who edits a file would: it stays a whole file of tensors."""
    if by == "missing":
        path.unlink()
        return
    if by == "too many":
        shutil.copyfile(path, path.with_name("more.safetensors"))
        return
    weights = load_file(path)
    name = max(weights)
    save_file(weights | {name: weights[name] + 1}, path)


@pytest.mark.parametrize("by", ["changed", "missing", "too many"])
@pytest.mark.parametrize("name", ["learner.safetensors", "adapter/adapter_model.safetensors"])
def test_a_changed_weight_is_refused(package: Path, learnt: Chain, name: str, by: str) -> None:
    state = read_json(package / "model.json")["states"][0]
    path = package / state / name
    tamper(path, by)
    said = {
        "changed": f"{path}: has changed since it was packaged (SHA-256 in model.json): package",
        "missing": f"{path}: is missing (SHA-256 in model.json): package",
        "too many": f"{path.parent / 'more.safetensors'}: is not of this package (SHA-256 in",
    }[by]
    with pytest.raises(UserError, match=re.escape(said)):
        conpet.load(package, snapshot=learnt.snapshot)


def test_a_changed_backbone_is_refused(package: Path, learnt: Chain, tmp_path: Path) -> None:
    snapshot = Path(shutil.copytree(learnt.snapshot, tmp_path / "snapshot"))
    conpet.load(package, snapshot=snapshot)
    tamper(snapshot / "model.safetensors", "changed")  # source.json still says the old digest
    said = f"{snapshot}: model.safetensors: not the weights that the learner was trained on: give"
    with pytest.raises(UserError, match=re.escape(said)):
        conpet.load(package, snapshot=snapshot)


def test_a_package_without_digests_opens_and_the_command_says_so(
    package: Path, learnt: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    put(package, ("files",), {})
    learnt("predict", "--run", package, "--snapshot", learnt.snapshot, "--text", "w1x1")
    said = capsys.readouterr()
    assert "so that its files cannot be checked: package the run again" in said.err
    assert said.out.startswith("text,label,confidence")


@pytest.mark.parametrize("text", ["", "[]", "3", "null", "{", "\udcff", '{"format": 2}'])
def test_a_card_that_is_none_is_one_line(package: Path, text: str) -> None:
    (package / "model.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"model\.json"):
        conpet.load(package)


def test_without_a_home_that_can_be_written_it_says_what_to_set(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONPET_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"cannot be written \(.*\): set CONPET_CACHE to a folder"):
        conpet.load(package)

    def refuses(path: Any, mode: int) -> bool:
        return mode != os.W_OK

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", refuses)  # as where the file system is read-only
        with pytest.raises(UserError, match=r"cannot be written \(Permission denied\): set CONPET"):
            conpet.load(package)

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(UserError, match="no home folder to keep backbones in: set CONPET_CACHE"):
        conpet.load(package)
    monkeypatch.setenv("CONPET_CACHE", str(tmp_path / "cache"))
    assert conpet.load(package).predict(["w1x1"]).labels
