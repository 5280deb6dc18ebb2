"""The plan's prior: what a softmax learns of it, what is left when it is taken out, and where."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm

from conpet.config.settings import Settings
from conpet.errors import UserError
from conpet.learners.base import Seeds
from conpet.learners.prior import Prior, check_prior, log_history, log_prior
from conpet.replay.base import Plan
from tests.tiny import World

COMMON, RARE = 900, 100


def toy(world: World, learner: str, **settings: Any) -> Any:
    """Return a learner of texts that are points on a line, class 0 of N(-1, 1), class 1 of N(1, 1).

    Equally likely, the better class is the side of 0; the best scores differ by 2x. With shares of
    0.9 and 0.1 the border moves, by log 9 in the scores.
    """
    made: Any = world.learner(learner, 1, replay="full", **settings)
    counts = (COMMON, RARE)
    points = [
        norm.ppf((np.arange(n) + 0.5) / n) + side for n, side in zip(counts, (-1, 1), strict=True)
    ]
    features = torch.zeros(COMMON + RARE, made.backbone.width, dtype=torch.float64)
    features[:, 0] = torch.from_numpy(np.concatenate(points))
    zeros = np.zeros(COMMON + RARE, np.int64)
    made.stream = dataclasses.replace(
        made.stream, label=np.repeat([0, 1], counts), split=zeros, task=zeros + 1
    )
    made.head.double()
    if learner == "der":
        made.row = np.full(COMMON + RARE, -1)  # no sample is an old one
    if hasattr(made, "map"):
        made.map.data = made.map.data.double()
    torch.nn.init.zeros_(made.head.weight)
    torch.nn.init.zeros_(made.head.bias)
    made.backbone.hidden = lambda stream, batch: features[batch]
    made.backbone.features = lambda stream, indices: features[indices]
    made.backbone.width = features.shape[1]
    return made


def learn(made: Any) -> tuple[float, float]:
    """Minimise the learner's own loss; return slope and offset of score 1 - score 0."""
    everything = np.arange(COMMON + RARE)
    made.prior.learn(Plan([[everything]], [everything]), made.stream, made.weights())
    parameters = list(made.head.parameters())
    optimizer = torch.optim.LBFGS(parameters, max_iter=200, tolerance_grad=1e-10)

    def closure() -> float:
        optimizer.zero_grad()
        loss = made.loss(everything)
        loss.backward()
        return float(loss.detach())

    optimizer.step(closure)
    weight, bias = made.head.weight.detach(), made.head.bias.detach()
    return float(weight[1, 0] - weight[0, 0]), float(bias[1] - bias[0])


@pytest.mark.parametrize("learner", ["linear", "ewc", "lwf", "aligned", "der", "olora", "seq"])
def test_a_softmax_learns_the_plans_prior_and_is_free_of_it_where_asked(
    world: World, learner: str
) -> None:
    slope, offset = learn(toy(world, learner))
    assert slope == pytest.approx(2, abs=0.06)
    assert offset == pytest.approx(-math.log(COMMON / RARE), abs=0.06)  # moved by log 9
    slope, offset = learn(toy(world, learner, prior="plan"))
    assert slope == pytest.approx(2, abs=0.06)
    assert offset == pytest.approx(0, abs=0.06)  # where Bayes has it for equal classes


@pytest.mark.parametrize("labels", [0.5, 0.1])
def test_a_sample_counts_in_the_prior_as_it_weighs_in_the_loss(world: World, labels: float) -> None:
    """DER's old samples, here those of class 0: their cross-entropy weighs β."""
    offsets = []
    for prior in ("none", "plan"):
        options = {"logits": 0.0, "labels": labels}
        made = toy(world, "der", prior=prior, options=options)
        made.row = np.where(made.stream.label == 0, 0, -1)
        made.width, made.logits = torch.tensor([2]), torch.zeros(1, 2, dtype=torch.float64)
        offsets.append(learn(made)[1])
    assert offsets[0] == pytest.approx(-math.log(labels * COMMON / RARE), abs=0.06)
    assert offsets[1] == pytest.approx(0, abs=0.06)


def test_der_takes_the_weights_of_what_is_kept_out_while_it_learns(
    world: World, tmp_path: Path
) -> None:
    keys: dict[str, Any] = {"prior": "plan", "options": {"labels": 0.25}}
    world.run("der", tmp_path, tasks=2, replay="logits", **keys)
    made: Any = world.newest
    passed = np.concatenate([b for batches in made.plan().epochs for b in batches])
    kept = np.isin(passed, made.context.memory.train)
    assert kept.any() and not kept.all()
    counts = 1 + np.bincount(made.stream.label[passed], np.where(kept, 0.25, 1.0), 4)
    expected = torch.from_numpy(np.log(counts / counts.sum())).float()
    torch.testing.assert_close(made.prior.plan, expected)


