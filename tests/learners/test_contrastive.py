"""CRL: what its bank holds, what its exemplars are chosen on, how its gradient is clipped."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conpet.learners import contrastive
from tests.tiny import World


def _noted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Tensor, ...]]:
    calls: list[tuple[torch.Tensor, ...]] = []
    original = contrastive.contrastive_loss

    def noted(z: Any, labels: Any, places: Any, bank: Any, *rest: Any) -> torch.Tensor:
        calls.append((z.detach().clone(), places.clone(), bank.clone()))
        return original(z, labels, places, bank, *rest)

    monkeypatch.setattr(contrastive, "contrastive_loss", noted)
    return calls


def test_the_bank_takes_up_each_batchs_projections(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = _noted(monkeypatch)
    world.learner("contrastive", 1).train()
    for (z, places, _), (_, _, bank) in itertools.pairwise(calls):
        assert torch.equal(bank[places], z)
    assert not torch.equal(calls[0][2], calls[-1][2])


def test_exemplars_are_chosen_on_hidden_states(world: World) -> None:
    learner: Any = world.learner("contrastive", 1, replay="memory")
    indices = learner.stream.of("train", [1])
    features = learner.backbone.features(learner.stream, indices).numpy()
    assert np.array_equal(learner.memory_features(indices), features)


def test_gradients_are_clipped_at_ten(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = []
    original = contrastive.run_epoch

    def noted(*args: Any) -> float:
        clips.append(args[4])
        return original(*args)

    monkeypatch.setattr(contrastive, "run_epoch", noted)
    world.run("contrastive", tmp_path, tasks=2, replay="dynamic")
    assert set(clips) == {10.0}


def test_the_projection_counts_as_tunable(world: World) -> None:
    learner: Any = world.learner("contrastive", 1)
    width, out = learner.backbone.width, learner.options.projection
    projection = (width + 1) * width + (width + 1) * out
    adapter = sum(p.numel() for p in learner.backbone.parameters())
    assert sum(p.numel() for p in learner.parameters()) == adapter + projection
