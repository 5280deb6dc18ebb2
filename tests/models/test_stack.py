"""The LoRA of a new task is drawn as PEFT draws the first."""

from __future__ import annotations

import math

import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from conpet.models.stack import Stack


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(400, 30)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


def test_a_new_lora_is_drawn_as_peft_draws_the_first() -> None:
    torch.manual_seed(0)
    model = get_peft_model(Small(), LoraConfig(r=4, lora_alpha=1, target_modules=["layer"]))
    stack = Stack(model, "somebody")
    first = stack.layers[0].lora_A["default"].weight.detach().clone()
    low, high = stack.grow(3)
    assert low.shape == first.shape and not high.any()
    bound = 1 / math.sqrt(400)
    for drawn in (first, low):  # 1,600 numbers of one uniform distribution
        assert 0.99 * bound < float(drawn.detach().abs().max()) <= bound
        assert abs(float(drawn.detach().std()) - bound / math.sqrt(3)) < 0.05 * bound
    again = get_peft_model(Small(), LoraConfig(r=4, lora_alpha=1, target_modules=["layer"]))
    other = Stack(again, "somebody").grow(4)[0]
    assert not torch.equal(other, low)
