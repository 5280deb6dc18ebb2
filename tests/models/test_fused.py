"""LoRA in one step gives what PEFT's own layers give, and leaves all other layers to PEFT."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from conpet.models.fused import fuse


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(8, 12)
        self.second = nn.Linear(12, 8, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(x)))


def adapted(dtype: torch.dtype = torch.float32, **options: Any) -> nn.Module:
    base = Tiny().to(dtype).requires_grad_(False)
    config = LoraConfig(r=3, lora_alpha=6, target_modules=["first", "second"], **options)
    model = get_peft_model(base, config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


def run(model: nn.Module, dtype: torch.dtype) -> tuple[Tensor, Tensor | None, list[Tensor]]:
    x = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(2)).to(dtype)
    x.requires_grad_()
    y = model(x)
    y.float().square().sum().backward()
    return y, x.grad, [p.grad for p in model.parameters() if p.grad is not None]


def test_output_and_every_gradient_are_pefts() -> None:
    theirs = adapted()
    ours = copy.deepcopy(theirs)
    assert fuse(ours) == 2
    expected, found = run(theirs, torch.float32), run(ours, torch.float32)
    torch.testing.assert_close(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1])
    assert len(found[2]) == len(expected[2]) == 4
    for a, b in zip(found[2], expected[2], strict=True):
        torch.testing.assert_close(a, b)


def test_on_a_bfloat16_backbone_the_adapter_and_its_gradients_stay_float32() -> None:
    theirs = adapted(torch.bfloat16)
    for name, parameter in theirs.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()
    ours = copy.deepcopy(theirs)
    assert fuse(ours) == 2
    expected, found = run(theirs, torch.bfloat16), run(ours, torch.bfloat16)
    assert found[0].dtype == torch.bfloat16
    torch.testing.assert_close(found[0], expected[0], atol=0.05, rtol=0.05)
    for a, b in zip(found[2], expected[2], strict=True):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a, b, atol=0.1, rtol=0.05)


@pytest.mark.parametrize("options", [{"use_dora": True}, {"lora_dropout": 0.5}])
def test_what_is_more_than_lora_is_left_to_peft(options: dict[str, Any]) -> None:
    assert fuse(adapted(**options)) == 0
