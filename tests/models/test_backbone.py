"""A backbone keeps to itself: what it draws, sets and counts."""

from __future__ import annotations

import copy
import itertools
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg  # noqa: F401 - its threads are asked for
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from conpet.config.settings import Compute, Tuning
from conpet.data.stream import open_stream
from conpet.errors import UserError
from conpet.models.backbone import Backbone
from conpet.models.passed import Passed
from conpet.models.process import computing, prepare_process
from tests.models.architectures import Small

DROPOUT = Tuning(config={"r": 4, "lora_dropout": 0.5})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return Small(tmp_path_factory.mktemp("backbone") / "bert", "bert")


def make(world: Small, tuning: Tuning | None = None, seed: int = 1, **compute: Any) -> Backbone:
    asked = Compute(device="cpu", **compute)
    return Backbone(
        world.snapshot, "m", "mask", world.targets, tuning or Tuning(config={"r": 4}), asked, seed
    )  # fmt: skip


def process() -> list[Any]:
    """Return all that a library must leave as it is."""
    import transformers

    return [
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),  # type: ignore[index]
        random.getstate(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        transformers.logging.get_verbosity(),
        transformers.utils.logging.is_progress_bar_enabled(),
        dict(os.environ),
    ]


@pytest.fixture
def untidy() -> Any:
    """A caller with settings of its own, which are put back after the test."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    limits = threadpool_limits(2, user_api="blas")
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    limits.restore_original_limits()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True


def blas_threads() -> set[int]:
    """Return how many threads numpy's and scipy's linear algebra may have."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.parametrize("tuning", [Tuning(), DROPOUT, Tuning(type="IA3"), Tuning(type="BITFIT")])
def test_making_and_asking_leaves_the_process_as_it_was(
    world: Small, tuning: Tuning, untidy: None
) -> None:
    before = process()
    made = make(world, tuning)
    stream = open_stream([world.encoded], 2)
    made.hidden(stream, np.arange(4)).sum().backward()
    made.features(stream, np.arange(4))
    assert process() == before


def test_a_block_computes_as_a_job_does_and_puts_back_what_was(untidy: None) -> None:
    before = process()
    with computing(Compute(threads=1)):
        assert torch.get_num_threads() == 1
        assert blas_threads() == {1}
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    assert process() == before
    assert blas_threads() == {2}
    with pytest.raises(ZeroDivisionError), computing(Compute(threads=1)):
        _ = 1 / 0
    assert process() == before


def test_a_job_sets_its_process_for_good(untidy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # the user's own stays
    prepare_process(Compute(threads=1))
    assert torch.get_num_threads() == 1
    assert blas_threads() == {1}
    assert torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_first_weights_are_those_of_the_seed_alone(world: Small) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModel

    torch.manual_seed(7)
    config = LoraConfig(r=4, target_modules=world.targets)
    plain = get_peft_model(AutoModel.from_pretrained(world.snapshot), config)
    expected = {n: p for n, p in plain.named_parameters() if p.requires_grad}
    torch.manual_seed(99)
    found = make(world, seed=7).state()
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], expected[name]) for name in found)
    assert any(not torch.equal(t, found[n]) for n, t in make(world, seed=8).state().items())


def test_dropout_draws_from_the_seed_whatever_the_process_draws(world: Small) -> None:
    stream, batch = open_stream([world.encoded], 2), np.arange(6)

    def passes(disturb: bool) -> list[torch.Tensor]:
        made, found = make(world, DROPOUT), []
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.add_(0.1)  # B starts at 0, where dropout shows nothing
        for _ in range(3):
            if disturb:
                torch.rand(5)
            found.append(made.hidden(stream, batch).detach())
        return found

    torch.manual_seed(5)
    calm = passes(disturb=False)
    for a, b in zip(calm, passes(disturb=True), strict=True):
        assert torch.equal(a, b)
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(calm))


def test_every_pass_is_counted(world: Small) -> None:
    stream, batch = open_stream([world.encoded], 2), np.arange(5)
    unpadded, padded = make(world, eval_batch_size=4), make(world, eval_batch_size=4, fast=False)
    tokens = int(stream.lengths[batch].sum())
    unpadded.hidden(stream, batch)
    assert unpadded.passed == Passed(trained_samples=5, trained_tokens=tokens)
    unpadded.features(stream, batch)
    unpadded.features(stream, batch)
    assert unpadded.passed == Passed(5, tokens, 10, 2 * tokens)
    padded.features(stream, batch)
    four, one = np.split(np.sort(stream.lengths[batch]), [4])
    assert padded.passed == Passed(0, 0, 5, 4 * int(four.max()) + int(one.max()))


def test_a_copy_is_refused(world: Small) -> None:
    with pytest.raises(TypeError, match="make another"):
        copy.deepcopy(make(world))


def test_a_pass_that_was_stopped_leaves_no_place_filled(
    world: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = open_stream([world.encoded], 2)
    backbone, other = (make(world, Tuning(type="none")) for _ in range(2))
    expected = other.features(stream, np.arange(4))
    with monkeypatch.context() as patched:
        patched.setattr(backbone, "_hidden", stopped)
        with pytest.raises(KeyboardInterrupt):
            backbone.features(stream, np.arange(2))
    backbone.features(stream, np.arange(2, 4))
    torch.testing.assert_close(backbone.features(stream, np.arange(4)), expected)


def stopped(*_: Any) -> Any:
    raise KeyboardInterrupt


def test_the_fast_way_is_switched_off_whole(world: Small) -> None:
    def replaced(made: Backbone) -> int:
        return sum("forward" in vars(module) for module in made.model.modules())

    fast, stock, lengths = make(world), make(world, fast=False), np.array([3, 5])
    assert (replaced(fast), fast.tokens(lengths)) == (4, 8)  # two layers, query and value
    assert (replaced(stock), stock.tokens(lengths)) == (0, 10)


def test_no_snapshot(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model here: run `conpet fetch-model` first"):
        Backbone(tmp_path, "m", "mask", ["query"], Tuning(), Compute(device="cpu"), 1)


def test_no_card() -> None:
    from conpet.models.device import choose_device

    assert choose_device(Compute(device="cpu")) == torch.device("cpu")
    if not torch.cuda.is_available():
        assert choose_device(Compute(device="auto")) == torch.device("cpu")
        with pytest.raises(UserError, match=r"^compute.device: cuda is not available here"):
            choose_device(Compute(device="cuda"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a card")
def test_a_card_draws_from_the_seed_too_and_keeps_its_own_state(world: Small) -> None:
    stream, batch = open_stream([world.encoded], 2), np.arange(6)
    torch.cuda.manual_seed_all(3)
    before = torch.cuda.get_rng_state()
    found = []
    for _ in range(2):
        made = Backbone(
            world.snapshot, "m", "mask", world.targets, DROPOUT, Compute(device="cuda"), 1
        )
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.add_(0.1)
        found.append([made.hidden(stream, batch).detach() for _ in range(2)])
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])
    assert not torch.equal(found[0][0], found[0][1])
