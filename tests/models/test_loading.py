"""Weights that are not the model's are refused, in one line, where they are fetched and loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from conpet.config.model_source import FolderSource
from conpet.data.tokenizer import open_tokenizer
from conpet.errors import UserError
from conpet.models.fetching import fetch_model
from conpet.models.loading import load_model
from tests.models.architectures import save_model

Weights = dict[str, torch.Tensor]
CPU = torch.device("cpu")


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    return shutil.copytree(saved, tmp_path / "model")


def change(folder: Path, by: Callable[[Weights], Weights]) -> None:
    path = folder / "model.safetensors"
    save_file(by(load_file(path)), path, metadata={"format": "pt"})


def configure(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def refused(folder: Path) -> str:
    """Neither fetched nor loaded, for the same reason; return it without the place."""
    with pytest.raises(UserError) as fetched:
        fetch_model(FolderSource(kind="folder", path=str(folder)), folder.parent / "out")
    with pytest.raises(UserError) as loaded:
        load_model(folder, torch.float32, CPU)
    assert str(fetched.value) == str(loaded.value)
    assert "\n" not in str(loaded.value)
    assert not (folder.parent / "out").exists()
    return str(loaded.value).removeprefix(f"{folder}: ")


def accepted(folder: Path) -> Any:
    out = folder.parent / "out"
    fetch_model(FolderSource(kind="folder", path=str(folder)), out)
    return load_model(out, torch.float32, CPU)


def test_a_wrappers_prefix(model: Path) -> None:
    change(model, lambda w: {f"module.{name}": t for name, t in w.items()})
    said = refused(model)
    assert said.startswith("the weights do not fit config.json: 21 missing (embeddings.LayerNorm.b")
    assert "23 unexpected (module.embeddings.LayerNorm.bias, " in said


def test_one_weight_is_missing(model: Path) -> None:
    name = "encoder.layer.0.output.dense.weight"
    change(model, lambda w: {n: t for n, t in w.items() if n != name})
    assert f"config.json: 1 missing ({name}): save the model again" in refused(model)


def test_a_weight_of_another_shape(model: Path) -> None:
    configure(model, intermediate_size=48)
    said = refused(model)
    assert "3 misshapen (encoder.layer.0.intermediate.dense.bias is (32,), not (48,), " in said


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_a_longer_stack_of_layers_than_the_config_says(model: Path, prefix: str) -> None:
    def longer(w: Weights) -> Weights:
        second = {n.replace(".0.", ".1."): t.clone() for n, t in w.items() if ".layer.0." in n}
        return {f"{prefix}{n}": t for n, t in (w | second).items()}

    change(model, longer)
    assert "16 unexpected (" in refused(model)


def test_a_pooler_and_heads_more_or_less_are_no_fault(model: Path) -> None:
    plain = load_model(model, torch.float32, CPU).state_dict()

    def as_masked_lm(w: Weights) -> Weights:
        kept = {f"bert.{n}": t for n, t in w.items() if not n.startswith("pooler.")}
        ids = torch.arange(32)[None]
        return kept | {"cls.predictions.bias": torch.zeros(8), "bert.embeddings.position_ids": ids}

    change(model, as_masked_lm)
    found = accepted(model).state_dict()
    assert set(found) == set(plain)
    assert all(torch.equal(found[name], plain[name]) for name in plain)


def test_buffers_of_older_files_are_no_fault(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "neox", "gpt_neox")
    old = {
        "layers.0.attention.bias": torch.ones(1, 1, 4, 4, dtype=torch.bool),
        "layers.0.attention.masked_bias": torch.tensor(-1e9),
        "layers.0.attention.rotary_emb.inv_freq": torch.ones(4),
    }
    change(folder, lambda w: {f"gpt_neox.{n}": t for n, t in (w | old).items()})
    accepted(folder)


def test_a_pooler_without_weights_is_the_same_each_time(model: Path) -> None:
    import transformers

    config = transformers.MPNetConfig(
        vocab_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32,
    )  # fmt: skip
    transformers.MPNetModel(config).save_pretrained(model)
    change(model, lambda w: {n: t for n, t in w.items() if not n.startswith("pooler.")})
    before = torch.random.get_rng_state()
    first, second = (load_model(model, torch.float32, CPU) for _ in range(2))
    assert torch.equal(first.pooler.dense.weight, second.pooler.dense.weight)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_an_encoder_decoder_is_no_backbone(kind: str, model: Path) -> None:
    (model / "config.json").write_text(json.dumps({"model_type": kind}))
    assert refused(model).startswith(f"{kind} is an encoder-decoder, which cannot be a backbone: ")


def test_what_reads_no_text_is_no_backbone(model: Path) -> None:
    (model / "config.json").write_text(json.dumps({"model_type": "vit"}))
    assert refused(model).startswith("vit is no model of texts alone")


def test_what_memory_does_not_hold_is_no_broken_model(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("tried to allocate 2 GiB")

    monkeypatch.setattr("transformers.AutoModel.from_pretrained", full)
    with pytest.raises(torch.OutOfMemoryError):
        load_model(model, torch.float32, CPU)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model_type": "brt"}', '{"model_type": []}'])
def test_a_broken_config(text: str, model: Path) -> None:
    (model / "config.json").write_text(text)
    assert refused(model).startswith("transformers cannot load it (")


def test_nonsense_in_a_config(model: Path) -> None:
    configure(model, hidden_size="many")
    refused(model)


@pytest.mark.parametrize("kept", [0, 7, 300])
def test_a_cut_off_file_of_weights(kept: int, model: Path) -> None:
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"^[^\n]*transformers cannot load it \([^\n]*$"):
        load_model(model, torch.float32, CPU)
    path.unlink()
    with pytest.raises(UserError, match=r"^[^\n]*transformers cannot load it \([^\n]*$"):
        load_model(model, torch.float32, CPU)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model": 3}'])
def test_a_broken_tokenizer(text: str, model: Path) -> None:
    (model / "tokenizer.json").write_text(text)
    with pytest.raises(UserError, match=r"^[^\n]*cannot load the tokenizer \([^\n]*$"):
        open_tokenizer(model)
