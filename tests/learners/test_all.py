"""What holds for every learner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from conpet.errors import UserError
from conpet.learners import names
from tests.tiny import TASKS, World, make_encoded, same_bytes

pytestmark = pytest.mark.slow

METHODS = {
    "finetune": ("linear", "none"),
    "ewc": ("ewc", "none"),
    "lwf": ("lwf", "none"),
    "emr": ("linear", "memory"),
    "ea_emr": ("aligned", "memory"),
    "crl": ("contrastive", "memory"),
    "static_emr": ("linear", "dynamic"),
    "static_ea_emr": ("aligned", "dynamic"),
    "static_crl": ("contrastive", "dynamic"),
    "dynamic": ("experts", "dynamic"),
    "limitless": ("experts", "full"),
    "joint": ("linear", "full"),
}


def test_every_learner_is_in_a_method() -> None:
    assert {learner for learner, _ in METHODS.values()} == set(names())


@pytest.mark.parametrize("method", METHODS)
def test_learns_saves_loads_and_predicts(method: str, world: World, tmp_path: Path) -> None:
    name, replay = METHODS[method]
    # with fewer epochs the untrained state wins the validation of eight texts for some seeds
    states = world.run(name, tmp_path, replay=replay, training={"epochs": 6})
    selector = tmp_path / f"selector{TASKS}"
    chosen = selector if selector.exists() else None
    scores = []
    for _ in range(2):
        learner = world.learner(name, TASKS, replay=replay)
        learner.load(states, chosen)
        indices = learner.stream.of("test", range(1, TASKS + 1))
        found = learner.predict(indices)
        scores.append(found.scores)
    assert torch.equal(scores[0], scores[1])
    assert scores[0].shape == (len(indices), learner.stream.seen)
    torch.testing.assert_close(scores[0].exp().sum(1), torch.ones(len(indices)))
    right = found.labels() == learner.stream.label[indices]
    newest = learner.stream.task[indices] == TASKS
    # the texts are trivial: whatever a method forgets, the newest task it must have learnt
    assert right[newest].mean() > 0.7


@pytest.mark.parametrize("method", METHODS)
def test_two_runs_give_the_same_bytes(method: str, world: World, tmp_path: Path) -> None:
    name, replay = METHODS[method]
    world.run(name, tmp_path / "a", tasks=2, replay=replay)
    world.run(name, tmp_path / "b", tasks=2, replay=replay)
    assert same_bytes(tmp_path / "a", tmp_path / "b")


@pytest.mark.parametrize("method", ["static_emr", "dynamic", "ewc", "crl", "static_ea_emr"])
def test_no_state_depends_on_later_tasks(method: str, world: World, tmp_path: Path) -> None:
    name, replay = METHODS[method]
    short = make_encoded(tmp_path, world.snapshot, tasks=2)
    world.run(name, tmp_path / "a", tasks=2, replay=replay)
    world.run(name, tmp_path / "b", tasks=2, replay=replay, encoded=short)
    assert same_bytes(tmp_path / "a", tmp_path / "b")


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


def test_fixed_head_scores_unseen_classes_in_training_only(world: World, tmp_path: Path) -> None:
    world.run("linear", tmp_path, tasks=1, head="fixed")
    learner = world.learner("linear", 1, head="fixed")
    learner.load([tmp_path / "state1"], None)
    assert learner.tensors()["head.weight"].shape[0] == 6
    indices = learner.stream.of("test", [1])
    assert learner.predict(indices).scores.shape == (len(indices), 2)


def test_memory_replay_needs_every_memory(world: World) -> None:
    learner = world.learner("linear", 2, replay="memory")
    with pytest.raises(UserError, match="needs 1 memories"):
        learner.plan()


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
