"""Every PEFT type that is allowed does all that learners ask of a module; others are refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import torch
from peft import PEFT_TYPE_TO_CONFIG_MAPPING, PeftModel, PeftType

from conpet.config.settings import Compute, Training, Tuning
from conpet.data.stream import open_stream
from conpet.errors import UserError
from conpet.models.backbone import Backbone
from conpet.models.batches import collate
from conpet.models.loading import load_model
from conpet.models.peft_types import TRIED
from conpet.models.tuning import check
from conpet.training import make_optimizer
from tests.models.architectures import Small

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
#: what a type needs to fit into 32 dimensions
SMALL: dict[str, dict[str, Any]] = {
    "C3A": {"block_size": 16},
    "MISS": {"r": 4},
    "ROAD": {"group_size": 4},
    "SHIRA": {"r": 4},
    "VBLORA": {"vector_length": 16, "num_vectors": 20},
    "WAVEFT": {"n_frequency": 100},
}
#: what the modules of a BERT that are named here are called in a LLaMA
OTHER = {"LayerNorm": "norm", "output": "o_proj"}
HERE = [name for name in TRIED if name in PeftType.__members__]


def starts() -> list[tuple[str, dict[str, Any]]]:
    """Return every way to start a module that a type's fields name, beside its default."""
    found = []
    for kind in HERE:
        hints = get_type_hints(PEFT_TYPE_TO_CONFIG_MAPPING[PeftType[kind]])
        for field, hint in hints.items():
            if "init" in field and kind != "LORA":
                nested = [hint, *get_args(hint)]
                values = [v for h in nested if get_origin(h) is Literal for v in get_args(h)]
                found += [(kind, {field: value}) for value in values]
    lora = [False, "gaussian", "orthogonal"]
    return found + [("LORA", {"init_lora_weights": value}) for value in lora]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Small]:
    folder = tmp_path_factory.mktemp("types")
    return {name: Small(folder / name, name) for name in ("bert", "llama")}


def make(
    world: Small, kind: str, config: dict[str, Any], seed: int = 1, compute: Compute | None = None
) -> Backbone:
    values = {**SMALL.get(kind, {}), **config}
    if "query" not in world.targets:
        values = {
            key: [OTHER.get(name, name) for name in value] if isinstance(value, list) else value
            for key, value in values.items()
        }
    tuning = Tuning(type=kind, config=values)
    asked = compute or Compute()
    return Backbone(world.snapshot, "m", "mask", world.targets, tuning, asked, seed)


