"""What holds for every learner."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from conpet.errors import UserError
from conpet.learners import names
from conpet.learners.base import mean_by_task
from conpet.learners.linear import Linear
from conpet.testing import check_learner
from tests.tiny import World

pytestmark = pytest.mark.slow


#: what `linear` says of all replays, learners on the same ground need not say again: they are
#: checked without old samples (or with a memory, where they need some) and with dynamic replay
REPLAYS = {name: ["none", "dynamic"] for name in ("ewc", "lwf", "seq", "experts")}
REPLAYS |= {name: ["memory", "dynamic"] for name in ("aligned", "contrastive")}
REPLAYS |= {"olora": ["dynamic"]}


@pytest.mark.parametrize("learner", names())
def test_every_learner_keeps_to_the_contract(learner: str) -> None:
    check_learner(learner, REPLAYS.get(learner))


@pytest.mark.parametrize(
    "tuning",
    [
        {"type": "IA3", "config": {}},
        {"type": "full", "config": {}},
        {"type": "LORA", "config": {"r": 2, "use_dora": True}},
    ],
)
def test_other_tunings(tuning: dict[str, object], world: World, tmp_path: Path) -> None:
    states = world.run("linear", tmp_path, tasks=2, replay="dynamic", tuning=tuning)
    first = world.learner("linear", 2, tuning=tuning)
    fresh = first.backbone.state()
    first.load(states, None)
    assert any(not torch.equal(fresh[n], t) for n, t in first.backbone.state().items())
    second = world.learner("linear", 2, tuning=tuning)
    second.load(states, None)
    indices = first.stream.of("test", [1, 2])
    assert torch.equal(first.predict(indices).scores, second.predict(indices).scores)


def test_lora_dropout_acts_where_a_gradient_is_taken(world: World) -> None:
    learner: Any = world.learner("linear", 1, tuning={"config": {"lora_dropout": 0.5}})
    for parameter in learner.backbone.parameters():
        nn.init.normal_(parameter)
    indices = learner.stream.of("train", [1])
    passed = [learner.backbone.hidden(learner.stream, indices).detach() for _ in range(2)]
    assert not torch.equal(*passed)
    still = [learner.backbone.features(learner.stream, indices) for _ in range(2)]
    assert torch.equal(*still)


def test_the_fisher_is_that_of_the_learner_that_answers(world: World) -> None:
    """With what the training drops dropped it would be that of another one at each sample."""
    found = []
    for dropout in (0.0, 0.5):
        config = {"tuning": {"config": {"lora_dropout": dropout}}}
        learner: Any = world.learner("ewc", 1, **config)
        drawn = torch.Generator().manual_seed(0)
        for parameter in learner.backbone.parameters():
            nn.init.normal_(parameter, generator=drawn)
        found.append(learner.fisher(learner.stream.of("train", [1])))
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], rtol=1e-3, atol=1e-9)


def test_fixed_head_scores_unseen_classes_in_training_only(world: World, tmp_path: Path) -> None:
    world.run("linear", tmp_path, tasks=1, head="fixed")
    learner = world.learner("linear", 1, head="fixed")
    learner.load([tmp_path / "state1"], None)
    assert learner.tensors()["head.weight"].shape[0] == 6
    indices = learner.stream.of("test", [1])
    assert learner.predict(indices).scores.shape == (len(indices), 2)


def test_memory_replay_needs_a_memory(world: World) -> None:
    learner = world.learner("linear", 2, replay="memory")
    with pytest.raises(UserError, match="task 2: the memory holds nothing of task 1"):
        learner.plan()


def test_of_equally_good_epochs_the_first_is_kept(world: World) -> None:
    """The mean of 3, 2 and 1 tenths and that of 1, 2 and 3 differ in their last bit."""
    learner = world.learner("linear", 1, training={"epochs": 3})
    tasks, shares = np.repeat([1, 2, 3], 10), ([0, 0, 0], [3, 2, 1], [1, 2, 3], [1, 2, 3])
    means = [
        mean_by_task(np.concatenate([np.arange(10) < n for n in share]), tasks) for share in shares
    ]
    assert means[2] > means[1]
    scores = iter(means)
    plan = learner.plan()
    learner.fit(plan, learner.loss, lambda _: next(scores), learner.parameters())  # type: ignore[attr-defined]
    assert learner.history.best_epoch == 0


def test_best_epoch_is_kept(world: World) -> None:
    learner = world.learner("linear", 1, training={"epochs": 3})
    scores = iter([0.5, 0.4, 0.9, 0.9])
    kept: list[torch.Tensor] = []

    def accuracy(drawn: np.ndarray) -> float:
        kept.append(learner.head.weight.detach().clone())  # type: ignore[attr-defined]
        return next(scores)

    plan = learner.plan()
    learner.fit(plan, learner.loss, accuracy, learner.parameters())  # type: ignore[attr-defined]
    assert learner.history.best_epoch == 1
    assert torch.equal(learner.head.weight, kept[2])  # type: ignore[attr-defined]
    assert not torch.equal(kept[2], kept[3])


class Looks(Linear):
    """Trains at another rate where a head is fitted, and does not say so."""

    def before_task(self, plan: Any) -> None:
        if self.refit.head is not None:
            self.backbone.reset()
            nn.init.ones_(next(iter(self.backbone.parameters())))


class Says(Looks):
    """The same, but it says so."""

    @classmethod
    def takes_over(cls) -> bool:
        return False


def test_a_training_that_depends_on_the_head_is_told() -> None:
    with pytest.raises(AssertionError, match=r"let takes_over\(\) return False"):
        check_learner(Looks, ["dynamic"])
    check_learner(Says, ["dynamic"])


def test_validation_weighs_tasks_alike(world: World) -> None:
    learner: Any = world.learner("linear", 2)
    stream = learner.stream

    def answers(indices: np.ndarray) -> Any:
        right_in_2 = np.where(stream.task[indices] == 2, stream.label[indices], -1)
        return SimpleNamespace(labels=lambda: right_in_2)

    learner.predict = answers
    drawn = np.concatenate([stream.of("valid", [1])[:1], stream.of("valid", [2])])
    assert learner.accuracy(drawn) == 0.5
