"""What is asked of a card, and how it is named: with torch.cuda's answers put in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from conpet.config.settings import Compute
from conpet.errors import of_machine
from conpet.models import device
from conpet.models.device import choose_device, choose_number_type, has_bfloat16, named
from conpet.models.loading import load_model
from conpet.models.process import computing
from conpet.models.varlen import has_flash
from tests.models.architectures import Small

CARD = torch.device("cuda", 1)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The second of two cards is the current one: a T4 by its bfloat16, else a newer one."""
    answers: dict[str, Any] = {
        "is_available": lambda: True,
        "current_device": lambda: 1,
        "get_device_name": lambda device: f"Card {device.index}",
        "get_device_capability": lambda _: (9, 0),
        "is_bf16_supported": lambda including_emulation=True: including_emulation,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    return monkeypatch


def test_the_current_card_is_taken_by_its_number(card: pytest.MonkeyPatch) -> None:
    """Another thread may have another current one."""
    assert choose_device(Compute(device="auto")) == CARD
    assert choose_device(Compute(device="cuda")) == CARD
    assert choose_device(Compute(device="cpu")) == torch.device("cpu")
    assert named(CARD) == "cuda (Card 1)"
    assert named(torch.device("cpu")) == "cpu"


def test_bfloat16_that_is_only_emulated_is_none(card: pytest.MonkeyPatch) -> None:
    assert not has_bfloat16(CARD)


def test_flash_attention_takes_what_its_kernel_takes(card: pytest.MonkeyPatch) -> None:
    for width, taken in (
        (8, True),
        (64, True),
        (256, True),
        (26, False),
        (12, False),
        (264, False),
    ):
        assert has_flash(torch.bfloat16, CARD, width) is taken, width
    assert not has_flash(torch.float32, CARD, 64)
    assert not has_flash(torch.bfloat16, torch.device("cpu"), 64)


@pytest.mark.parametrize(
    "said", ["CUDA error: out of memory\nCUDA kernel errors", "CUBLAS_STATUS_ALLOC_FAILED when"]
)
def test_a_full_card_is_told_also_outside_of_torchs_allocator(said: str) -> None:
    from conpet.commands.failures import in_one_line

    assert of_machine(RuntimeError(said))
    assert (in_one_line(RuntimeError(said)) or "").startswith("no memory is left (")


def test_a_model_is_loaded_without_a_look_at_the_callers_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Small(tmp_path, "bert")

    def seeded(_: int) -> None:
        raise AssertionError("the card's random numbers are the caller's")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded)
    before = torch.get_rng_state()
    load_model(world.snapshot, torch.float32, torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), before)


def test_products_are_exact_within_a_block_and_then_the_callers() -> None:
    cuda = torch.backends.cuda.matmul
    before = torch.get_float32_matmul_precision(), cuda.allow_bf16_reduced_precision_reduction
    try:
        torch.set_float32_matmul_precision("medium")
        cuda.allow_bf16_reduced_precision_reduction = True
        with computing(Compute(threads=1)):
            assert torch.get_float32_matmul_precision() == "highest"
            assert not cuda.allow_bf16_reduced_precision_reduction
        assert torch.get_float32_matmul_precision() == "medium"
        assert cuda.allow_bf16_reduced_precision_reduction
    finally:
        torch.set_float32_matmul_precision(before[0])
        cuda.allow_bf16_reduced_precision_reduction = before[1]


@pytest.mark.parametrize(
    ("precision", "hardware", "wanted"),
    [
        ("float32", True, torch.float32),
        ("bfloat16", False, torch.bfloat16),
        ("auto", True, torch.bfloat16),
        ("auto", False, torch.float32),
    ],
)
def test_the_number_type_is_the_one_said_or_the_hardwares(
    precision: str, hardware: bool, wanted: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "has_bfloat16", lambda _: hardware)
    compute = Compute(precision=precision)  # type: ignore[arg-type]
    assert choose_number_type(compute, torch.device("cpu")) == wanted
