"""Every learner on every architecture: one short epoch a task, saved, loaded, the same again."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel

from conpet import training
from conpet.data.stream import open_stream
from conpet.data.tokenizer import longest
from conpet.learners import base, names
from conpet.models.batches import collate
from conpet.replay.base import Plan
from tests.models.architectures import ARCHITECTURES, CLASSES, COUNTS, Small

REPLAY = {
    "linear": "none", "ewc": "none", "lwf": "none",
    "aligned": "dynamic", "contrastive": "dynamic", "experts": "dynamic",
    "der": "logits", "olora": "none", "seq": "none",
}  # fmt: skip


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Small]:
    folder = tmp_path_factory.mktemp("architectures")
    return {name: Small(folder / name, name) for name in ARCHITECTURES}


@pytest.fixture(autouse=True)
def _last_epoch_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every epoch validate better than the one before, so that what is saved was trained."""

    def rising(plan: Plan, loss: Any, accuracy: Any, *rest: Any) -> None:
        passes = itertools.count()
        training.fit(plan, loss, lambda drawn: next(passes) + accuracy(drawn) / 2, *rest)

    monkeypatch.setattr(base, "fit", rising)


def test_no_learner_is_left_out() -> None:
    assert set(REPLAY) == set(names())


@pytest.mark.parametrize("learner", REPLAY)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_learns_saves_loads_and_predicts_the_same(
    architecture: str, learner: str, worlds: dict[str, Small], tmp_path: Path
) -> None:
    world, replay = worlds[architecture], REPLAY[learner]
    states = world.run(learner, tmp_path, tasks=2, replay=replay)
    trained = world.newest
    assert trained.history.steps >= 2
    indices = trained.stream.of("test", [1, 2])
    expected = trained.predict(indices).scores
    again = world.learner(learner, 2, replay=replay)
    selector = tmp_path / "selector2"
    again.load(states, selector if selector.is_dir() else None)
    found = again.predict(indices).scores
    assert torch.equal(found, expected)
    assert found.shape == (len(CLASSES) * COUNTS["test"], len(CLASSES))
    assert found.isfinite().all()
    assert not torch.equal(found[0], found[-1])  # the texts are told apart
    for state in states:
        saved = load_file(state / "adapter" / "adapter_model.safetensors")
        assert all(t.any() for n, t in saved.items() if "lora_B" in n), "no step moved it"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_lora_is_where_the_targets_say(
    architecture: str, worlds: dict[str, Small], tmp_path: Path
) -> None:
    world = worlds[architecture]
    (state,) = world.run("linear", tmp_path, tasks=1)
    config = json.loads((state / "adapter" / "adapter_config.json").read_text())
    assert config["target_modules"] == sorted(world.targets)
    weights = load_file(state / "adapter" / "adapter_model.safetensors")
    touched = {name.rsplit(".lora_", 1)[0].rpartition(".")[2] for name in weights}
    assert touched == set(world.targets)
    assert len(weights) == 2 * 2 * len(world.targets)  # A and B in each of two layers


def test_all_linear_reaches_every_layer(worlds: dict[str, Small], tmp_path: Path) -> None:
    world = worlds["llama"]
    before, world.targets = world.targets, "all-linear"
    try:
        states = world.run("linear", tmp_path, tasks=1)
        again = world.learner("linear", 1)
        again.load(states, None)
    finally:
        world.targets = before
    weights = load_file(states[0] / "adapter" / "adapter_model.safetensors")
    touched = {name.rsplit(".lora_", 1)[0].rpartition(".")[2] for name in weights}
    linear = ("q", "k", "v", "o", "gate", "up", "down")
    assert touched == {f"{name}_proj" for name in linear}
    indices = again.stream.of("test", [1])
    assert torch.equal(again.predict(indices).scores, world.newest.predict(indices).scores)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_text_alone_is_read_as_in_a_batch(architecture: str, worlds: dict[str, Small]) -> None:
    """Padding is invisible, and the place that is read is the mask's."""
    learner = worlds[architecture].learner("linear", 2)
    stream = learner.stream
    shortest, longest = int(stream.lengths.argmin()), int(stream.lengths.argmax())
    assert stream.lengths[shortest] < stream.lengths[longest]
    both = learner.backbone.features(stream, np.array([shortest, longest]))
    alone = learner.backbone.features(stream, np.array([shortest]))
    torch.testing.assert_close(both[:1], alone, atol=2e-6, rtol=1e-5)
    ids, mask, pool = collate(stream, [shortest])
    stock = AutoModel.from_pretrained(worlds[architecture].snapshot)
    with torch.no_grad():
        states = stock(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(alone[0], states[0, int(pool[0])], atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize(("architecture", "most"), [("bert", 64), ("roberta", 62)])
def test_how_much_a_model_reads_at_once(
    architecture: str, most: int, worlds: dict[str, Small]
) -> None:
    world = worlds[architecture]
    assert longest(world.snapshot) == most
    model = AutoModel.from_pretrained(world.snapshot)
    ids = torch.full((1, most + 1), 40)
    with torch.no_grad():
        assert model(input_ids=ids[:, :most]).last_hidden_state.shape[1] == most
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=ids)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_stock_peft_reads_the_adapter(
    architecture: str, worlds: dict[str, Small], tmp_path: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModel

    world = worlds[architecture]
    (state,) = world.run("linear", tmp_path, tasks=1)
    base = AutoModel.from_pretrained(world.snapshot, attn_implementation="eager")
    model = PeftModel.from_pretrained(base, state / "adapter").eval()
    stream = open_stream([world.encoded], 1)
    indices = stream.of("test", [1])
    ids, mask, pool = collate(stream, indices)
    with torch.no_grad():
        states = model(input_ids=ids, attention_mask=mask).last_hidden_state
        expected = world.newest.backbone.hidden(stream, indices)
    read = states[torch.arange(len(ids)), pool]
    torch.testing.assert_close(read, expected, atol=1e-5, rtol=1e-5)
