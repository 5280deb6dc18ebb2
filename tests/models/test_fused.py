"""LoRA in one step gives what PEFT's own layers give, and leaves all other layers to PEFT."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from conpet.models import fallback
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


def disabled(model: Any) -> Any:
    with model.disable_adapter():
        return run(model, torch.float32)[0]


def merged(model: Any) -> Any:
    model.merge_adapter()
    return run(model, torch.float32)[0]


def merged_and_back(model: Any) -> Any:
    model.merge_adapter()
    model.unmerge_adapter()
    return run(model, torch.float32)[0]


def second(model: Any) -> Any:
    torch.manual_seed(3)
    config = LoraConfig(r=2, target_modules=["first"], init_lora_weights=False)
    model.add_adapter("second", config)
    model.set_adapter("second")
    return run(model, torch.float32)[0]


def both(model: Any) -> Any:
    second(model)
    model.base_model.set_adapter(["default", "second"])
    return run(model, torch.float32)[0]


def without_the_base(model: Any) -> Any:
    return run(model.unload(), torch.float32)[0]


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        (disabled, True), (merged, False), (merged_and_back, False),
        (second, True), (both, True), (without_the_base, True),
    ],
)  # fmt: skip
def test_what_peft_does_to_a_model_later_is_done(
    what: Callable[[Any], Tensor], changes: bool
) -> None:
    theirs = adapted()
    ours = copy.deepcopy(theirs)
    assert fuse(ours) == 2
    plain = run(theirs, torch.float32)[0]
    found, expected = what(ours), what(theirs)
    torch.testing.assert_close(found, expected)
    assert torch.allclose(found, plain, atol=1e-5) != changes


def test_a_disabled_adapter_is_itself_again_afterwards() -> None:
    model = adapted()
    fuse(model)
    before = run(model, torch.float32)[0]
    disabled(model)
    assert torch.equal(run(model, torch.float32)[0], before)


def test_a_gradient_of_a_gradient_is_refused() -> None:
    model, x = adapted(), torch.randn(3, 8, requires_grad=True)
    fuse(model)
    (first,) = torch.autograd.grad(model(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_a_deep_copy_has_weights_of_its_own() -> None:
    model = adapted()
    fuse(model)
    before = run(model, torch.float32)[0]
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    assert torch.equal(run(model, torch.float32)[0], before)
    assert not run(other, torch.float32)[0].any()


def test_layers_that_peft_makes_differently_are_left_to_peft(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fallback.say_once.cache_clear()
    ours, theirs = adapted(), adapted()
    monkeypatch.delattr("peft.tuners.lora.Linear")
    assert fuse(ours) == fuse(ours) == 0
    assert torch.equal(run(ours, torch.float32)[0], run(theirs, torch.float32)[0])
    (record,) = caplog.records  # once
    assert record.message.startswith("LoRA is left to PEFT, which is slower: ")
