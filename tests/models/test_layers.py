"""What a fitted head reads of several layers, against transformers itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel

from conpet.config.head import Head
from conpet.config.settings import Compute, Tuning
from conpet.data.stream import Stream, open_stream
from conpet.errors import UserError
from conpet.heads import check_head
from conpet.learners import check_takes
from conpet.models.backbone import Backbone
from conpet.models.batches import collate
from tests.models.architectures import ARCHITECTURES, Small

ASKED = np.array([5, 0, 3, 9, 14, 2])


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Small]:
    folder = tmp_path_factory.mktemp("layers")
    return {name: Small(folder / name, name) for name in ARCHITECTURES}


def make(world: Small, pooling: str, tuning: str = "LORA", **compute: Any) -> Backbone:
    own = {"r": 4} if tuning == "LORA" else {}
    asked = Compute(device="cpu", eval_batch_size=4, **compute)
    targets = world.targets
    return Backbone(
        world.snapshot, "m", pooling, targets, Tuning(type=tuning, config=own), asked, 1
    )


def by_hand(world: Small, stream: Stream, pooling: str) -> torch.Tensor:
    """Return what two layers say of each text: the last's state, the other's, and its mean."""
    model, rows = AutoModel.from_pretrained(world.snapshot).eval(), []
    for index in ASKED:
        ids, mask, pool = collate(stream, np.array([index]))
        with torch.no_grad():
            states = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        below, last = (layer[0] for layer in states.hidden_states[-2:])
        read = [last.mean(0)] if pooling == "mean" else [last[pool[0]], below[pool[0]]]
        rows.append(torch.cat([*read, below.mean(0)]))
    return torch.stack(rows)


@pytest.mark.parametrize("pooling", ["mask", "mean"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_two_layers_are_those_of_the_model(
    architecture: str, pooling: str, worlds: dict[str, Small]
) -> None:
    world = worlds[architecture]
    stream = open_stream([world.encoded], 2)
    expected = by_hand(world, stream, pooling)
    for tuning, fast in (("LORA", True), ("LORA", False), ("none", True)):
        made = make(world, pooling, tuning, fast=fast)
        found = made.features(stream, ASKED, 2)
        assert found.shape == (len(ASKED), made.reads(2))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        assert made.passed.forward_samples == len(ASKED)


def test_a_frozen_text_passes_once_for_each_depth(worlds: dict[str, Small]) -> None:
    world = worlds["bert"]
    stream, made = open_stream([world.encoded], 2), make(world, "mask", "none")
    for _ in range(2):
        deep, last = made.features(stream, ASKED, 2), made.features(stream, ASKED)
    assert made.passed.forward_samples == 2 * len(ASKED)
    torch.testing.assert_close(deep[:, : made.width], last)


def test_more_layers_than_there_are(worlds: dict[str, Small]) -> None:
    with pytest.raises(UserError, match=r"^layers: 3: m has 2: take at most as many$"):
        make(worlds["bert"], "mask").reads(3)


def test_what_reads_the_last_layer_alone_takes_no_others() -> None:
    with pytest.raises(UserError, match=r"^head.layers: softmax is trained, on the last layer"):
        check_head(Head(layers=2))
    check_head(Head(type="ranpac", layers=2))
    deep = Head(type="lda", layers=2)
    with pytest.raises(UserError, match=r"^head.layers: learner aligned maps what a head reads"):
        check_takes("aligned", deep)
    check_takes("ewc", deep)


@pytest.mark.parametrize("samples", ["plan", "kept", "history"])
def test_a_learner_of_two_layers_learns_and_is_taken_up(
    samples: str, worlds: dict[str, Small], tmp_path: Path
) -> None:
    world, keys = worlds["bert"], {"head": {"type": "lda", "samples": samples, "layers": 2}}
    states = world.run("linear", tmp_path, tasks=2, replay="dynamic", **keys)
    made: Any = world.newest
    assert made.refit.head.mean.shape == (4, 3 * made.backbone.width)
    asked: Any = world.learner("linear", 2, replay="dynamic", **keys)
    asked.load(states[-1:], None)
    indices = asked.stream.of("test", [1, 2])
    found = asked.predict(indices)
    torch.testing.assert_close(found.scores, made.predict(indices).scores)
    # the trained head still reads the last layer alone
    assert asked.memory_features(indices).shape == (len(indices), 4)


def test_one_layer_is_written_as_before() -> None:
    assert Head(type="lda", samples="kept").model_dump() == {
        "type": "lda", "rows": "grow", "samples": "kept", "config": {}
    }  # fmt: skip
    deep = Head(type="lda", layers=3)
    assert Head.model_validate(deep.model_dump()) == deep
