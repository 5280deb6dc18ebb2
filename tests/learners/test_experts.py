"""Dynamic ConPET beyond the paper: each option's idea, by a test that fails without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from scipy.stats import multivariate_normal

from conpet.errors import UserError
from conpet.learners import base
from conpet.learners.discriminant import class_means, discriminant, shrinkage
from conpet.learners.experts import Options
from conpet.learners.filling import filled, shortened
from conpet.learners.prior import log_prior
from conpet.learners.routing import (
    asked_classes,
    fit_temperature,
    log_sum_by_task,
    mix,
    within_task,
)
from conpet.learners.selector import Word
from conpet.predicting.calibration import log_probabilities
from conpet.replay.base import Plan
from conpet.testing import check_learner
from tests.tiny import World

CLASS_TASK = np.array([1, 1, 2, 2, 2, 3])


def _learner(
    world: World, task: int, settings: dict[str, Any] | None = None, **options: Any
) -> Any:
    return world.learner("experts", task, replay="dynamic", options=options, **(settings or {}))


SOFT = {
    "routing": "soft", "selector": "classes", "top_k": 2, "temperature": True,
    "expert_init": "shared",
}  # fmt: skip


@pytest.fixture(scope="module")
def soft(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return the folder of three tasks learnt with the options SOFT, and the last learner."""
    folder = tmp_path_factory.mktemp("soft")
    world.run("experts", folder, tasks=3, replay="dynamic", options=SOFT)
    return folder, world.newest


def _selected(
    world: World, folder: Path, task: int, last: int | None = None, **options: Any
) -> Any:
    """Return a learner with a selector and experts 1..last of a run; last is the one before."""
    learner = _learner(world, task, **options)
    states = [folder / f"state{t}" for t in range(1, (last or task - 1) + 1)]
    learner.load(states, folder / f"selector{task}")
    return learner


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"selector": "classes", "top_k": 2, "temperature": True, "fill": True},
        {
            "selector": "lda", "selector_fit": "history", "routing": "soft", "top_k": 2,
            "expert_init": "shared", "fill": True, "expert_share": 0.5, "temperature": True,
            "redraw": True,
        },
    ],
)  # fmt: skip
def test_the_options_keep_to_the_contract(options: dict[str, Any]) -> None:
    check_learner("experts", ["dynamic"], options)


# -- the plan's prior ---------------------------------------------------------------------------


def test_the_prior_of_a_plan_by_hand(world: World) -> None:
    stream = world.stream(2)
    new, old = stream.of("train", [2]), stream.of("train", [1])
    one = new[stream.label[new] == 2][:3]
    plan = Plan([[one], [old[stream.label[old] == 0][:1]]], [])
    assert log_prior(plan, stream).exp().tolist() == pytest.approx([2 / 8, 1 / 8, 4 / 8, 1 / 8])