def test_answers_are_for_equal_classes_or_for_those_of_the_history(world: World) -> None:
    shares: list[float] = []
    for settings in ({}, {"prior": "plan"}, {"prior": "plan", "target": "history"}):
        made = toy(world, "linear", **settings)
        learn(made)
        answers = made.predict(np.arange(COMMON + RARE)).labels()
        shares.append(float((answers == made.stream.label).mean()))
    plain, uniform, history = shares
    bayes = COMMON * norm.cdf(1 + math.log(9) / 2) + RARE * norm.cdf(1 - math.log(9) / 2)
    assert plain == history == pytest.approx(bayes / (COMMON + RARE), abs=0.002)
    assert uniform == pytest.approx(norm.cdf(1), abs=0.002)  # each class equally often right


def test_the_plans_shares_are_counted_with_repetitions(world: World) -> None:
    stream = world.stream(2)
    first, second = stream.of("train", [1]), stream.of("train", [2])
    plan = Plan([[first[:3], first[:1]], [second]], [first])
    counts = np.ones(4)
    np.add.at(counts, stream.label[first[[0, 1, 2, 0]]], 1)
    np.add.at(counts, stream.label[second], 1)
    expected = torch.from_numpy(np.log(counts / counts.sum())).float()
    torch.testing.assert_close(log_prior(plan, stream), expected)
    torch.testing.assert_close(log_history(stream), torch.full((4,), math.log(1 / 4)))


@pytest.mark.parametrize("replay", ["none", "memory", "dynamic", "full"])
def test_every_replay_can_have_its_prior_taken_out(
    world: World, replay: str, tmp_path: Path
) -> None:
    world.run("linear", tmp_path / "plain", tasks=2, replay=replay)
    plain = world.newest
    world.run("linear", tmp_path / "out", tasks=2, replay=replay, prior="plan")
    out: Any = world.newest
    plan = out.context.replay.plan(out.context.arrived, Seeds(1, "tiny").of("plan", 2), out.redraw)
    torch.testing.assert_close(out.prior.plan, log_prior(plan, out.stream))
    texts = out.stream.of("test", [1, 2])
    assert not torch.equal(plain.predict(texts).scores, out.predict(texts).scores)


def test_what_is_not_asked_for_leaves_no_trace(world: World, tmp_path: Path) -> None:
    world.run("linear", tmp_path / "plain", tasks=1)
    assert set(world.newest.tensors()) == {"head.weight", "head.bias"}
    assert not {"prior", "target"} & set(Settings().model_dump(exclude_defaults=True))


def test_a_state_keeps_the_shares_that_its_answers_are_for(world: World, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"prior": "plan", "target": "history"}
    states = world.run("linear", tmp_path, tasks=2, replay="dynamic", **keys)
    again = world.learner("linear", 2)  # as a packaged learner is opened: without the settings
    again.load(states, None)
    texts = again.stream.of("test", [1, 2])
    said = world.newest.predict(texts).scores
    torch.testing.assert_close(again.predict(texts).scores, said, rtol=0, atol=0)


def test_a_fitted_head_answers_for_the_historys_shares_too(world: World, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"head": "lda", "tuning": {"type": "none"}, "target": "history"}
    states = world.run("linear", tmp_path, tasks=1, **keys)
    again = world.learner("linear", 1, head="lda", tuning={"type": "none"})
    again.load(states, None)
    plain: Any = world.learner("linear", 1, head="lda", tuning={"type": "none"})
    plain.refit.head = again.refit.head  # type: ignore[attr-defined]
    texts = again.stream.of("test", [1])
    shares = log_history(again.stream)
    expected = (plain.predict(texts).scores + shares).log_softmax(dim=1)
    torch.testing.assert_close(again.predict(texts).scores, expected)


def test_rows_of_classes_still_to_come_count_as_the_rarest_seen(world: World) -> None:
    made: Any = world.learner("linear", 1, head="fixed", prior="plan")
    made.prior.learn(made.plan(), made.stream)
    moved = made.prior.in_training(torch.zeros(1, 6))[0]
    assert moved[2:].tolist() == [float(made.prior.plan.min())] * 4
    assert moved[:2].tolist() == made.prior.plan.tolist()


@pytest.mark.parametrize(
    ("settings", "has_prior", "said"),
    [
        ({"prior": "plan"}, False, "prior: plan: this learner trains no softmax over classes"),
        ({"target": "history"}, True, "with prior: none the plan's shares are in the scores"),
    ],
)
def test_what_cannot_be_is_refused(settings: Any, has_prior: bool, said: str) -> None:
    with pytest.raises(UserError, match=f"^here: .*{said}"):
        check_prior(Settings.model_validate(settings), has_prior, True, "here")
    check_prior(Settings(), has_prior, True, "here")
    check_prior(Settings(target="history"), True, False, "here")  # a fitted head


