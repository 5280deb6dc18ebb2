"""A backbone's folder is held against what a learner was trained on."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from conpet.card import BackbonePin
from conpet.errors import UserError
from conpet.files import sha256
from conpet.predicting import backbones


def pinned(folder: Path, *names: str) -> BackbonePin:
    """Write files of a backbone, and return the pin of them."""
    for name in ("model.safetensors", *names):
        (folder / name).write_text(name)
    return BackbonePin.model_validate({
        "name": "tiny", "title": "Tiny", "licence": "none", "pooling": "mask",
        "lora_targets": "all-linear", "source": {"kind": "folder", "path": str(folder)},
        "files": {path.name: sha256(path) for path in folder.iterdir()},
    })  # fmt: skip


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    pin = pinned(tmp_path, "tokenizer.json", "vocab.txt")
    backbones.check(tmp_path, pin)
    (tmp_path / "vocab.txt").unlink()  # the other file says all that it does
    backbones.check(tmp_path, pin)
    (tmp_path / "tokenizer.json").write_text("words numbered otherwise")
    with pytest.raises(UserError, match=r"tokenizer\.json: not the tokenizer that the learner was"):
        backbones.check(tmp_path, pin)


def test_another_config_is_told(tmp_path: Path) -> None:
    pin = pinned(tmp_path, "config.json", "merges.txt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backbones.check(tmp_path, pin)
    (tmp_path / "config.json").write_text("{}")
    with pytest.warns(
        UserWarning, match=r"config\.json: not the file that the learner was trained"
    ):
        backbones.check(tmp_path, pin)
