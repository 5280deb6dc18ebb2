"""EA-EMR: the map that brings new representations back to where they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from conpet.learners import aligned
from conpet.learners.aligned import Options, fit_alignment
from conpet.learners.base import LEARNER_FILE
from tests.tiny import World


def test_alignment_recovers_a_rotation() -> None:
    generator = torch.Generator().manual_seed(0)
    rotation, _ = torch.linalg.qr(torch.randn(6, 6, generator=generator))
    source = torch.randn(400, 6, generator=generator)
    options = Options(epochs=60, lr=0.02)
    found = fit_alignment(
        torch.eye(6), source, source @ rotation.T, options, np.random.default_rng(0)
    )
    torch.testing.assert_close(found, rotation, atol=0.02, rtol=0)


@pytest.mark.parametrize("replay", ["memory", "dynamic"])
def test_the_fit_brings_old_samples_back(
    replay: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old samples' embeddings are nearer to the stored ones with the fitted than the tuned map."""
    kept = world.learner("linear", 1, replay="memory").keep()
    states = world.run("aligned", tmp_path, tasks=1, replay=replay)
    learner: Any = world.learner("aligned", 2, replay=replay, memory=kept)
    learner.load(states, None)
    calls: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []

    def noted(start: Tensor, source: Tensor, target: Tensor, *rest: Any) -> Tensor:
        first = start.clone()
        fitted = fit_alignment(start, source, target, Options(lr=0.003), rest[1])
        calls.append((first, source, target, fitted))
        return fitted

    monkeypatch.setattr(aligned, "fit_alignment", noted)
    plan = learner.train()
    ((start, source, target, fitted),) = calls
    assert torch.equal(learner.map.detach(), fitted)
    n = len(learner.old)
    tuned = F.mse_loss(source[:n] @ start.T, target[:n])
    assert F.mse_loss(source[:n] @ fitted.T, target[:n]) < tuned
    # what is new has nowhere to go back to: its targets are where it is
    torch.testing.assert_close(source[n:] @ start.T, target[n:])
    # with a memory as many of a new class as of an old one: beside all of them the old would drown
    exemplars = round(0.8 * 4)
    expected = len(plan.trained()) - n if replay == "dynamic" else 2 * exemplars
    assert len(source) - n == expected
    if replay == "memory":
        assert n == 2 * exemplars
        # what the map was fitted on is what is kept
        mine = learner.keep().of(2, learner.stream.task).train
        torch.testing.assert_close(source[n:], learner.backbone.features(learner.stream, mine))


def test_the_map_is_not_tuned_with_the_task(world: World, tmp_path: Path) -> None:
    states = world.run("aligned", tmp_path, tasks=1, replay="dynamic")
    learner: Any = world.learner("aligned", 2, replay="dynamic")
    learner.load(states, None)
    rising = iter(range(9))
    learner.accuracy = lambda drawn: next(rising) / 9  # the last epoch is kept
    head, before, tuned = learner.head.weight.clone(), learner.map.clone(), []
    learner.after_task = lambda plan: tuned.append(learner.map.clone())
    learner.train()
    assert torch.equal(tuned[0], before)
    assert not torch.equal(learner.head.weight, head)


@pytest.mark.parametrize("task", [1, 2])
def test_the_map_counts_as_tunable_where_there_is_something_old(world: World, task: int) -> None:
    count = {}
    for name in ("linear", "aligned"):
        learner: Any = world.learner(name, task, replay="memory")
        count[name] = sum(p.numel() for p in learner.parameters())
    assert count["aligned"] - count["linear"] == (learner.backbone.width**2 if task > 1 else 0)


def test_the_first_task_is_learnt_as_emr_learns_it(world: World, tmp_path: Path) -> None:
    for name in ("linear", "aligned"):
        world.run(name, tmp_path / name, tasks=1, replay="memory")
    plain, aligned_state = (
        load_file(tmp_path / name / "state1" / LEARNER_FILE) for name in ("linear", "aligned")
    )
    assert torch.equal(aligned_state.pop("map"), torch.eye(32))
    assert plain.keys() == aligned_state.keys()
    assert all(torch.equal(plain[key], aligned_state[key]) for key in plain)
