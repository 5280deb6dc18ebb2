"""Batches without padding give what padded ones give, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from conpet.config.settings import Compute, Tuning
from conpet.data.stream import open_stream
from conpet.errors import UserError
from conpet.models import fallback, unpadded
from conpet.models.architectures import PARTS, Parts
from conpet.models.backbone import Backbone
from tests.models.architectures import ARCHITECTURES, Small


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Small]:
    folder = tmp_path_factory.mktemp("unpadded")
    return {name: Small(folder / name, name) for name in ARCHITECTURES}


def run(
    world: Small, pooling: str, tuning: Tuning, fast: bool = True
) -> tuple[bool, Tensor, list[Tensor]]:
    compute = Compute(device="cpu", fast=fast)
    made = Backbone(world.snapshot, "m", pooling, world.targets, tuning, compute, 1)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    stream = open_stream([world.encoded], 2)
    hidden = made.hidden(stream, np.arange(12))
    hidden.square().mean().backward()
    return (
        made._unpadded is not None,
        hidden,
        [p.grad for p in made.parameters() if p.grad is not None],
    )


def check_equal(world: Small, pooling: str, tuning: Tuning) -> None:
    used, hidden, gradients = run(world, pooling, tuning)
    padded_used, padded, expected = run(world, pooling, tuning, fast=False)
    assert (used, padded_used) == (True, False)
    torch.testing.assert_close(hidden, padded, atol=1e-5, rtol=1e-4)
    assert len(gradients) == len(expected) > 0
    for ours, theirs in zip(gradients, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("pooling", ["mask", "mean"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_equals_transformers_and_peft_alone(
    architecture: str, pooling: str, worlds: dict[str, Small]
) -> None:
    check_equal(worlds[architecture], pooling, Tuning(type="LORA", config={"r": 4}))


@pytest.mark.parametrize("architecture", ["bert", "llama"])
def test_equal_too_when_the_last_feed_forward_network_is_tuned(
    architecture: str, worlds: dict[str, Small]
) -> None:
    tuning = Tuning(type="LORA", config={"r": 4, "target_modules": "all-linear"})
    check_equal(worlds[architecture], "mask", tuning)


@pytest.mark.parametrize("architecture", ["bert", "qwen3"])
def test_a_last_layer_that_is_made_differently_is_computed_whole(
    architecture: str,
    worlds: dict[str, Small],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fallback.say_once.cache_clear()
    known = PARTS[architecture]
    moved = Parts(known.layers, known.attention, (*known.stretches, ("moved", "moved")))
    monkeypatch.setitem(unpadded.PARTS, architecture, moved)
    world, tuning = worlds[architecture], Tuning(type="LORA", config={"r": 4})
    check_equal(world, "mask", tuning)
    run(world, "mask", tuning)
    (message,) = [record.message for record in caplog.records]  # once, though made twice
    assert message.startswith("the last layer is computed whole, which is slower: ")


def test_every_tested_architecture_goes_without_padding() -> None:
    assert set(ARCHITECTURES) <= set(PARTS)


def test_modules_that_add_tokens_are_refused(worlds: dict[str, Small]) -> None:
    tuning = Tuning(type="PREFIX_TUNING", config={"num_virtual_tokens": 2})
    world = worlds["bert"]
    with pytest.raises(UserError, match=r"^tuning.type: PREFIX_TUNING adds tokens"):
        Backbone(world.snapshot, "m", "mask", world.targets, tuning, world.compute, 1)
