"""AdamW: by its settings, and the same whatever parameters lie like in memory."""

from __future__ import annotations

import torch
from torch import nn

from conpet.config.settings import Training
from conpet.training import make_optimizer


def stepped(parameter: nn.Parameter) -> torch.Tensor:
    optimizer = make_optimizer([parameter], Training(lr=0.1))
    for step in range(3):
        generator = torch.Generator().manual_seed(step)
        parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
    return parameter.detach()


def test_a_parameter_that_is_a_part_of_a_tensor_is_stepped_as_one_alone() -> None:
    whole = torch.randn(6, 9, generator=torch.Generator().manual_seed(9))
    alone = stepped(nn.Parameter(whole[:, 2:6].clone()))
    part = nn.Parameter(whole[:, 2:6])
    assert not part.is_contiguous()
    torch.testing.assert_close(stepped(part), alone)


def test_settings_are_heeded() -> None:
    said = Training(lr=0.1, weight_decay=0.3, eps=0.02, betas=[0.5, 0.7])
    (group,) = make_optimizer([nn.Parameter(torch.ones(2))], said).param_groups
    wanted = {"lr": 0.1, "weight_decay": 0.3, "eps": 0.02, "betas": (0.5, 0.7)}
    assert {name: group[name] for name in wanted} == wanted