def test_what_lwf_holds_on_to_is_the_plain_scores(world: World, tmp_path: Path) -> None:
    """As the loss has them, whatever the answers are for."""
    keys: dict[str, Any] = {"prior": "plan", "target": "history"}
    states = world.run("lwf", tmp_path, tasks=1, **keys)
    made: Any = world.learner("lwf", 2, **keys)
    made.load(states, None)
    plan = made.plan()
    made.prior.target = torch.tensor([0.97, 0.01, 0.01, 0.01]).log()
    made.before_task(plan)
    plain = made.plain_scores(plan.trained())[:, :2].softmax(1)
    torch.testing.assert_close(made.targets_of_old, plain)


@pytest.mark.parametrize("learner", ["linear", "experts"])
def test_the_answer_with_the_task_given_is_for_the_same_shares(
    learner: str, world: World, tmp_path: Path
) -> None:
    keys: dict[str, Any] = {"prior": "plan", "target": "history", "training": {"epochs": 1}}
    world.run(learner, tmp_path, tasks=2, replay="dynamic", **keys)
    made: Any = world.newest
    made.prior.target = torch.tensor([0.0, -1e6, 0.0, 0.0])
    texts = made.stream.of("test", [1])
    given = made.predict_in_task(texts, made.predict(texts))
    assert set(given.tolist()) == {0}


def test_a_fitted_heads_target_does_not_choose_the_epoch(world: World) -> None:
    """The trained head stands in for it meanwhile, and has the plan's shares in it already."""
    texts = world.stream(1).of("valid", [1])
    for prior, classes in (("none", {0, 1}), ("plan", {0})):
        made: Any = world.learner("linear", 1, head="lda", prior=prior, target="history")
        plan = made.plan()
        made.prior.learn(plan, made.stream)
        made.refit.before(plan, made.representations)
        with torch.no_grad():
            made.head.bias -= made.plain_scores(texts).mean(0)
        made.prior.target = torch.tensor([0.0, -1e6])
        assert set(made.predict(texts).labels().tolist()) == classes


def test_a_class_that_is_taught_has_the_least_share(world: World, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"head": "lda", "tuning": {"type": "none"}, "target": "history"}
    world.run("linear", tmp_path, tasks=1, **keys)
    made: Any = world.newest
    made.prior.target = torch.tensor([-1.0, -2.0])
    found = made.prior.in_answers(torch.zeros(1, 3))
    assert found.tolist() == [[-1.0, -2.0, -2.0]]


def test_an_expert_among_two_takes_the_plans_shares_of_all_classes_out(
    world: World, tmp_path: Path
) -> None:
    """At task 2: its own scores beside the first expert's, and of both the plan's log shares."""
    keys: dict[str, Any] = {"replay": "dynamic", "options": {"top_k": 2}, "prior": "plan"}
    states = world.run("experts", tmp_path, tasks=2, **keys)
    learner: Any = world.learner("experts", 2, **keys)
    learner.load(states[:1], tmp_path / "selector2")
    losses: list[Any] = []
    learner.fit = lambda plan, loss, *rest: losses.append((plan, loss))
    learner.train()
    plan, loss = losses[0]
    batch = plan.epochs[0][0]
    others = learner.frozen_scores(batch, np.tile([[1, 2]], (len(batch), 1)), [1])
    learner._start()
    own = learner.heads.trained[2](learner.backbone.hidden(learner.stream, batch))
    scores = torch.cat([others[:, :2], own], dim=1) + log_prior(plan, learner.stream)
    expected = torch.nn.functional.cross_entropy(scores, learner.targets(batch))
    torch.testing.assert_close(loss(batch), expected)
    texts = learner.stream.of("test", [1, 2])
    plain = world.newest.frozen_scores(texts, np.tile([[1, 2]], (len(texts), 1)), [1, 2])  # type: ignore[attr-defined]
    answer = world.newest.predict(texts).scores  # and answers are without them
    torch.testing.assert_close(answer, plain.log_softmax(1))


@pytest.mark.parametrize("selector", ["tasks", "classes"])
def test_whose_a_sample_is_in_training_is_asked_for_the_history_so_far(
    selector: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = []

    def noted(self: Prior, scores: torch.Tensor) -> torch.Tensor:
        assert self.target is not None
        known.append(len(self.target) == scores.shape[1])
        return in_answers(self, scores)

    in_answers = Prior.in_answers
    monkeypatch.setattr(Prior, "in_answers", noted)
    options = {"top_k": 2, "selector": selector}
    keys = {"replay": "dynamic", "options": options, "prior": "plan", "target": "history"}
    assert len(world.run("experts", tmp_path / "run", **keys)) == 3
    assert all(known)
