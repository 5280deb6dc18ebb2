"""Batches without padding give what padded ones give, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from conpet.config.settings import Tuning
from conpet.data.stream import open_stream
from conpet.errors import UserError
from conpet.models import backbone
from conpet.models.backbone import Backbone
from conpet.models.unpadded import LAYERS
from tests.models.architectures import ARCHITECTURES, Small


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Small]:
    folder = tmp_path_factory.mktemp("unpadded")
    return {name: Small(folder / name, name) for name in ARCHITECTURES}


def run(world: Small, pooling: str, tuning: Tuning) -> tuple[bool, Tensor, list[Tensor]]:
    made = Backbone(
        world.snapshot, "m", pooling, world.targets, tuning, world.compute.model_copy(
            update={"precision": "float32"}), 1,
    )  # fmt: skip
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


def both(
    monkeypatch: pytest.MonkeyPatch, world: Small, pooling: str, tuning: Tuning
) -> tuple[tuple[bool, Tensor, list[Tensor]], tuple[bool, Tensor, list[Tensor]]]:
    ours = run(world, pooling, tuning)
    with monkeypatch.context() as patch:
        patch.setattr(backbone, "suits", lambda config, device: False)
        theirs = run(world, pooling, tuning)
    return ours, theirs


@pytest.mark.parametrize("pooling", ["mask", "mean"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_equals_the_padded_way(
    architecture: str, pooling: str, worlds: dict[str, Small], monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = Tuning(type="LORA", config={"r": 4})
    world = worlds[architecture]
    (used, hidden, gradients), (padded_used, padded, expected) = both(
        monkeypatch, world, pooling, tuning
    )
    assert (used, padded_used) == (True, False)
    torch.testing.assert_close(hidden, padded, atol=1e-5, rtol=1e-4)
    assert len(gradients) == len(expected) > 0
    for ours, theirs in zip(gradients, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-3)


def test_equals_the_padded_way_when_the_last_feed_forward_network_is_tuned_too(
    worlds: dict[str, Small], monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = Tuning(type="LORA", config={"r": 4, "target_modules": "all-linear"})
    for name in ("bert", "llama"):
        ours, theirs = both(monkeypatch, worlds[name], "mask", tuning)
        torch.testing.assert_close(ours[1], theirs[1], atol=1e-5, rtol=1e-4)
        for a, b in zip(ours[2], theirs[2], strict=True):
            torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-3)


def test_every_tested_architecture_goes_without_padding() -> None:
    assert set(ARCHITECTURES) <= set(LAYERS)


def test_modules_that_add_tokens_are_refused(worlds: dict[str, Small]) -> None:
    tuning = Tuning(type="PREFIX_TUNING", config={"num_virtual_tokens": 2})
    world = worlds["bert"]
    with pytest.raises(UserError, match=r"^tuning.type: PREFIX_TUNING adds tokens"):
        Backbone(world.snapshot, "m", "mask", world.targets, tuning, world.compute, 1)
