"""Passes of few shapes are the passes: whatever is padded, whatever fills the batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conpet.config.settings import Compute, Tuning
from conpet.data.stream import Stream, open_stream
from conpet.models.backbone import Backbone
from conpet.models.static import StaticPass, Unfit, length_bucket, rows_bucket
from tests.models.architectures import Small


def test_lengths_come_in_a_handful() -> None:
    assert [length_bucket(n, 10_000) for n in (1, 16, 17, 33, 64, 65, 96, 97, 129, 193, 257)] == [
        16, 16, 32, 48, 64, 96, 96, 128, 192, 256, 384,
    ]  # fmt: skip
    every = {length_bucket(n, 512) for n in range(1, 513)}
    assert len(every) == 10
    assert all(n <= length_bucket(n, 512) < 1.5 * n for n in range(33, 513))


def test_no_bucket_is_longer_than_the_longest_text() -> None:
    assert length_bucket(60, 61) == 61
    assert length_bucket(61, 61) == 61


def test_rows_are_all_half_or_a_quarter() -> None:
    assert [rows_bucket(n, 8) for n in (1, 2, 3, 4, 5, 8)] == [2, 2, 4, 4, 8, 8]
    assert rows_bucket(5, 5) == 5
    assert rows_bucket(1, 1) == 1


@pytest.mark.parametrize("pooling", ["mask", "mean"])
@pytest.mark.parametrize("name", ["bert", "roberta", "llama", "gpt_neox", "qwen3"])
def test_hidden_states_and_gradients_are_those_of_the_backbone(
    name: str, pooling: str, tmp_path: Path
) -> None:
    world = Small(tmp_path / name, name)
    asked = Compute(device="cpu", fast=False)
    made = Backbone(
        world.snapshot, "m", pooling, world.targets, Tuning(config={"r": 4}), asked, 1
    )  # fmt: skip
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1)
    stream = open_stream([world.encoded], 2)
    batch = np.argsort(stream.lengths)[[0, -1, 3, 3]]  # one twice, as a filled batch has
    samples, length = torch.from_numpy(batch), int(stream.lengths[batch].max()) + 3
    found = []
    for hidden in (made.hidden(stream, batch), made.static(stream)(samples, length)):
        (hidden * torch.linspace(-1, 1, made.width)).sum().backward()
        grads = [p.grad.clone() for p in made.parameters() if p.grad is not None]
        made.model.zero_grad()
        found.append([hidden.detach(), *grads])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert made.model.config._attn_implementation == "eager"  # put back


def test_what_is_not_known_to_fit_is_refused(tmp_path: Path) -> None:
    class Model(torch.nn.Module):
        config: Any = type("Config", (), {"model_type": "t5"})

    stream: Any = Stream.__new__(Stream)
    with pytest.raises(Unfit, match="t5 is not known to mask nothing but padding"):
        StaticPass(Model(), stream, torch.device("cpu"), "mask")
    Model.config = type("Config", (), {"model_type": "mistral", "sliding_window": 4})
    with pytest.raises(Unfit, match="mistral"):
        StaticPass(Model(), stream, torch.device("cpu"), "mask")
