"""Dynamic ConPET's soft routing, and experts on one scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conpet.learners.routing import (
    asked_classes,
    keep_to_asked,
    log_sum_by_task,
    mix,
    temperature_of,
)
from conpet.learners.selector import Word
from conpet.predicting.calibration import log_probabilities
from tests.learners.dynamic import CLASS_TASK, SOFT, make_learner, selected
from tests.tiny import World


def test_soft_routing_is_bayes_rule_and_sums_to_one() -> None:
    generator = torch.Generator().manual_seed(3)
    tasks, scores = (torch.randn(4, n, generator=generator) for n in (3, 6))
    found = mix(tasks, scores, CLASS_TASK)
    torch.testing.assert_close(found.exp().sum(1), torch.ones(4))
    share = tasks.softmax(1)
    expected = torch.cat(
        [share[:, [0]] * scores[:, :2].softmax(1), share[:, [1]] * scores[:, 2:5].softmax(1),
         share[:, [2]]], dim=1,
    )  # fmt: skip
    torch.testing.assert_close(found.exp(), expected)


@pytest.mark.parametrize(("routing", "wins"), [("hard", 0), ("soft", 2)])
def test_a_doubtful_expert_loses_to_a_sure_one_if_routing_is_soft(
    routing: str, wins: int, world: World
) -> None:
    """p(task 1) = 0.55, whose expert is torn; task 2's is sure: 0.275 against 0.45."""
    learner = make_learner(world, 2, routing=routing, top_k=1)
    word = Word(torch.tensor([[0.55, 0.45]]).log(), torch.tensor([[0.0, 0.0, 9.0, 0.0]]))
    chosen = np.array([[1]])
    scores = torch.tensor([[1.0, 1.0, -100.0, -100.0]])
    assert int(learner._answer(word, scores, chosen).argmax(1)) == wins


def test_classes_whose_expert_is_not_asked_share_evenly_where_nobody_knows_better(
    world: World,
) -> None:
    learner = make_learner(world, 2, routing="soft")
    scores = torch.tensor([[3.0, 0.0, -100.0, -100.0]])
    tasks = torch.tensor([[0.6, 0.4]]).log()
    answer = learner._answer(Word(tasks), scores, np.array([[1]])).exp()
    assert answer[0, 2:].tolist() == pytest.approx([0.2, 0.2])
    better = learner._answer(Word(tasks, torch.tensor([[0.0, 0.0, 2.0, 0.0]])), scores,
                             np.array([[1]])).exp()  # fmt: skip
    assert float(better[0, 2]) > 0.3
    assert float(better[0].sum()) == pytest.approx(1)


def test_asked_classes_are_those_of_the_chosen_experts() -> None:
    found = asked_classes(np.array([[1, 3], [2, 3]]), CLASS_TASK).int().tolist()
    assert found == [[1, 1, 0, 0, 0, 1], [0, 0, 1, 1, 1, 1]]


def test_what_is_asked_does_not_grow_with_the_tasks_and_fits_its_calibration(
    world: World, soft: tuple[Path, Any]
) -> None:
    learner = selected(world, soft[0], 3, last=3, **SOFT)
    test = learner.stream.of("test", [1, 2, 3])
    found = learner.predict(test)
    assert learner.backbone.passed.forward_samples == 3 * len(test)  # the selector, two of three
    assert (found.selected[:, 0] - 1 == found.task_scores.argmax(1).numpy()).all()
    # a package takes scores within tasks and task scores apart: the same mixture
    again = log_probabilities(found, [learner.stream.columns(t) for t in (1, 2, 3)], 1.0)
    np.testing.assert_allclose(again, found.scores.double().numpy(), atol=1e-4)


def test_soft_routing_trains_an_expert_on_its_own_task_alone(world: World) -> None:
    learner = make_learner(world, 2, routing="soft", top_k=2)
    trained = learner.stream.of("train", [1, 2])
    assert learner._chosen_in_training(trained).tolist() == [
        [t] for t in learner.stream.task[trained]
    ]


def test_a_temperature_gives_back_the_scale_that_was_put_on() -> None:
    rng = np.random.default_rng(0)
    logs = torch.from_numpy(rng.normal(size=(4000, 5))).log_softmax(1)
    truth = torch.from_numpy(np.array([rng.choice(5, p=p) for p in logs.exp().numpy()]))
    for scale in (0.5, 3.0):
        assert temperature_of(scale * logs, truth) == pytest.approx(scale, rel=0.08)
    tasks = log_sum_by_task(logs, np.array([1, 1, 2, 2, 2]))
    whose = torch.tensor([0, 0, 1, 1, 1])[truth]
    found = temperature_of(3 * logs, whose, np.array([1, 1, 2, 2, 2]))
    assert torch.allclose(
        log_sum_by_task(3 * logs / found, np.array([1, 1, 2, 2, 2])), tasks, atol=0.2
    )


def test_eight_right_answers_do_not_make_an_expert_certain() -> None:
    scores = torch.eye(2)[[0, 1] * 4] * 2.0
    truth = torch.tensor([0, 1] * 4)
    found = temperature_of(scores, truth)
    sure = (scores / found).softmax(1).max()
    assert float(sure) == pytest.approx(1 - 1 / 10, abs=1e-3)
    assert temperature_of(scores[:0], truth[:0]) == 1.0
    assert temperature_of(scores[:, :1], truth * 0) == 1.0


