"""Passes without gradient in long rows, and of several experts at once, are the passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conpet.config.settings import Compute, Tuning
from conpet.data.stream import Stream, open_stream
from conpet.models.backbone import Backbone
from conpet.models.card_passes import row_limit, rows
from conpet.models.mixed import can_mix
from tests.models.architectures import Small


def test_rows_hold_as_much_as_they_may() -> None:
    lengths = np.array([5, 5, 6, 20, 3, 1])
    assert [lengths[cut].tolist() for cut in rows(lengths, 10)] == [[5, 5], [6], [20], [3, 1]]
    assert not list(rows(lengths[:0], 10))


def test_a_row_is_as_long_as_the_model_is_small() -> None:
    def model(inner: int) -> Any:
        return type("Config", (), {"intermediate_size": inner, "hidden_size": 64})

    assert row_limit(model(1536), 2, flash=True) == 16384
    assert row_limit(model(11008), 2, flash=True) == 3048
    assert row_limit(model(1_000_000), 2, flash=True) == 1024
    assert row_limit(model(1536), 4, flash=False) == 2048  # a mask is as large as its square


@pytest.fixture(params=[("bert", "mask"), ("llama", "mask"), ("bert", "mean"), ("llama", "last")])
def made(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Backbone, Stream]:
    monkeypatch.setattr("conpet.models.backbone.suits", lambda *_: False)  # a card pads
    architecture, pooling = request.param
    world = Small(tmp_path / architecture, architecture)
    body = Backbone(
        world.snapshot, "m", pooling, world.targets, Tuning(config={"r": 2}),
        Compute(device="cpu"), 1,
    )  # fmt: skip
    return body, open_stream([world.encoded], 2)


def on_card(monkeypatch: pytest.MonkeyPatch, body: Backbone) -> None:
    """Have a backbone go as on a card, in rows of 64 tokens, and never in padded batches."""
    monkeypatch.setattr(body, "_long", True)
    monkeypatch.setattr("conpet.models.backbone.collate", None)
    monkeypatch.setattr("conpet.models.backbone.row_limit", lambda *_: 64)


@pytest.mark.parametrize("layers", [1, 2])
def test_features(
    layers: int, made: tuple[Backbone, Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    body, stream = made
    asked = np.array([3, 0, 7, 7, 5, 1])
    plain, counted = body.features(stream, asked, layers), body.passed.forward_samples
    on_card(monkeypatch, body)
    found = body.features(stream, asked, layers)
    torch.testing.assert_close(found, plain, rtol=1e-4, atol=1e-5)
    assert body.passed.forward_samples == 2 * counted
    assert body.features(stream, asked[:0], layers).shape == (0, body.reads(layers))


@pytest.mark.parametrize("layers", [1, 2])
def test_each_text_has_its_own_expert(
    layers: int, made: tuple[Backbone, Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    body, stream = made
    assert can_mix(body.model, body._tuned)
    torch.manual_seed(3)
    states = {
        task: {name: 0.3 * torch.randn_like(t) for name, t in body.state().items()}
        for task in (2, 5, 6)
    }
    asked, experts = np.array([3, 0, 7, 7, 5, 1]), np.array([2, 5, 2, 6, 6, 5])
    swapped = body.features_of(stream, asked, experts, states, layers)
    assert not torch.allclose(swapped[2], swapped[3], atol=1e-3)  # one text, two experts
    on_card(monkeypatch, body)
    mixed = body.features_of(stream, asked, experts, states, layers)
    torch.testing.assert_close(mixed, swapped, rtol=1e-4, atol=1e-5)
    # the slot is as it was
    body.load_state(states[6])
    torch.testing.assert_close(
        body.features(stream, asked[3:5], layers), swapped[3:5], rtol=1e-4, atol=1e-5
    )


def test_layers_may_have_ranks_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conpet.models.backbone.suits", lambda *_: False)
    world = Small(tmp_path / "bert", "bert")
    tuning = Tuning(config={"r": 4, "rank_pattern": {"value": 2}})
    body = Backbone(
        world.snapshot, "m", "mask", world.targets, tuning, Compute(device="cpu"), 1
    )  # fmt: skip
    stream = open_stream([world.encoded], 2)
    torch.manual_seed(3)
    states = {
        task: {name: 0.3 * torch.randn_like(t) for name, t in body.state().items()}
        for task in (1, 2)
    }
    asked, experts = np.array([3, 0, 7]), np.array([2, 1, 2])
    swapped = body.features_of(stream, asked, experts, states)
    on_card(monkeypatch, body)
    mixed = body.features_of(stream, asked, experts, states)
    torch.testing.assert_close(mixed, swapped, rtol=1e-4, atol=1e-5)


def test_a_text_of_no_expert_is_refused(made: tuple[Backbone, Stream]) -> None:
    body, stream = made
    with pytest.raises(ValueError, match=r"experts: \{3\}: there are \[1\]"):
        body.features_of(stream, np.array([0, 1]), np.array([1, 3]), {1: body.state()})


def test_what_is_not_plain_lora_is_swapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conpet.models.backbone.suits", lambda *_: False)
    world = Small(tmp_path / "bert", "bert")
    tuning = Tuning(type="BITFIT", config={})
    body = Backbone(world.snapshot, "m", "mask", [], tuning, Compute(device="cpu"), 1)
    assert not can_mix(body.model, body._tuned)
    stream = open_stream([world.encoded], 2)
    on_card(monkeypatch, body)
    states = {1: body.state(), 2: {n: t + 0.5 for n, t in body.state().items()}}
    found = body.features_of(stream, np.array([1, 1]), np.array([1, 2]), states)
    assert not torch.allclose(found[0], found[1], atol=1e-3)


def test_what_is_tried_again_is_counted_once(
    made: tuple[Backbone, Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card's memory may be short because of its other users: the count is of the job alone."""
    body, stream = made
    asked = np.arange(12)
    on_card(monkeypatch, body)
    monkeypatch.setattr("conpet.models.card_passes._LEAST", 16)
    wanted = body.features(stream, asked)
    samples = body.passed.forward_samples
    passes: Any = body._passes(stream)
    row, whole = passes._static, []

    def once_full(*words: Any) -> torch.Tensor:
        whole.append(words)
        if len(whole) == 2:
            raise torch.OutOfMemoryError("full")
        return row(*words)

    for name in ("device", "width", "pooling"):
        setattr(once_full, name, getattr(row, name))
    monkeypatch.setattr(passes, "_static", once_full)
    torch.testing.assert_close(body.features(stream, asked), wanted, rtol=1e-4, atol=1e-5)
    assert len(whole) > 3
    assert body.passed.forward_samples == 2 * samples


def test_a_batch_that_finds_no_room_is_not_counted(
    made: tuple[Backbone, Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    body, stream = made

    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(body, "_hidden", full)
    with pytest.raises(torch.OutOfMemoryError):
        body.hidden(stream, np.arange(4))
    assert body.passed.trained_samples == 0
