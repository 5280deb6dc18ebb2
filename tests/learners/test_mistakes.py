"""What goes wrong in learning is one line, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from conpet.config.settings import Tuning
from conpet.errors import UserError
from conpet.models.backbone import Backbone
from tests.tiny import World


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    world = World(tmp_path)
    learner = world.learner("linear", 1, training={"lr": 100.0, "weight_decay": 100.0})
    with pytest.raises(UserError, match=r"^epoch 1/3: the loss is (nan|inf): lower training.lr$"):
        learner.train()


@pytest.mark.parametrize(
    "tuning",
    [
        Tuning(config={"target_modules": ["nothing"]}),
        Tuning(type="IA3", config={"target_modules": ["query"], "feedforward_modules": ["key"]}),
    ],
)
def test_what_peft_refuses_is_one_line(tuning: Tuning, tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(UserError) as error:
        Backbone(world.snapshot, "tiny", "mask", ["query"], tuning, world.compute, 1)
    assert str(error.value).startswith(f"tuning.config: {tuning.type} refuses it")
    assert "\n" not in str(error.value)