def frozen(made: Backbone) -> dict[str, torch.Tensor]:
    model = made.model
    kept = {n: p.detach().clone() for n, p in model.named_parameters() if not p.requires_grad}
    return kept | {n: b.clone() for n, b in model.named_buffers()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("architecture", ["bert", "llama"])
@pytest.mark.parametrize(
    ("kind", "config"),
    [
        *((kind, {}) for kind in HERE),
        *starts(),
        ("LORA", {"use_dora": True}),
        ("LORA", {"use_rslora": True}),
        ("LORA", {"lora_bias": True}),
        ("LORA", {"bias": "all"}),
        ("LORA", {"bias": "lora_only"}),
        ("LORA", {"modules_to_save": ["output"]}),
        ("LORA", {"trainable_token_indices": [1, 2]}),
    ],
)
def test_a_module_is_learnt_kept_and_put_back(
    kind: str, config: dict[str, Any], architecture: str, worlds: dict[str, Small], tmp_path: Path
) -> None:
    world = worlds[architecture]
    made = make(world, kind, config)
    other = make(world, kind, config, seed=2)
    before = frozen(made)
    assert same(before, frozen(other)), "what all tasks share depends on a task's seed"
    base = dict(load_model(world.snapshot, torch.float32, CPU).named_parameters())
    here = {
        n.removeprefix("base_model.model.").replace(".base_layer", ""): p
        for n, p in made.model.named_parameters()
    }
    assert all(torch.equal(base[n], here[n]) for n in base.keys() & here.keys())

    stream, batch = open_stream([world.encoded], 2), np.arange(6)
    start = made.features(stream, batch)
    optimizer = make_optimizer(made.parameters(), Training(lr=0.01, eps=1e-8))
    for _ in range(2):
        optimizer.zero_grad()
        made.hidden(stream, batch).square().mean().backward()
        optimizer.step()
    assert all(p.grad is not None for p in made.parameters()), "some of it is never trained"
    learnt = made.features(stream, batch)
    assert not torch.equal(learnt, start)
    assert same(before, frozen(made))

    made.save(tmp_path)
    first = other.features(stream, batch)
    other.load(tmp_path)
    assert torch.equal(other.features(stream, batch), learnt)
    state = other.state()
    other.reset()
    assert torch.equal(other.features(stream, batch), first)
    other.load_state(state)
    assert torch.equal(other.features(stream, batch), learnt)

    model = load_model(world.snapshot, torch.float32, CPU)
    stock = PeftModel.from_pretrained(model, tmp_path / "adapter").eval()
    ids, mask, pool = collate(stream, batch)
    with torch.no_grad():
        states = stock(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(states[torch.arange(len(ids)), pool], learnt, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", sorted(set(PeftType.__members__) - set(TRIED)))
def test_a_type_that_was_not_tried_is_refused(kind: str) -> None:
    with pytest.raises(UserError, match=rf"^tuning.type: {kind} .+: use one of full, BITFIT, .+"):
        check(Tuning(type=kind), ["query"])


@pytest.mark.parametrize("value", ["pissa", "pissa_niter_4", "olora", "loftq", "eva", "corda", 3])
def test_first_weights_that_change_the_backbone_are_refused(value: Any) -> None:
    with pytest.raises(UserError, match=r"^tuning.config: init_lora_weights: .+ use true, false, "):
        check(Tuning(config={"init_lora_weights": value}), ["query"])


@pytest.mark.parametrize("kind", HERE)
def test_a_dropout_that_would_not_act_is_refused(kind: str) -> None:
    fields = dataclasses.fields(PEFT_TYPE_TO_CONFIG_MAPPING[PeftType[kind]])
    for name in (field.name for field in fields if "dropout" in field.name and kind != "LORA"):
        with pytest.raises(UserError, match=f"^tuning.config: {name}: only LORA's lora_dropout"):
            check(Tuning(type=kind, config={name: 0.1}), ["query"])


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"target_modules": "(((("},
            "target_modules: '((((' is no regular expression (missing ",
        ),
        ({"modules_to_save": ["((("]}, "modules_to_save: '(((' is no regular expression"),
        ({"rank_pattern": {"(((": 2}}, "rank_pattern: '(((' is no regular expression"),
        ({"r": 1_000_000_000}, "r: a number here is at most 1,000,000, found 1000000000"),
        ({"r": 5000}, "r: a rank is 1 to 4096, found 5000"),
        ({"lora_dropout": float("nan")}, "lora_dropout: a number here is at most 1,000,000, found"),
        ({"rank_pattern": {"query": 10**10}}, "rank_pattern: a number here is at most 1,000,000"),
        ({"r": "2024-01-01"}, "r: input should be a valid integer, found '2024-01-01'"),
        ({"layer_replication": [[0, 1]]}, "unknown field of LORA 'layer_replication': "),
        ({"task_type": "CAUSAL_LM"}, "unknown field of LORA 'task_type': "),
    ],
)
def test_a_value_that_no_module_can_have(config: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        check(Tuning(config=config), ["query"])
    assert str(caught.value).startswith(f"tuning.config: {said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "config",
    [{"trainable_token_indices": [99_999]}, {"layers_to_transform": [70]}, {"lora_dropout": 5.0}],
)
def test_what_only_the_model_can_refuse(config: dict[str, Any], worlds: dict[str, Small]) -> None:
    with pytest.raises(UserError, match=r"^tuning.config: LORA refuses it on m: [^\n]+$"):
        make(worlds["bert"], "LORA", config)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"rank_pattern": {"valeu": 8}}, "rank_pattern: 'valeu'"),
        (
            {"alpha_pattern": {"key": 8}},
            "alpha_pattern: 'key'",
        ),  # there, but nothing is put into it
        ({"target_modules": ["query", "valeu"]}, "target_modules: 'valeu'"),
        ({"target_modules": ["query", "0.key"]}, "target_modules: '0.key'"),
        ({"exclude_modules": ["nothing"]}, "exclude_modules: 'nothing'"),
        ({"modules_to_save": ["nothing"]}, "modules_to_save: 'nothing'"),
        ({"layers_to_transform": [0, 70]}, "layers_to_transform: '70'"),
    ],
)
def test_a_name_that_no_module_has(
    config: dict[str, Any], said: str, worlds: dict[str, Small]
) -> None:
    told = f"^tuning.config: {said} matches no module of m, which would be tuned as if [^\\n]+$"
    with pytest.raises(UserError, match=told):
        make(worlds["bert"], "LORA", config)


@pytest.mark.parametrize(
    "config",
    [
        {"rank_pattern": {"value": 8, r"layer\.0\.attention\.self\.query": 2}},
        {"alpha_pattern": {".*query": 8}},
        {"target_modules": ["query", "1.attention.self.key"]},
        {"target_modules": ".*query", "layers_to_transform": None},
        {"target_modules": "all-linear", "exclude_modules": ["dense"]},
        {"layers_to_transform": [1]},
    ],
)
def test_a_name_that_a_module_has(config: dict[str, Any], worlds: dict[str, Small]) -> None:
    made = make(worlds["bert"], "LORA", {"r": 4, **config})
    ranks = {len(p) for p in made.parameters()}
    wanted = set(config.get("rank_pattern", {}).values()) or {4}
    assert wanted <= ranks


@pytest.mark.parametrize("architecture", ["bert", "llama"])
def test_layer_norms_are_found(architecture: str, worlds: dict[str, Small]) -> None:
    made = make(worlds[architecture], "LN_TUNING", {})
    tuned = {n for n, p in made.model.named_parameters() if p.requires_grad}
    norms = {n for n, _ in made.model.named_parameters() if "norm" in n.lower()}
    assert tuned == {n for n in norms if "ln_tuning_layers" in n}
    assert len(tuned) == {"bert": 2 * 5, "llama": 5}[architecture]


@pytest.mark.parametrize(("kind", "config"), [("LN_TUNING", {}), ("LORA", {"bias": "all"})])
def test_weights_of_the_backbone_are_not_trained_coarsely(
    kind: str, config: dict[str, Any], worlds: dict[str, Small]
) -> None:
    with pytest.raises(UserError, match=r"^compute.precision: .+ bfloat16 is too coarse: use"):
        make(worlds["bert"], kind, config, compute=Compute(precision="bfloat16"))