@pytest.mark.parametrize("kind", ["tasks", "classes"])
def test_a_selector_that_can_see_nothing_believes_the_plan_unless_its_prior_is_out(
    kind: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts that all look alike: Bayes' rule answers with the prior that is assumed, no other."""
    said = {}
    for prior in ("none", "plan"):
        settings = {"prior": prior, "training": {"lr": 0.2, "epochs": 20}}
        learner = _learner(world, 3, settings, selector=kind)
        width = learner.backbone.width

        def blank(stream: Any, indices: np.ndarray, width: int = width) -> torch.Tensor:
            return torch.zeros(len(indices), width)

        monkeypatch.setattr(learner.backbone, "features", blank)
        learner.hidden = lambda batch, width=width: torch.zeros(len(batch), width)
        # the last epoch is kept
        monkeypatch.setattr(base, "fit", _without_choice)
        plan = learner.train_selector()
        head = learner.selector.head
        said[prior] = F.softmax(head.bias.detach(), dim=0)
    shares = log_prior(plan, learner.stream).exp()
    if kind == "tasks":
        shares = torch.stack([shares[:2].sum(), shares[2:4].sum(), shares[4:].sum()])
    assert shares[-1] > 1.2 / len(shares)  # the newest has more than its part
    assert torch.allclose(said["none"], shares, atol=0.06)
    assert torch.allclose(said["plan"], torch.full_like(shares, 1 / len(shares)), atol=0.06)


def _without_choice(plan: Any, loss: Any, accuracy: Any, parameters: Any, *rest: Any) -> None:
    optimizer = torch.optim.SGD([p for p in parameters if p.requires_grad], lr=1.0)
    batch = np.concatenate(plan.epochs[0])
    for _ in range(60):
        optimizer.zero_grad()
        loss(batch).backward()
        optimizer.step()


def test_an_expert_learns_from_its_classes_as_if_they_were_equally_frequent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve blank texts of one class and three of the other: the prior alone decides."""
    said = {}
    for prior in ("none", "plan"):
        learner = _learner(world, 1, {"prior": prior})
        width, own = learner.backbone.width, learner.stream.of("train", [1])
        few = np.concatenate([own[learner.stream.label[own] == 0][:12], own[-3:]])
        learner.plan = lambda few=few: Plan([[few] * 10], [few])
        learner.hidden = lambda batch, width=width: torch.zeros(len(batch), width)
        monkeypatch.setattr(base, "fit", _without_choice)
        learner.train()
        said[prior] = F.softmax(learner.heads[1].bias.detach(), dim=0)
    assert float(said["none"][0]) == pytest.approx(12 / 15, abs=0.02)
    assert float(said["plan"][0]) == pytest.approx(0.5, abs=0.04)


# -- the selector over classes ------------------------------------------------------------------


def test_log_sums_by_task_are_the_brute_force_ones() -> None:
    scores = torch.randn(5, 6, generator=torch.Generator().manual_seed(0)) * 40
    sums, within = log_sum_by_task(scores, CLASS_TASK), within_task(scores, CLASS_TASK)
    for t, cut in enumerate([slice(0, 2), slice(2, 5), slice(5, 6)]):
        torch.testing.assert_close(sums[:, t], scores[:, cut].logsumexp(1))
        torch.testing.assert_close(within[:, cut], scores[:, cut].log_softmax(1))


def test_a_selector_over_classes_tells_tasks_apart_that_no_line_divides() -> None:
    """Classes of two tasks that alternate on a line: no row a task fits, a row a class does."""
    x = torch.arange(4.0)
    label = torch.arange(4)
    class_task = np.array([1, 2, 1, 2])[np.argsort([1, 2, 1, 2], kind="stable")]
    order = np.argsort([1, 2, 1, 2], kind="stable")  # classes in order of arrival: 0 2 | 1 3
    place = torch.from_numpy(np.argsort(order))[label]
    centre = torch.from_numpy(order).float()
    scores = 8 * (x[:, None] * centre - centre.square() / 2)  # lines that meet half-way
    assert scores.argmax(1).tolist() == place.tolist()
    found = log_sum_by_task(scores, class_task).argmax(1) + 1
    assert found.tolist() == [1, 2, 1, 2]


def test_the_selectors_rows_are_classes_and_its_answer_tasks(
    world: World, soft: tuple[Path, Any]
) -> None:
    learner = _selected(world, soft[0], 3, **(SOFT | {"temperature": False}))
    test = learner.stream.of("test", [1, 2, 3])
    word = learner.selector.ask(test)
    features = learner.backbone.features(learner.stream, test)
    scores = learner.selector.head(features).detach()
    torch.testing.assert_close(word.classes, scores)
    expected = torch.stack([scores[:, i : i + 2].logsumexp(1) for i in (0, 2, 4)], dim=1)
    torch.testing.assert_close(word.tasks, expected)
    found = expected.argmax(1).numpy() + 1
    assert (found == learner.stream.task[test]).mean() > 0.6


def test_a_selector_that_is_asked_while_it_learns_keeps_the_parameters_that_learn(
    world: World,
) -> None:
    learner = _learner(world, 2, selector="classes")
    weight = learner.selector.make_head().weight
    learner.selector._word(learner.stream.of("valid", [1]))
    assert learner.selector.head.weight is weight
    assert learner.parameters()[-2] is weight


def test_the_discriminants_scores_are_log_densities_up_to_what_classes_share() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [40, 25, 15])
    features = rng.normal(size=(80, 4)) @ rng.normal(size=(4, 4)) + 3 * labels[:, None]
    means = class_means(features, labels, 3)
    weight, bias = discriminant(features, labels, means)
    apart = features - means[labels]
    covariance = apart.T @ apart / 77
    share = shrinkage(covariance, 77)
    assert 0 < share < 1
    shrunk = (1 - share) * covariance + share * np.trace(covariance) / 4 * np.eye(4)
    density = np.stack([multivariate_normal(m, shrunk).logpdf(features) for m in means], axis=1)
    scores = features @ weight.double().numpy().T + bias.double().numpy()
    np.testing.assert_allclose(
        scores - scores[:, :1], density - density[:, :1], rtol=1e-4, atol=1e-4
    )


def test_a_covariance_is_shrunk_the_less_the_more_samples_say_of_it() -> None:
    rng = np.random.default_rng(1)
    scale = np.diag(np.linspace(1, 3, 20))
    shares = []
    for n in (10, 100, 10_000):
        x = rng.normal(size=(n, 20)) @ scale
        shares.append(shrinkage(np.cov(x.T), n))
    assert shares[0] > shares[1] > shares[2] > 0
    assert shares[2] < 0.01
    assert shrinkage(np.eye(3), 5) == 1.0


def test_few_samples_more_dimensions_than_samples_and_none_at_all() -> None:
    rng = np.random.default_rng(2)
    features, labels = rng.normal(size=(4, 50)), np.array([0, 1, 2, 3])
    means = class_means(features, labels, 5)
    assert np.isnan(means[4]).all()
    weight, bias = discriminant(features, labels, np.nan_to_num(means))
    scores = torch.from_numpy(features).float() @ weight.T + bias
    assert scores[:, :4].argmax(1).tolist() == [0, 1, 2, 3]


def test_lda_speaks_and_not_the_head(world: World, soft: tuple[Path, Any]) -> None:
    learner = _selected(world, soft[0], 2, **SOFT)
    lda = {"selector": "lda", "selector_fit": "history", "temperature": False}
    learner.options = learner.options.model_copy(update=lda)
    learner.selector.temperature = 1.0
    learner.backbone.load_state(learner.selector.adapter)
    learner.selector._fit(learner.plan())
    learner.selector.head.weight.data.zero_()
    train, test = (learner.stream.of(split, [1, 2]) for split in ("train", "test"))
    features = learner.backbone.features(learner.stream, train).double().numpy()
    labels = learner.stream.label[train]
    weight, bias = discriminant(features, labels, class_means(features, labels, 4))
    expected = F.linear(learner.backbone.features(learner.stream, test), weight, bias)
    torch.testing.assert_close(learner.selector.ask(test).classes, expected, rtol=1e-3, atol=1e-2)
    assert {"lda.weight", "lda.bias"} <= set(learner.selector.tensors())


def test_lda_on_the_plan_has_some_of_every_class_and_costs_no_more_with_more_tasks(
    world: World,
) -> None:
    learner = _learner(world, 3, selector="lda")
    stream = learner.stream
    new = stream.of("train", [3])
    old = stream.of("train", [1, 2])
    plan = Plan([[np.concatenate([new[:8], old[:3]])]], [])
    found = learner.selector._to_fit(plan)
    counts = np.bincount(stream.label[found], minlength=6)
    assert np.isin(plan.trained(), found).all()
    assert (counts >= 5).all()
    assert len(found) == 8 + 5 * 5  # eight of the newest's first class; five of every other
    more = _learner(world, 3, selector="lda", selector_least=9)
    assert np.bincount(stream.label[more.selector._to_fit(plan)]).tolist() == [9] * 6
    whole = _learner(world, 3, selector="lda", selector_fit="history")
    assert len(whole.selector._to_fit(plan)) == len(new) + len(old)


def test_lda_needs_samples_of_former_tasks(world: World) -> None:
    with pytest.raises(UserError, match="lda needs samples of former tasks"):
        world.learner("experts", 1, options={"selector": "lda"})


# -- routing ------------------------------------------------------------------------------------


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
    learner = _learner(world, 2, routing=routing, top_k=1)
    word = Word(torch.tensor([[0.55, 0.45]]).log(), torch.tensor([[0.0, 0.0, 9.0, 0.0]]))
    chosen = np.array([[1]])
    scores = torch.tensor([[1.0, 1.0, -100.0, -100.0]])
    assert int(learner._answer(word, scores, chosen).argmax(1)) == wins


def test_classes_whose_expert_is_not_asked_share_evenly_where_nobody_knows_better(
    world: World,
) -> None:
    learner = _learner(world, 2, routing="soft")
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
    learner = _selected(world, soft[0], 3, last=3, **SOFT)
    test = learner.stream.of("test", [1, 2, 3])
    found = learner.predict(test)
    assert learner.backbone.passed.forward_samples == 3 * len(test)  # the selector, two of three
    assert (found.selected[:, 0] - 1 == found.task_scores.argmax(1).numpy()).all()
    # a package takes scores within tasks and task scores apart: the same mixture
    again = log_probabilities(found, learner.stream.class_task, 1.0)
    np.testing.assert_allclose(again, found.scores.double().numpy(), atol=1e-4)


def test_soft_routing_trains_an_expert_on_its_own_task_alone(world: World) -> None:
    learner = _learner(world, 2, routing="soft", top_k=2)
    trained = learner.stream.of("train", [1, 2])
    assert learner._chosen_in_training(trained).tolist() == [
        [t] for t in learner.stream.task[trained]
    ]


# -- where experts start ------------------------------------------------------------------------


def _starts(learner: Any, monkeypatch: pytest.MonkeyPatch, train: str) -> tuple[Any, Any]:
    """Return adapter and head as they are when training starts."""
    found: list[Any] = []

    def stop(plan: Any, loss: Any, accuracy: Any, parameters: Any, *rest: Any) -> None:
        found.append((learner.backbone.state(), [p.detach().clone() for p in parameters[-2:]]))

    monkeypatch.setattr(base, "fit", stop)
    getattr(learner, train)()
    return found[0]


def test_a_shared_start_is_expert_1_then_the_selector_which_no_later_expert_moves(
    world: World, soft: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = soft
    first = _learner(world, 2, **SOFT)
    first.load([folder / "state1"], None)
    expert, rows = first.adapters[1], first.heads[1]
    adapter, (weight, bias) = _starts(first, monkeypatch, "train_selector")
    assert all(torch.equal(adapter[name], expert[name]) for name in expert)
    assert torch.equal(weight[:2], rows.weight)
    assert torch.equal(bias[:2], rows.bias)

    second = _selected(world, folder, 2, **SOFT)
    selector, rows = second.selector.adapter, second.selector.head
    adapter, (weight, bias) = _starts(second, monkeypatch, "train")
    assert all(torch.equal(adapter[name], selector[name]) for name in selector)
    assert torch.equal(weight, rows.weight[2:4])
    assert torch.equal(bias, rows.bias[2:4])

    third = _learner(world, 3, **SOFT)
    third.load([folder / "state1", folder / "state2"], folder / "selector2")
    adapter, _ = _starts(third, monkeypatch, "train_selector")
    assert all(torch.equal(adapter[name], selector[name]) for name in selector)


# -- an expert's own plan -----------------------------------------------------------------------


def test_filled_batches_hold_what_teaches_and_nothing_twice_before_its_turn() -> None:
    plan = Plan([[np.array([0, 9, 8]), np.array([9, 1, 7])]] * 2, [np.array([5])])
    own = np.arange(6)
    teaches = np.isin(np.arange(10), own)
    found = filled(plan, teaches, own, np.random.default_rng(0))
    for epoch in found.epochs:
        assert [len(batch) for batch in epoch] == [3, 3]
        assert epoch[0][0] == 0
        assert epoch[1][1] == 1  # what teaches stays where it is
        assert sorted(np.concatenate(epoch).tolist()) == [0, 1, 2, 3, 4, 5]  # the rest comes first
    assert found.valid is plan.valid
    more = filled(plan, teaches, own[:3], np.random.default_rng(0)).epochs[0]
    assert np.bincount(np.concatenate(more), minlength=6).tolist() == [2, 2, 2, 0, 0, 0]


def test_a_filled_expert_is_trained_on_as_many_as_its_plan_has(
    world: World, soft: tuple[Path, Any]
) -> None:
    for share in (1.0, 0.5):
        learner = _selected(world, soft[0], 2, **SOFT, fill=True, expert_share=share)
        whole = sum(len(b) for epoch in learner.plan().epochs for b in epoch)
        plan = learner.train()
        assert (learner.stream.task[plan.trained()] == 2).all()
        assert learner.backbone.passed.trained_samples == share * whole


def test_a_shortened_plan_keeps_a_batch_at_least() -> None:
    plan = Plan([[np.array([i]) for i in range(4)]], [])
    assert [b.tolist() for b in shortened(plan, 0.5).epochs[0]] == [[0], [1]]
    assert len(shortened(plan, 0.01).epochs[0]) == 1


def test_task_1_is_followed_whole(world: World) -> None:
    learner = _learner(world, 1, expert_share=0.25, fill=True)
    plan, trained, _ = learner._own_plan()
    assert plan.sha256() == learner.plan().sha256()
    assert trained.tolist() == learner.stream.of("train", [1]).tolist()


def test_fill_needs_to_know_whose_a_sample_is() -> None:
    with pytest.raises(ValidationError, match="fill needs teacher_forcing"):
        Options(fill=True, teacher_forcing=False)


def test_redraw_gives_every_pass_its_own_batches(world: World) -> None:
    one, fresh = _learner(world, 2), _learner(world, 2, redraw=True)
    plans = [learner._plan(what) for learner in (one, fresh) for what in ("selector", "expert")]
    assert plans[0].sha256() == plans[1].sha256()
    assert plans[2].sha256() != plans[3].sha256()

    def epochs(plan: Plan) -> set[bytes]:
        return {np.concatenate(batches).tobytes() for batches in plan.epochs}

    assert [len(epochs(plan)) for plan in plans] == [1, 1, 3, 3]


# -- one scale ----------------------------------------------------------------------------------


def test_a_temperature_gives_back_the_scale_that_was_put_on() -> None:
    rng = np.random.default_rng(0)
    logs = torch.from_numpy(rng.normal(size=(4000, 5))).log_softmax(1)
    truth = torch.from_numpy(np.array([rng.choice(5, p=p) for p in logs.exp().numpy()]))
    for scale in (0.5, 3.0):
        assert fit_temperature(scale * logs, truth) == pytest.approx(scale, rel=0.08)
    tasks = log_sum_by_task(logs, np.array([1, 1, 2, 2, 2]))
    whose = torch.tensor([0, 0, 1, 1, 1])[truth]
    found = fit_temperature(3 * logs, whose, np.array([1, 1, 2, 2, 2]))
    assert torch.allclose(
        log_sum_by_task(3 * logs / found, np.array([1, 1, 2, 2, 2])), tasks, atol=0.2
    )


def test_eight_right_answers_do_not_make_an_expert_certain() -> None:
    scores = torch.eye(2)[[0, 1] * 4] * 2.0
    truth = torch.tensor([0, 1] * 4)
    found = fit_temperature(scores, truth)
    sure = (scores / found).softmax(1).max()
    assert float(sure) == pytest.approx(1 - 1 / 10, abs=1e-3)
    assert fit_temperature(scores[:0], truth[:0]) == 1.0
    assert fit_temperature(scores[:, :1], truth * 0) == 1.0


@pytest.mark.parametrize(
    ("options", "right"),
    [({"temperature": False, "routing": "hard"}, 0.0), ({}, 0.8), ({"routing": "hard"}, 0.5)],
)
def test_a_loud_expert_does_not_shout_down_one_that_knows_better(
    options: dict[str, Any], right: float, world: World, soft: tuple[Path, Any]
) -> None:
    """Both experts are asked for task 1's texts; the scores of task 2's are set 50 too high."""
    learner = _selected(world, soft[0], 2, last=2, **(SOFT | options))
    learner.heads[2].bias.data += 50
    test = learner.stream.of("test", [1])
    of_task_1 = (learner.predict(test).labels() < 2).mean()
    assert of_task_1 == 0.0 if right == 0.0 else of_task_1 >= right


def test_a_temperature_is_kept_in_the_state(world: World, soft: tuple[Path, Any]) -> None:
    folder, made = soft
    learner = _selected(world, folder, 3, last=3, **SOFT)
    assert learner.temperatures == made.temperatures
    assert learner.selector.temperature == made.selector.temperature != 1
    assert 1.0 not in learner.temperatures.values()
    test = learner.stream.of("test", [1, 2, 3])
    found = learner.predict(test).scores
    assert torch.equal(found, made.predict(test).scores)
    plain = _selected(world, folder, 3, last=3, **(SOFT | {"temperature": False}))
    assert not torch.equal(found, plain.predict(test).scores)


@pytest.mark.parametrize("kind", ["tasks", "classes"])
def test_answers_for_the_historys_shares_lean_to_the_larger_task(kind: str, world: World) -> None:
    settings = {"prior": "plan", "target": "history"}
    learner = _learner(world, 2, settings, selector=kind, routing="soft")
    learner.prior.target = torch.tensor([0.4, 0.4, 0.1, 0.1]).log()
    learner.selector.adapter = learner.backbone.state()
    learner.selector.make_head().weight.data.zero_()
    learner.selector.head.bias.data.zero_()
    word = learner.selector.ask(learner.stream.of("test", [1])[:1])
    assert word.tasks.softmax(1)[0].tolist() == pytest.approx([0.8, 0.2], abs=1e-5)
    scores = torch.tensor([[0.0, 0.0, -100.0, -100.0]])
    answer = learner._answer(word, scores, np.array([[1]])).exp()[0]
    assert answer.tolist() == pytest.approx([0.4, 0.4, 0.1, 0.1], abs=1e-5)
