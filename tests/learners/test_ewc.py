"""EWC: what its penalty is, by hand and by brute force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from conpet.learners.ewc import fisher_diagonal
from tests.tiny import World, same_bytes


def _distance(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    return float(sum((a[n] - b[n]).square().sum() for n in a) ** 0.5)


def test_ewc_without_strength_is_finetune_bit_by_bit(world: World, tmp_path: Path) -> None:
    world.run("linear", tmp_path / "finetune", tasks=2)
    world.run("ewc", tmp_path / "ewc", tasks=2, options={"strength": 0.0})
    a, b = tmp_path / "finetune/state2/adapter", tmp_path / "ewc/state2/adapter"
    assert same_bytes(a, b)


def test_ewc_with_huge_strength_hardly_moves(world: World, tmp_path: Path) -> None:
    moved = {}
    for strength in (0.0, 1e8):
        options = {"strength": strength}
        states = world.run("ewc", tmp_path / str(strength), tasks=1, options=options)
        learner: Any = world.learner("ewc", 2, options=options)
        learner.load(states, None)
        before = learner.backbone.state()
        stiff = {n: learner.stiffness[n] > 1e-6 for n in before}
        rising = iter(range(9))
        learner.accuracy = lambda drawn, n=rising: next(n) / 9  # the last epoch is kept
        learner.train()
        after = learner.backbone.state()
        moved[strength] = _distance(
            {n: before[n][stiff[n]] for n in before}, {n: after[n][stiff[n]] for n in before}
        )
    assert 0 < moved[1e8] < 0.25 * moved[0.0]


def test_fisher_is_its_brute_force_definition() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 7))
    parameters = list(model.parameters())
    x = torch.randn(5)
    expected = [torch.zeros_like(p) for p in parameters]
    probabilities = F.softmax(model(x), dim=0).detach()
    for c in range(7):
        grads = torch.autograd.grad(-F.log_softmax(model(x), dim=0)[c], parameters)
        for i, grad in enumerate(grads):
            expected[i] += probabilities[c] * grad.square()
    found = fisher_diagonal(model(x), parameters)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-7)
    signs = torch.from_numpy(np.random.default_rng(0).choice([-1.0, 1.0], (4000, 7)))
    estimated = fisher_diagonal(model(x), parameters, signs)
    for a, b in zip(estimated, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0.15, atol=1e-3)
    few = fisher_diagonal(model(x), parameters, signs[:2])
    assert any(
        not torch.allclose(a, b, rtol=0.15, atol=1e-3) for a, b in zip(few, expected, strict=True)
    )


def test_ewc_penalty_of_two_springs_is_their_sum_up_to_a_constant(world: World) -> None:
    learner: Any = world.learner("ewc", 1)
    name, parameter = "head.bias", learner.head.bias
    fishers, anchors = torch.rand(2, 2), torch.randn(2, 2)
    zero = {n: torch.zeros_like(p) for n, p in learner._named().items()}
    for fisher, anchor in zip(fishers, anchors, strict=True):
        parameter.data = anchor.clone()
        learner.fisher = lambda indices, f=fisher: zero | {name: f}
        learner.after_task(None)
    difference = []
    for _ in range(3):
        parameter.data = torch.randn(2)
        expected = (fishers * (parameter.detach() - anchors).square()).sum()
        difference.append(float(learner.penalty().detach() - expected))
    assert np.ptp(difference) < 1e-5


def test_half_lambda_times_the_springs(world: World) -> None:
    learner: Any = world.learner("ewc", 1, options={"strength": 3.0})
    batch = learner.stream.of("train", [1])[:4]
    plain = float(learner.loss(batch).detach())
    for name, parameter in learner._named().items():
        learner.stiffness[name] = torch.full_like(parameter, 2.0)
        learner.anchor[name] = parameter.detach() - 0.1
    count = sum(parameter.numel() for parameter in learner._named().values())
    penalised = plain + 3.0 / 2 * 2.0 * 0.1**2 * count
    assert float(learner.loss(batch).detach()) == pytest.approx(penalised, rel=1e-4)


def test_the_fisher_is_a_mean_over_so_many_samples(world: World) -> None:
    learner: Any = world.learner("ewc", 1, options={"fisher_samples": 5})
    train = learner.stream.of("train", [1])
    once, twice = learner.fisher(train[:1]), learner.fisher(np.repeat(train[:1], 2))
    for name, value in once.items():
        torch.testing.assert_close(twice[name], value)
    before = learner.backbone.passed.trained_samples
    learner.fisher(train)
    assert learner.backbone.passed.trained_samples - before == 5 < len(train)
