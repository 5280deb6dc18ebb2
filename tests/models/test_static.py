"""Passes of few shapes are the passes: whatever is padded, whatever fills the batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from conpet.config.settings import Compute, Tuning
from conpet.data.stream import Stream, open_stream
from conpet.models.backbone import Backbone
from conpet.models.static import StaticPass, Unfit, row_bucket
from tests.models.architectures import ARCHITECTURES, Small


def test_rows_come_in_a_handful_of_lengths() -> None:
    assert [row_bucket(n) for n in (1, 64, 65, 400, 1024, 1025, 2048, 2049)] == [
        64, 64, 128, 448, 1024, 1152, 2048, 2304,
    ]  # fmt: skip
    assert all(n <= row_bucket(n) < 1.125 * n for n in range(512, 5000))


def test_a_decoder_looks_back_alone(tmp_path: Path) -> None:
    world = Small(tmp_path / "bert", "bert")
    config = world.snapshot / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"is_decoder": True}))
    asked = Compute(device="cpu", fast=False)
    made = Backbone(world.snapshot, "m", "mask", world.targets, Tuning(config={"r": 4}), asked, 1)
    stream = open_stream([world.encoded], 2)
    batch = np.arange(3)
    row = int(stream.lengths[batch].sum())
    found = made.static(stream)(torch.from_numpy(batch), 3, row)
    torch.testing.assert_close(found, made.hidden(stream, batch), rtol=1e-4, atol=1e-5)


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
    batch = np.argsort(stream.lengths)[[0, -1, 3, 5]]
    filled = torch.from_numpy(np.append(batch, [batch[0]] * 2))  # two that do not count
    row = int(stream.lengths[batch].sum()) + 7
    found = []
    for hidden in (made.hidden(stream, batch), made.static(stream)(filled, 4, row)[:4]):
        (hidden * torch.linspace(-1, 1, made.width)).sum().backward()
        grads = [p.grad.clone() for p in made.parameters() if p.grad is not None]
        made.model.zero_grad()
        found.append([hidden.detach(), *grads])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert made.model.config._attn_implementation == "eager"  # put back


class Waiting(TorchDispatchMode):
    """Notes operations whose result the host waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "equal"):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_host_waits_for_nothing(name: str, tmp_path: Path) -> None:
    """What it waits for on a CPU it waits for on a card, where that cannot be recorded."""
    world = Small(tmp_path / name, name)
    made = Backbone(
        world.snapshot, "m", "mask", world.targets, Tuning(), Compute(device="cpu", fast=False), 1
    )  # fmt: skip
    stream = open_stream([world.encoded], 2)
    static = made.static(stream)
    with Waiting() as waiting:
        static(torch.arange(4), torch.tensor(3.0), 256).sum().backward()
    assert not waiting.found
    with Waiting() as waiting:
        assert int(torch.ones(1)) == 1
    assert waiting.found  # it would have been seen


def test_what_is_not_known_to_fit_is_refused(tmp_path: Path) -> None:
    class Model(torch.nn.Module):
        config: Any = type("Config", (), {"model_type": "t5"})

    stream: Any = Stream.__new__(Stream)
    with pytest.raises(Unfit, match="t5 is not known to mask nothing but padding"):
        StaticPass(Model(), stream, torch.device("cpu"), "mask")
    Model.config = type("Config", (), {"model_type": "mistral", "sliding_window": 4})
    with pytest.raises(Unfit, match="mistral"):
        StaticPass(Model(), stream, torch.device("cpu"), "mask")
