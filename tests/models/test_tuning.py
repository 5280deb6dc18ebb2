"""Ways of tuning that PEFT lacks: what they tune, what they save."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from conpet.config import Model
from conpet.config.settings import Compute, Tuning
from conpet.data.stream import open_stream
from conpet.errors import UserError
from conpet.models.backbone import Backbone
from conpet.models.count import count
from conpet.models.tuning import OWN, check
from tests.models.architectures import Small

FULL, BITFIT = Tuning(type="full"), Tuning(type="BITFIT")


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Small]:
    folder = tmp_path_factory.mktemp("tuning")
    return {name: Small(folder / name, name) for name in ("bert", "llama")}


def make(world: Small, tuning: Tuning, **compute: str) -> Backbone:
    asked = Compute.model_validate({"device": "cpu", **compute})
    return Backbone(world.snapshot, "m", "mask", world.targets, tuning, asked, 1)


def train(made: Backbone, world: Small) -> torch.Tensor:
    """Take one step; return the representations after it."""
    stream, batch = open_stream([world.encoded], 2), np.arange(6)
    optimizer = torch.optim.AdamW(made.parameters(), lr=0.01)
    made.hidden(stream, batch).square().mean().backward()
    optimizer.step()
    return made.features(stream, batch)


def test_bitfit_moves_biases_and_nothing_else(worlds: dict[str, Small]) -> None:
    made = make(worlds["bert"], BITFIT)
    before = {n: p.detach().clone() for n, p in made.model.named_parameters()}
    train(made, worlds["bert"])
    moved = {n for n, p in made.model.named_parameters() if not torch.equal(p, before[n])}
    # a key's bias adds the same to all scores of a query, which the softmax takes away
    biases = {n for n in before if n.endswith(".bias")}
    assert {n for n in biases if ".key." not in n} <= moved <= biases
    assert len(biases) > 10


def test_bitfit_is_far_less_than_full(worlds: dict[str, Small]) -> None:
    def tuned(tuning: Tuning) -> int:
        return sum(p.numel() for p in make(worlds["bert"], tuning).parameters())

    assert 0 < tuned(BITFIT) < tuned(FULL) / 20


@pytest.mark.parametrize("way", [way for way in OWN if way != "none"])
def test_what_is_saved_is_what_is_tuned_and_loads_again(
    way: str, worlds: dict[str, Small], tmp_path: Path
) -> None:
    world = worlds["bert"]
    made = make(world, Tuning(type=way), precision="bfloat16")  # which own ways do without
    expected = train(made, world)
    made.save(tmp_path)
    saved = load_file(tmp_path / "backbone.safetensors")
    assert set(saved) == set(made.state())
    assert all(OWN[way](name) and t.dtype == torch.float32 for name, t in saved.items())
    again = make(world, Tuning(type=way))
    stream, batch = open_stream([world.encoded], 2), np.arange(6)
    assert not torch.equal(again.features(stream, batch), expected)
    again.load(tmp_path)
    assert torch.equal(again.features(stream, batch), expected)


def test_a_frozen_backbone_trains_and_saves_nothing_and_passes_a_text_once(
    worlds: dict[str, Small], tmp_path: Path
) -> None:
    world = worlds["bert"]
    made, tuned = make(world, Tuning(type="none")), make(world, FULL)
    stream = open_stream([world.encoded], 2)
    assert made.parameters() == []
    asked = np.array([3, 1, 3, 2])
    first = made.features(stream, asked)
    torch.testing.assert_close(first, tuned.features(stream, asked))
    assert torch.equal(first[0], first[2])
    again = made.hidden(stream, np.arange(5))
    assert not again.requires_grad
    assert torch.equal(again[asked], first)
    assert (made.passed.trained_samples, made.passed.forward_samples) == (0, 5)
    made.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
    made.load(tmp_path)


def test_what_is_frozen_later_is_saved_and_loaded_as_before(
    worlds: dict[str, Small], tmp_path: Path
) -> None:
    world = worlds["bert"]
    stream, batch = open_stream([world.encoded], 2), np.arange(6)
    made = make(world, Tuning())
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1)
    expected = made.features(stream, batch)
    made.freeze()
    assert made.parameters() == []
    torch.testing.assert_close(made.features(stream, batch), expected)
    made.save(tmp_path)
    made.reset()  # what was kept of the representations is forgotten
    assert not torch.allclose(made.features(stream, batch), expected)
    made.load(tmp_path)
    torch.testing.assert_close(made.features(stream, batch), expected)


def test_a_file_of_another_way_is_refused(worlds: dict[str, Small], tmp_path: Path) -> None:
    make(worlds["bert"], BITFIT).save(tmp_path)
    with pytest.raises(UserError, match=r"backbone.safetensors: .+ missing .+: made for another"):
        make(worlds["bert"], FULL).load(tmp_path)


def test_a_model_without_biases_is_refused(worlds: dict[str, Small]) -> None:
    with pytest.raises(UserError, match=r"^tuning.type: BITFIT finds nothing to tune on m$"):
        make(worlds["llama"], BITFIT)


def test_own_ways_have_no_fields() -> None:
    with pytest.raises(UserError, match=r"^tuning.config: BITFIT has no fields: leave config out"):
        check(Tuning(type="BITFIT", config={"r": 4}), ["query"])
    with pytest.raises(UserError, match=r"^tuning.type: unknown PEFT type 'BITFIX': did you mean"):
        check(Tuning(type="BITFIX"), ["query"])


def test_own_ways_are_counted_on_a_model_without_weights() -> None:
    sizes = {
        "model_type": "bert", "vocab_size": 50, "hidden_size": 8, "intermediate_size": 16,
        "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 16,
    }  # fmt: skip
    source = {"kind": "folder", "path": "here"}
    about = {"title": "t", "licence": "l", "source": source, "lora_targets": ["query"]}
    model = Model.model_validate({**about, "architecture": sizes})
    assert count("m", model, FULL).tunable == count("m", model, FULL).backbone
    # embeddings' norm; q, k, v, out and its norm; up; down and its norm; no pooler: none is loaded
    assert count("m", model, BITFIT).tunable == 8 + 5 * 8 + 16 + 2 * 8
