"""Each learner's idea: a test that fails when the idea is taken out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from conpet import training
from conpet.heads.softmax import Softmax
from conpet.learners import base
from conpet.learners.bank import contrastive_loss
from conpet.learners.lwf import distillation
from conpet.learners.routing import UNCHOSEN, choose_experts
from conpet.training import Rows
from tests.tiny import World, same_bytes


def test_lwf_term_by_hand() -> None:
    old = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    scores = torch.log(torch.tensor([[0.5, 0.5], [0.8, 0.2]]))
    expected = -(0.25 + 0.75) * np.log(0.5) - np.log(0.8)  # the sum over both, not their mean
    assert float(distillation(old, scores)) == pytest.approx(expected, rel=1e-6)


def test_lwf_loss_holds_the_old_models_words(world: World, tmp_path: Path) -> None:
    states = world.run("lwf", tmp_path, tasks=1)
    learner: Any = world.learner("lwf", 2, options={"strength": 0.5})
    learner.load(states, None)
    plan = learner.plan()
    before = learner.predict(plan.trained()).scores[:, :2].softmax(1)
    learner.before_task(plan)
    batch = plan.epochs[0][0]
    with torch.no_grad():
        learner.head.weight += 0.3 * torch.randn_like(learner.head.weight)
        scores = learner.head(learner.backbone.hidden(learner.stream, batch))
        old = before[np.searchsorted(plan.trained(), batch)]
        expected = F.cross_entropy(scores, learner.targets(batch)) + 0.5 * distillation(
            old, scores[:, :2]
        )
        found = learner.loss(batch)
    torch.testing.assert_close(found, expected)


def test_contrastive_loss_is_the_brute_force_loop() -> None:
    torch.manual_seed(0)
    bank = F.normalize(torch.randn(7, 4), dim=1)
    bank_labels = torch.tensor([0, 0, 1, 1, 1, 2, 0])
    z = F.normalize(torch.randn(3, 4), dim=1)
    labels = torch.tensor([0, 1, 2])
    total = 0.0
    for i in range(3):
        scores = [float(z[i] @ entry) / 0.1 for entry in bank]
        terms = [np.exp(s - max(scores)) + 1e-4 for s in scores]
        positives = [j for j in range(7) if bank_labels[j] == labels[i]]
        total -= sum(np.log(terms[p] / sum(terms)) for p in positives) / len(positives)
    found = contrastive_loss(z, labels, (bank, bank_labels), 0.1, Rows(len(z)))
    assert float(found) == pytest.approx(total / 3, rel=1e-4)


def test_contrastive_prediction_is_the_nearest_class_mean(world: World, tmp_path: Path) -> None:
    states = world.run("contrastive", tmp_path, tasks=1, replay="none")
    learner: Any = world.learner("contrastive", 1, replay="none")
    learner.load(states, None)
    train, test = learner.stream.of("train", [1]), learner.stream.of("test", [1])
    hidden, labels = learner.backbone.features(learner.stream, train), learner.stream.label[train]
    means = torch.stack([hidden[torch.from_numpy(labels == c)].mean(0) for c in range(2)])
    features = learner.backbone.features(learner.stream, test)
    expected = [int(np.argmin([float((f - m).square().sum()) for m in means])) for f in features]
    assert learner.predict(test).labels().tolist() == expected


def test_old_similarities_hold_back_the_replay(world: World, tmp_path: Path) -> None:
    """Old samples end nearer to what their prototypes resembled with the distillation on."""
    states = world.run("contrastive", tmp_path, tasks=1, replay="full")
    drift = {}
    for temperature in (0.1, 1e6):  # at a huge temperature all similarities are alike: no pull
        options = {"distillation_temperature": temperature}
        learner: Any = world.learner("contrastive", 2, replay="full", options=options)
        learner.load(states, None)
        everything = learner.stream.of("train", [1, 2])
        old = learner.stream.of("train", [1])
        learner.options = learner.options.model_copy(update={"distillation_temperature": 0.1})
        measure = learner._held(learner.targets(everything))
        learner.options = learner.options.model_copy(update=options)
        learner.train()
        now, targets = learner._bank(old), learner.targets(old)
        drift[temperature] = float(measure(now, targets, learner._bank(everything), Rows(len(old))))
    assert drift[0.1] < drift[1e6]


def test_teacher_forcing_takes_the_last_place() -> None:
    ranked = np.array([[3, 1, 2], [2, 3, 1]])
    true = np.array([2, 2])
    assert choose_experts(ranked, 2, true).tolist() == [[3, 2], [2, 3]]
    assert choose_experts(ranked, 1, true).tolist() == [[2], [2]]
    assert choose_experts(ranked, 2, None).tolist() == [[3, 1], [2, 3]]
    assert choose_experts(ranked, 9, None).shape == (2, 3)


def test_with_one_expert_old_samples_give_no_gradient_and_do_not_pass(
    world: World, tmp_path: Path
) -> None:
    states = world.run("experts", tmp_path, tasks=2, replay="dynamic")
    learner: Any = world.learner("experts", 2, replay="dynamic")
    learner.load(states[:1], tmp_path / "selector2")
    plan = learner.train()
    batches = [b for epoch in plan.epochs for b in epoch]
    new = sum(int((learner.stream.task[b] == 2).sum()) for b in batches)
    assert learner.backbone.passed.trained_samples == new
    assert sum(len(b) for b in batches) == 2 * new
    assert new > 0


def test_what_gives_no_gradient_asks_neither_selector_nor_frozen_experts(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = world.run("experts", tmp_path, tasks=2, replay="dynamic")
    asked: dict[str, set[int]] = {}
    for forcing, name in ((True, "forced"), (False, "free")):
        learner: Any = world.learner("experts", 2, replay="dynamic")
        learner.options = learner.options.model_copy(update={"teacher_forcing": forcing})
        learner.load(states[:1], tmp_path / "selector2")
        seen = asked[name] = set()
        features = learner.backbone.features

        def noted(
            stream: Any,
            indices: np.ndarray,
            layers: int = 1,
            seen: set[int] = seen,
            features: Any = features,
        ) -> Any:
            seen.update(indices.tolist())
            return features(stream, indices, layers)

        monkeypatch.setattr(learner.backbone, "features", noted)
        plan = learner.train()
    trained = set(plan.trained().tolist())
    assert not trained & asked["forced"]
    assert trained <= asked["free"]  # the selector has to say who answers
    assert set(plan.validated().tolist()) <= asked["forced"]


def test_two_experts_pass_old_samples_that_ask_for_both(world: World, tmp_path: Path) -> None:
    states = world.run("experts", tmp_path, tasks=1, replay="dynamic")
    selector: Any = world.learner("experts", 2, replay="dynamic")
    selector.load(states, None)
    selector.train_selector()
    (tmp_path / "s").mkdir()
    selector.save(tmp_path / "s")
    learner: Any = world.learner("experts", 2, replay="dynamic", options={"top_k": 2})
    learner.load(states, tmp_path / "s")
    plan = learner.train()
    assert learner.backbone.passed.trained_samples == sum(len(b) for e in plan.epochs for b in e)


def test_frozen_experts_do_not_change_and_unchosen_classes_score_low(
    world: World, tmp_path: Path
) -> None:
    states = world.run("experts", tmp_path, tasks=3, replay="dynamic")
    learner: Any = world.learner("experts", 3, replay="dynamic")
    learner.load(states, tmp_path / "selector3")
    indices = learner.stream.of("test", [1])
    chosen = np.full((len(indices), 1), 1)
    scores = learner.frozen_scores(indices, chosen, [1, 2, 3])
    assert (scores[:, 2:] == UNCHOSEN).all()
    first: Any = world.learner("experts", 1, replay="dynamic")
    first.load(states[:1], None)
    alone = first.frozen_scores(indices, chosen, [1])
    torch.testing.assert_close(scores[:, :2], alone)


def test_selector_is_carried_and_grown(world: World, tmp_path: Path) -> None:
    states = world.run("experts", tmp_path, tasks=2, replay="dynamic")
    learner: Any = world.learner("experts", 3, replay="dynamic")
    learner.load(states, tmp_path / "selector2")
    old: Any = world.learner("experts", 2, replay="dynamic")
    old.load(states, tmp_path / "selector2")
    assert learner.selector.head.weight.shape[0] == 3
    assert torch.equal(learner.selector.head.weight[:2], old.selector.head.weight)
    for name, value in old.selector.adapter.items():
        assert torch.equal(learner.selector.adapter[name], value)


def test_selector_training_starts_from_the_former_selector(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = world.run("experts", tmp_path, tasks=2, replay="dynamic")
    learner: Any = world.learner("experts", 3, replay="dynamic")
    learner.load(states, tmp_path / "selector2")
    former = learner.selector.adapter
    seen: dict[str, Any] = {}

    def stop(plan: Any, loss: Any, accuracy: Any, parameters: Any, *rest: Any) -> None:
        seen.update(adapter=learner.backbone.state(), clip=rest[0].clip_norm, count=len(parameters))

    monkeypatch.setattr(base, "fit", stop)
    learner.train_selector()
    assert all(torch.equal(seen["adapter"][name], former[name]) for name in former)
    assert seen["clip"] == 1.0  # docs/methods.md, Tuning
    assert seen["count"] == len(former) + 2  # the adapter, and the head's weight and bias
    learner.train()
    assert seen["clip"] is None
    assert not all(torch.equal(seen["adapter"][name], former[name]) for name in former)


def test_an_experts_loss_is_averaged_over_the_whole_batch(world: World, tmp_path: Path) -> None:
    states = world.run("experts", tmp_path, tasks=2, replay="dynamic")
    learner: Any = world.learner("experts", 2, replay="dynamic")
    learner.load(states[:1], tmp_path / "selector2")
    losses: list[Any] = []
    learner.fit = lambda plan, loss, *rest: losses.append((plan.epochs[0][0], loss))
    learner.train()
    batch, loss = losses[0]
    mine = batch[learner.stream.task[batch] == 2]
    assert 0 < len(mine) < len(batch)
    start, end = learner.stream.class_range(2)
    scores = torch.full((len(mine), learner.stream.seen), UNCHOSEN)
    scores[:, start:end] = learner.heads.answering[2](learner.backbone.hidden(learner.stream, mine))
    total = F.cross_entropy(scores, learner.targets(mine), reduction="sum")
    torch.testing.assert_close(loss(batch), total / len(batch))


def test_expert_may_start_from_the_selector(world: World, tmp_path: Path) -> None:
    world.run("experts", tmp_path / "a", tasks=2, replay="dynamic")
    world.run(
        "experts", tmp_path / "b", tasks=2, replay="dynamic", options={"expert_init": "selector"}
    )
    assert same_bytes(tmp_path / "a/state1", tmp_path / "b/state1")
    assert not same_bytes(tmp_path / "a/state2/adapter", tmp_path / "b/state2/adapter")


def test_a_grown_head_equals_one_made_at_once() -> None:
    grown = Softmax(4, 2, seed=5)
    grown.grow(6)
    assert torch.equal(grown.weight, Softmax(4, 6, seed=5).weight)
    assert not torch.equal(grown.weight, Softmax(4, 6, seed=6).weight)


@pytest.mark.parametrize(("untrained", "best"), [(False, 0), (True, -1)])
def test_a_selector_that_never_finds_the_new_task_is_not_kept_unless_asked_for(
    untrained: bool, best: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def falling(plan: Any, loss: Any, accuracy: Any, *rest: Any) -> None:
        left = iter(range(9, 0, -1))
        training.fit(plan, loss, lambda drawn: next(left) / 9, *rest)

    monkeypatch.setattr(base, "fit", falling)
    options = {"selector_untrained": untrained}
    learner: Any = world.learner("experts", 2, replay="dynamic", options=options)
    learner.train_selector()
    assert learner.history.best_epoch == best
