"""A backbone in four bits: what it takes, and that it learns the same twice."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from conpet.config.settings import Compute, Settings, Tuning
from conpet.data.stream import open_stream
from conpet.errors import UserError
from conpet.models.backbone import Backbone
from tests.models.architectures import Small

FOUR = Compute(device="cpu", weights="4bit")
installed = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None,
    reason="bitsandbytes is not installed: pip install 'conpet[4bit]'",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return Small(tmp_path_factory.mktemp("four") / "bert", "bert")


def make(world: Small, compute: Compute, tuning: Tuning | None = None) -> Backbone:
    tuning = tuning or Tuning(config={"r": 4})
    return Backbone(world.snapshot, "m", "mask", world.targets, tuning, compute, 1)


def test_without_bitsandbytes_it_is_one_line(world: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^compute.weights: 4bit needs bitsandbytes: pip install"):
        make(world, FOUR)


def test_weights_that_are_tuned_themselves_are_refused() -> None:
    for kind in ("full", "BITFIT", "VERA"):
        with pytest.raises(ValidationError, match=f"tuning.type LORA or none, not {kind}"):
            Settings(tuning=Tuning(type=kind), compute=FOUR)
    assert Settings(tuning=Tuning(type="none"), compute=FOUR).compute.weights == "4bit"


def learnt(backbone: Backbone, world: Small) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return representations after three steps, and what was tuned."""
    stream, rows = open_stream([world.encoded], 2), np.arange(4)
    optimizer = torch.optim.AdamW(backbone.parameters(), lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        backbone.hidden(stream, rows).square().sum().backward()
        optimizer.step()
    return backbone.features(stream, rows), backbone.state()


@installed
@pytest.mark.parametrize("fast", [True, False])
def test_it_learns_on_a_cpu_and_the_same_twice(world: Small, fast: bool) -> None:
    compute = FOUR.model_copy(update={"fast": fast})
    whole, backbone = (
        make(world, compute.model_copy(update={"weights": "whole"})),
        make(world, compute),
    )
    linear = [m for m in backbone.model.modules() if type(m).__name__ == "Linear4bit"]
    assert linear
    assert backbone.total_parameters == whole.total_parameters
    fresh = backbone.state()
    first, tuned = learnt(backbone, world)
    again, twin = learnt(make(world, compute), world)
    assert torch.equal(first, again)
    assert all(torch.equal(tuned[name], twin[name]) for name in tuned)
    assert any(not torch.equal(tuned[name], fresh[name]) for name in tuned)
    assert not torch.equal(first, learnt(whole, world)[0])


@installed
def test_a_frozen_backbone_answers_near_the_whole_one(world: Small) -> None:
    stream, rows = open_stream([world.encoded], 2), np.arange(8)
    frozen = Tuning(type="none")
    whole: Any = make(world, Compute(device="cpu"), frozen).features(stream, rows)
    four: Any = make(world, FOUR, frozen).features(stream, rows)
    assert torch.cosine_similarity(whole, four).min() > 0.9


def test_weights_are_read_straight_to_their_device(saved: Path) -> None:
    from conpet.models.loading import load_model

    model = load_model(saved, torch.float32, torch.device("meta"))
    assert {p.device.type for p in model.parameters()} == {"meta"}
