"""What an estimate counts and times, also where there is a card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conpet.commands import estimation_speed
from conpet.commands.dry import DryBackbone
from conpet.commands.estimation_speed import measure
from conpet.config.settings import Compute, Tuning
from conpet.data.stream import open_stream
from conpet.models.backbone import Backbone
from conpet.progress import Progress
from conpet.training.samples import each_sample
from tests.models.architectures import Small
from tests.training.standin import Kept
from tests.training.worlds import Padded


def dry(world: Small) -> DryBackbone:
    return DryBackbone(
        world.snapshot, "m", "mask", world.targets, Tuning(config={"r": 2}),
        Compute(device="cpu"), 1,
    )  # fmt: skip


def test_a_count_answers_where_the_model_is(tmp_path: Path) -> None:
    world = Small(tmp_path, "bert")
    body, stream = dry(world), open_stream([world.encoded], 2)
    body.device = torch.device("meta")  # stands for a card
    body._first = torch.zeros(1, device="meta", requires_grad=True)
    found = body.hidden(stream, np.arange(4))
    assert (found.device.type, tuple(found.shape)) == ("meta", (4, body.width))
    assert body.passed.trained_samples == 4


def test_a_count_passes_nothing_in_a_cards_long_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Backbone.__init__

    def on_card(self: Backbone, *args: Any, **options: Any) -> None:
        made(self, *args, **options)
        self._long = True

    monkeypatch.setattr(Backbone, "__init__", on_card)
    world = Small(tmp_path, "bert")
    body, stream = dry(world), open_stream([world.encoded], 2)
    assert body._passes(stream) is None
    assert body.features(stream, np.arange(4)).shape == (4, body.width)


def test_a_count_records_no_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conpet.training.samples._recorded", None)
    world = Small(tmp_path, "bert")
    body, stream = dry(world), open_stream([world.encoded], 2)
    asked: list[int] = []
    each_sample(
        body, stream, np.arange(3), np.zeros((3, 1)), lambda hidden, _: asked.append(len(hidden)),
        [], Kept(), Progress("count"),
    )  # fmt: skip
    assert asked == [1, 1, 1]


def test_steps_that_are_recorded_are_timed_so(
    padded: Padded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimation_speed, "TIMED_SECONDS", 0.0)
    engine = Kept()

    class Subject:
        def learner(self, task: int, _: type[Backbone]) -> Any:
            learner = padded.learner("linear", task, replay="dynamic")
            learner.context.engine = engine
            return learner

    speed = measure(Subject())  # type: ignore[arg-type]
    assert 0 < speed.trained < float("inf")
    assert engine.replayed > engine.recorded > 0