@pytest.mark.parametrize(
    ("options", "right"),
    [({"temperature": False, "routing": "hard"}, 0.0), ({}, 0.8), ({"routing": "hard"}, 0.5)],
)
def test_a_loud_expert_does_not_shout_down_one_that_knows_better(
    options: dict[str, Any], right: float, world: World, soft: tuple[Path, Any]
) -> None:
    """Both experts are asked for task 1's texts; the scores of task 2's are set 50 too high."""
    learner = selected(world, soft[0], 2, last=2, **(SOFT | options))
    learner.heads.answering[2].bias.data += 50
    test = learner.stream.of("test", [1])
    of_task_1 = (learner.predict(test).labels() < 2).mean()
    assert of_task_1 == 0.0 if right == 0.0 else of_task_1 >= right


def test_a_temperature_is_kept_in_the_state(world: World, soft: tuple[Path, Any]) -> None:
    folder, made = soft
    learner = selected(world, folder, 3, last=3, **SOFT)
    assert learner.heads.temperatures == made.heads.temperatures
    assert learner.selector.temperature == made.selector.temperature != 1
    assert 1.0 not in learner.heads.temperatures.values()
    test = learner.stream.of("test", [1, 2, 3])
    found = learner.predict(test).scores
    assert torch.equal(found, made.predict(test).scores)
    plain = selected(world, folder, 3, last=3, **(SOFT | {"temperature": False}))
    assert not torch.equal(found, plain.predict(test).scores)


@pytest.mark.parametrize("kind", ["tasks", "classes"])
def test_answers_for_the_historys_shares_lean_to_the_larger_task(kind: str, world: World) -> None:
    settings = {"prior": "plan", "target": "history"}
    learner = make_learner(world, 2, settings, selector=kind, routing="soft")
    learner.prior.target = torch.tensor([0.4, 0.4, 0.1, 0.1]).log()
    learner.selector.adapter = learner.backbone.state()
    learner.selector.make_head().weight.data.zero_()
    learner.selector.head.bias.data.zero_()
    word = learner.selector.ask(learner.stream.of("test", [1])[:1])
    assert word.tasks.softmax(1)[0].tolist() == pytest.approx([0.8, 0.2], abs=1e-5)
    scores = torch.tensor([[0.0, 0.0, -100.0, -100.0]])
    answer = learner._answer(word, scores, np.array([[1]])).exp()[0]
    assert answer.tolist() == pytest.approx([0.4, 0.4, 0.1, 0.1], abs=1e-5)


@pytest.mark.parametrize("head", ["trained", "lda"])
@pytest.mark.parametrize("level", [-1e5, 1e5])
def test_a_class_of_an_expert_that_is_not_asked_is_never_the_answer(
    head: str, level: float, world: World, tmp_path: Path
) -> None:
    world.run("experts", tmp_path, tasks=2, replay="dynamic", options={"expert_head": head})
    learner: Any = world.newest
    for answering in learner.heads.answering.values():
        answering.bias.data += level
    found = learner.predict(learner.stream.of("test", [1, 2]))
    assert (learner.stream.class_task[found.labels()] == found.selected[:, 0]).all()


def test_classes_that_several_tasks_have_are_asked_for_where_any_of_these_is() -> None:
    columns = [np.array([0, 1]), np.array([1, 2]), np.array([3])]
    scores = torch.tensor([[-300.0, -200.0, -100.0, -100.0], [-100.0, 4.0, 3.0, 2.0]])
    found = keep_to_asked(scores, np.array([[1], [2]]), columns)
    assert found[0].tolist() == [-300, -200, -250, -250]
    assert found[1].tolist() == [-100, 4, 3, -46]  # what is far enough below stays


def test_fitted_and_trained_experts_are_compared_on_one_scale(world: World, tmp_path: Path) -> None:
    """Two experts are asked in training too: the level of a discriminant means nothing."""
    options: dict[str, Any] = {"expert_head": "lda", "top_k": 2}
    states = world.run("experts", tmp_path, tasks=2, replay="dynamic", options=options)
    kept = []
    for level in (0.0, 300.0):
        learner: Any = make_learner(world, 2, **options)
        learner.load(states[:1], tmp_path / "selector2")
        learner.heads.answering[1].bias.data += level
        learner.fit = lambda plan, loss, accuracy, *rest: kept.append(
            (loss(plan.epochs[0][0]).item(), accuracy(plan.valid[0]))
        )
        learner.train()
    (plain, right), (loud, still_right) = kept
    assert loud == pytest.approx(plain, abs=1e-3)
    assert right == still_right
    own = learner.heads.scores(torch.zeros(1, learner.backbone.width), 2)
    assert float(own.exp().sum()) == pytest.approx(1)


def test_an_experts_epoch_is_chosen_with_nobody_told_the_task(world: World) -> None:
    learner = make_learner(world, 2)
    learner.adapters[1] = learner.backbone.state()
    learner.heads.make(1)
    first = torch.tensor([[1.0, 0.0]])
    learner.selector.ask = lambda indices: Word(first.repeat(len(indices), 1))
    chosen_by: list[Any] = []
    learner.fit = lambda plan, loss, accuracy, *rest: chosen_by.append(accuracy)
    learner.train()
    assert chosen_by == [learner._alone]  # the selector sends the new expert nothing


def test_the_selectors_temperature_is_found_on_validation(world: World) -> None:
    learner = make_learner(world, 2, temperature=True)
    asked: list[np.ndarray] = []

    def scores(indices: np.ndarray, fitted: bool = True) -> torch.Tensor:
        asked.append(indices)
        return torch.randn(len(indices), 2)

    learner.selector._scores = scores
    learner.selector._fit(learner.plan())
    assert {*asked[0].tolist()} <= {*learner.stream.of("valid", [1, 2]).tolist()}
