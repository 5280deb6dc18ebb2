"""BERT's layers by hand: where they are taken, and that they are the model's own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from conpet.config.settings import Compute, Tuning
from conpet.data.stream import open_stream
from conpet.models import encoder, fallback
from conpet.models.backbone import Backbone
from conpet.models.fused import is_fused
from conpet.models.packing import Packing
from tests.models.architectures import Small

LORA = Tuning(type="LORA", config={"r": 4})
TEXTS = np.arange(12)
LAYER = "base_model.model.encoder.layer.0"
UP = f"{LAYER}.intermediate.dense"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return Small(tmp_path_factory.mktemp("encoder") / "bert", "bert")


def made(
    world: Small, tuning: Tuning = LORA, snapshot: Path | None = None, **compute: object
) -> Backbone:
    settings = Compute.model_validate({"device": "cpu", **compute})
    folder = snapshot or world.snapshot
    backbone = Backbone(folder, "m", "mask", world.targets, tuning, settings, 1)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    return backbone


def uses(backbone: Backbone) -> bool:
    return backbone._unpadded is not None and backbone._unpadded._by_hand is not None


def passed(world: Small, backbone: Backbone) -> tuple[Tensor, list[Tensor]]:
    hidden = backbone.hidden(open_stream([world.encoded], 2), TEXTS)
    hidden.square().mean().backward()
    return hidden.detach(), [p.grad for p in backbone.parameters() if p.grad is not None]


@pytest.mark.parametrize(
    "tuning",
    [
        LORA,
        Tuning(type="LORA", config={"r": 4, "target_modules": "all-linear"}),
        Tuning(type="LORA", config={"r": 4, "use_rslora": True}),
        Tuning(type="none"),
    ],
)
def test_bert_with_lora_or_nothing_is_by_hand(world: Small, tuning: Tuning) -> None:
    assert uses(made(world, tuning))


@pytest.mark.parametrize(
    "tuning",
    [
        Tuning(type="BITFIT"),
        Tuning(type="full"),
        Tuning(type="IA3"),
        Tuning(type="LORA", config={"r": 4, "use_dora": True}),
        Tuning(type="LORA", config={"r": 4, "lora_dropout": 0.5}),
        Tuning(type="LORA", config={"r": 4, "bias": "all"}),
    ],
)
def test_any_other_tuning_is_left_to_transformers_and_peft(world: Small, tuning: Tuning) -> None:
    assert not uses(made(world, tuning))


def test_other_architectures_are_left_to_transformers(tmp_path: Path) -> None:
    llama = Small(tmp_path / "llama", "llama")
    assert not uses(made(llama))


@pytest.mark.parametrize(("activation", "by_hand"), [("gelu_new", True), ("relu", False)])
def test_the_models_own_activation_is_taken(
    world: Small, tmp_path: Path, activation: str, by_hand: bool
) -> None:
    snapshot = shutil.copytree(world.snapshot, tmp_path / "snapshot")
    config = json.loads((snapshot / "config.json").read_text())
    (snapshot / "config.json").write_text(json.dumps({**config, "hidden_act": activation}))
    ours, theirs = (made(world, snapshot=snapshot, fast=fast) for fast in (True, False))
    assert uses(ours) == by_hand
    assert not uses(theirs)
    torch.testing.assert_close(passed(world, ours), passed(world, theirs), atol=1e-5, rtol=1e-3)
    # and it makes a difference
    assert not torch.equal(passed(world, ours)[0], passed(world, made(world))[0])


def test_in_bfloat16_it_is_as_near_to_float32_as_transformers_is(world: Small) -> None:
    exact = passed(world, made(world, fast=False))
    ours = passed(world, made(world, precision="bfloat16"))
    theirs = passed(world, made(world, precision="bfloat16", fast=False))

    def far(found: tuple[Tensor, list[Tensor]]) -> list[float]:
        pairs = zip([found[0], *found[1]], [exact[0], *exact[1]], strict=True)
        return [float((a - b).norm() / b.norm()) for a, b in pairs]

    assert max(far(theirs)) > 1e-4  # it is bfloat16 that passes
    assert np.mean(far(ours)) < 1.3 * np.mean(far(theirs))


def test_without_gradient_the_states_are_those_with_it(world: Small) -> None:
    backbone, stream = made(world), open_stream([world.encoded], 2)
    with torch.no_grad():
        alone = backbone.hidden(stream, TEXTS)
    assert torch.equal(alone, backbone.hidden(stream, TEXTS).detach())


def test_a_graph_gives_its_gradient_twice(world: Small) -> None:
    backbone = made(world)
    value = backbone.hidden(open_stream([world.encoded], 2), TEXTS).square().mean()
    first, second = (
        torch.autograd.grad(value, backbone.parameters(), retain_graph=True) for _ in range(2)
    )
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)


def test_a_gradient_of_a_gradient_is_refused(world: Small) -> None:
    backbone = made(world)
    value = backbone.hidden(open_stream([world.encoded], 2), TEXTS).square().mean()
    first = torch.autograd.grad(value, backbone.parameters(), create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        sum(g.square().sum() for g in first).backward()  # type: ignore[union-attr]


def test_a_disabled_adapter_is_left_to_peft(world: Small) -> None:
    backbone, stream = made(world), open_stream([world.encoded], 2)
    with torch.no_grad():
        before = backbone.hidden(stream, TEXTS)
        with backbone.model.disable_adapter():
            without = backbone.hidden(stream, TEXTS)
        frozen = made(world, Tuning(type="none")).hidden(stream, TEXTS)
        assert torch.equal(backbone.hidden(stream, TEXTS), before)
    torch.testing.assert_close(without, frozen, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(without, before, atol=1e-3)


def changed_in_place(backbone: Backbone) -> None:
    backbone.model.get_submodule(UP).weight.mul_(50.0)


def taken_out(backbone: Backbone) -> None:
    backbone.model.unload()


def another_bias(backbone: Backbone) -> None:
    up = backbone.model.get_submodule(UP)
    up.bias = torch.nn.Parameter(up.bias + 3.0, requires_grad=False)


def other_data(backbone: Backbone) -> None:
    up = backbone.model.get_submodule(UP)
    up.weight.data = up.weight.data * 50.0


def another_norm(backbone: Backbone) -> None:
    part = backbone.model.get_submodule(f"{LAYER}.output")
    norm = torch.nn.LayerNorm(part.LayerNorm.normalized_shape[0], dtype=part.LayerNorm.weight.dtype)
    part.LayerNorm = norm.requires_grad_(False)
    with torch.no_grad():
        norm.bias.add_(1.0)


def another_activation(backbone: Backbone) -> None:
    backbone.model.get_submodule(f"{LAYER}.intermediate").intermediate_act_fn = torch.nn.Tanh()
    changed_in_place(backbone)  # so that it matters


def looked_at(backbone: Backbone) -> None:
    up = backbone.model.get_submodule(UP)
    up.register_forward_hook(lambda _, __, found: found + 2.0)


CHANGES = [
    changed_in_place, taken_out, another_bias, other_data, another_norm, another_activation,
    looked_at,
]  # fmt: skip


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_model_that_is_changed_later_is_left_to_its_modules(
    change: Callable[[Backbone], None], precision: str, world: Small
) -> None:
    stream = open_stream([world.encoded], 2)
    ours, theirs = (made(world, precision=precision, fast=fast) for fast in (True, False))
    with torch.no_grad():
        before = ours.hidden(stream, TEXTS)
        for backbone in (ours, theirs):
            change(backbone)
        found, expected = (backbone.hidden(stream, TEXTS) for backbone in (ours, theirs))
    near = 1e-5 if precision == "float32" else 0.05
    torch.testing.assert_close(found, expected, atol=near, rtol=near)
    assert not torch.allclose(found, before, atol=2 * near)


def test_what_is_tuned_later_gets_its_gradient(world: Small) -> None:
    backbone = made(world)
    passed(world, backbone)
    parts = [
        backbone.model.get_submodule(f"{LAYER}.output.LayerNorm").bias,
        backbone.model.get_submodule(UP).bias,
        backbone.model.get_submodule("base_model.model.embeddings.position_embeddings").weight,
    ]
    for part in parts:
        part.requires_grad_(True)
        passed(world, backbone)
        assert part.grad is not None
        part.requires_grad_(False)


def test_what_is_tuned_is_asked_when_a_text_passes(world: Small) -> None:
    backbone = made(world)
    layer = next(m for m in backbone.model.modules() if is_fused(m))
    for half in (layer.lora_A, layer.lora_B):  # as a space that grows before task 2 does
        half["default"].weight = torch.nn.Parameter(half["default"].weight.clone())
    assert uses(backbone)


def test_a_backbone_that_nothing_passes_lays_no_weight_out(
    world: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(*_: object) -> None:
        asked.append(1)

    monkeypatch.setattr("conpet.models.unpadded.by_hand", counted)
    backbone = made(world)
    assert asked == []  # a dry run makes hundreds of backbones
    passed(world, backbone)
    assert asked == [1]


def test_layers_that_are_made_differently_are_left_to_transformers(
    world: Small, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fallback.say_once.cache_clear()
    ours = passed(world, made(world))

    def new(*_: object) -> None:
        raise AttributeError("no such part")

    monkeypatch.setattr(encoder, "Layer", new)
    other = made(world)
    assert not uses(other)
    torch.testing.assert_close(passed(world, other), ours, atol=1e-5, rtol=1e-3)
    (record,) = caplog.records
    assert record.message.startswith("layers are left to transformers, which is slower: ")


@pytest.mark.parametrize("parts", [2, 3])
def test_parts_side_by_side_go_where_each_alone_goes(parts: int) -> None:
    packing, heads, d = Packing(np.array([5, 40, 7, 33]), np.zeros(4, np.int64)), 3, 4
    rows = torch.randn(packing.row, parts, heads, d)
    blocks = rows.view(-1, d)[packing.parts_into_blocks(heads, parts)].chunk(parts)
    for part in range(parts):
        alone = rows[:, part].reshape(-1, d)
        assert torch.equal(blocks[part], alone[packing.into_blocks(heads)])
    back = torch.cat(blocks)[packing.parts_into_row(heads, parts)].view(rows.shape)
    assert torch.equal(back[: packing.tokens], rows[: packing.tokens])


def test_texts_come_back_from_their_groups_order() -> None:
    packing = Packing(np.array([40, 5, 33, 7]), np.zeros(4, np.int64))
    assert packing.order[packing.back].tolist() == [0, 1, 2, 3]
    assert packing.order.tolist() == [1, 3, 0, 2]
    assert [group.reads(2) for group in packing.groups] == [slice(0, 4), slice(4, 8)]
