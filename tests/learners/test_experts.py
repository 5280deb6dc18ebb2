"""Dynamic ConPET beyond the paper: where experts start, and what they learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from conpet.learners import base
from conpet.learners.discriminant import discriminant, told
from conpet.learners.experts import Options
from conpet.learners.filling import filled, shortened
from conpet.learners.routing import temperature_of
from conpet.replay.base import Plan
from conpet.testing import check_learner
from tests.learners.dynamic import SOFT, make_learner, selected
from tests.tiny import World


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
    first = make_learner(world, 2, **SOFT)
    first.load([folder / "state1"], None)
    expert, rows = first.adapters[1], first.heads.answering[1]
    adapter, (weight, bias) = _starts(first, monkeypatch, "train_selector")
    assert all(torch.equal(adapter[name], expert[name]) for name in expert)
    assert torch.equal(weight[:2], rows.weight)
    assert torch.equal(bias[:2], rows.bias)

    second = selected(world, folder, 2, **SOFT)
    selector, rows = second.selector.adapter, second.selector.head
    adapter, (weight, bias) = _starts(second, monkeypatch, "train")
    assert all(torch.equal(adapter[name], selector[name]) for name in selector)
    assert torch.equal(weight, rows.weight[2:4])
    assert torch.equal(bias, rows.bias[2:4])

    third = make_learner(world, 3, **SOFT)
    third.load([folder / "state1", folder / "state2"], folder / "selector2")
    adapter, _ = _starts(third, monkeypatch, "train_selector")
    assert all(torch.equal(adapter[name], selector[name]) for name in selector)


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
        learner = selected(world, soft[0], 2, **SOFT, fill=True, expert_share=share)
        whole = sum(len(b) for epoch in learner.plan().epochs for b in epoch)
        plan = learner.train()
        assert (learner.stream.task[plan.trained()] == 2).all()
        assert learner.backbone.passed.trained_samples == share * whole


def test_a_shortened_plan_keeps_a_batch_at_least() -> None:
    plan = Plan([[np.array([i]) for i in range(4)]], [])
    assert [b.tolist() for b in shortened(plan, 0.5).epochs[0]] == [[0], [1]]
    assert len(shortened(plan, 0.01).epochs[0]) == 1


def test_task_1_is_followed_whole(world: World) -> None:
    learner = make_learner(world, 1, expert_share=0.25, fill=True)
    plan, trained, _ = learner._own_plan()
    assert plan.sha256() == learner.plan().sha256()
    assert trained.tolist() == learner.stream.of("train", [1]).tolist()


def test_fill_needs_to_know_whose_a_sample_is() -> None:
    with pytest.raises(ValidationError, match="fill needs teacher_forcing"):
        Options(fill=True, teacher_forcing=False)


def test_redraw_gives_every_pass_its_own_batches(world: World) -> None:
    one, fresh = make_learner(world, 2), make_learner(world, 2, redraw=True)
    plans = [learner._plan(what) for learner in (one, fresh) for what in ("selector", "expert")]
    assert plans[0].sha256() == plans[1].sha256()
    assert plans[2].sha256() != plans[3].sha256()

    def epochs(plan: Plan) -> set[bytes]:
        return {np.concatenate(batches).tobytes() for batches in plan.epochs}

    assert [len(epochs(plan)) for plan in plans] == [1, 1, 3, 3]


def test_an_experts_head_may_be_the_discriminant_of_its_whole_task(
    world: World, tmp_path: Path
) -> None:
    plus = SOFT | {"expert_head": "lda", "expert_share": 0.1}
    world.run("experts", tmp_path, tasks=2, replay="dynamic", options=plus)
    learner: Any = world.newest
    own = learner.stream.of("train", [2])
    assert learner.backbone.passed.forward_samples >= len(own)
    features = learner.backbone.features(learner.stream, own).double().numpy()
    weight, bias = discriminant(features, learner.stream.label[own] - 2, 2)
    torch.testing.assert_close(
        learner.heads.answering[2].weight.detach(), weight, rtol=1e-3, atol=1e-2
    )
    torch.testing.assert_close(learner.heads.answering[2].bias.detach(), bias, rtol=1e-3, atol=1e-2)


DEEP: dict[str, Any] = {**SOFT, "selector": "lda", "expert_head": "lda", "layers": 2}


def test_what_is_fitted_may_read_several_layers(world: World, tmp_path: Path) -> None:
    states = world.run("experts", tmp_path, tasks=3, replay="dynamic", options=DEEP)
    made = world.newest
    width, indices = made.backbone.width, made.stream.of("test", [1, 2, 3])
    deep = made.backbone.reads(2)
    assert deep > width
    assert made.selector.discriminant[0].shape == (made.stream.seen, deep)
    assert [h.weight.shape[1] for h in made.heads.answering.values()] == [deep] * 3
    # what is trained, and counted as trainable, reads the last one alone
    assert [h.weight.shape[1] for h in made.heads.trained.values()] == [width] * 3
    assert made.parameters()[-2].shape == (2, width)
    asked = make_learner(world, 3, **DEEP)
    asked.load(states, tmp_path / "selector3")
    torch.testing.assert_close(asked.predict(indices).scores, made.predict(indices).scores)
    own = asked.predict_in_task(indices, asked.predict(indices))
    assert set(asked.stream.class_task[own] == asked.stream.task[indices]) == {True}


def test_a_deep_discriminant_is_that_of_the_states_read(world: World, tmp_path: Path) -> None:
    world.run("experts", tmp_path, tasks=1, replay="dynamic", options=DEEP)
    made = world.newest
    own = made.stream.of("train", [1])
    read = made.backbone.features(made.stream, own, 2).double().numpy()
    weight, bias = discriminant(read, made.stream.label[own], 2)
    torch.testing.assert_close(made.heads.answering[1].weight.detach(), weight)
    torch.testing.assert_close(made.heads.answering[1].bias.detach(), bias)


def test_layers_are_of_what_is_fitted() -> None:
    with pytest.raises(ValidationError, match="layers: what is trained reads the last one alone"):
        Options(layers=2)
    for keys in ({"selector": "lda"}, {"expert_head": "lda"}):
        assert Options.model_validate({"layers": 2, **keys}).layers == 2


@pytest.mark.parametrize("layers", [1, 2])
def test_a_selector_starts_from_what_was_trained_also_where_a_discriminant_answers(
    layers: int, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The discriminant's rows are a thousand times as large: no training goes on from them."""
    plus = SOFT | {"expert_head": "lda", "selector": "lda", "layers": layers}
    world.run("experts", tmp_path, tasks=1, replay="dynamic", options=plus)
    trained: Any = world.newest.heads.trained[1]  # type: ignore[attr-defined]
    answering: Any = world.newest.heads.answering[1]  # type: ignore[attr-defined]
    second = make_learner(world, 2, **plus)
    second.load([tmp_path / "state1"], None)
    assert torch.equal(second.heads.answering[1].weight, answering.weight)
    _, (weight, bias) = _starts(second, monkeypatch, "train_selector")
    assert torch.equal(weight[:2], trained.weight.detach())
    assert torch.equal(bias[:2], trained.bias.detach())
    assert answering.weight.norm() > 10 * trained.weight.norm()


def test_an_expert_that_is_sent_no_sample_keeps_its_best_epoch_all_the_same(
    world: World, tmp_path: Path
) -> None:
    """A selector that finds no text of the new task leaves all answers as they were."""
    states = world.run("experts", tmp_path, tasks=1, replay="dynamic")
    blind = make_learner(world, 2, {"training": {"lr": 1e-6}}, selector_untrained=True)
    blind.load(states, None)
    blind.train_selector()
    (tmp_path / "blind").mkdir()
    blind.save(tmp_path / "blind")
    learner = make_learner(world, 2)
    learner.load(states, tmp_path / "blind")
    own = learner.stream.of("valid", [2])
    assert not (learner.selector.ask(own).tasks.argmax(1).numpy() == 1).any()
    learner.train()
    assert learner.history.best_epoch >= 0
    found = learner.predict_in_task(own, learner.predict(own))
    assert (found == learner.stream.label[own]).mean() == 1.0


def test_a_class_without_a_sample_leaves_its_experts_temperature_as_it_is() -> None:
    """It is out of question, and its share would be bought with the confidence of all."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(8, 20))

    def draw(each: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.repeat(np.arange(8), each)
        return means[labels] + rng.normal(size=(len(labels), 20)), labels

    (x, labels), (texts, truth) = draw(20), draw(10)

    def temperature(classes: int, texts: np.ndarray, truth: np.ndarray) -> float:
        weight, bias = discriminant(x, labels, classes)
        scores = torch.nn.functional.linear(torch.from_numpy(texts), weight, bias)
        return temperature_of(scores, torch.from_numpy(truth), told=told(bias))

    known = temperature(8, texts, truth)
    assert temperature(9, texts, truth) == pytest.approx(known, abs=1e-5)
    # a validation text of the class says nothing of what the others are worth
    more = np.concatenate([texts, texts[:1]]), np.append(truth, 8)
    assert temperature(9, *more) == pytest.approx(known, abs=1e-5)


def test_experts_of_a_frozen_backbone_pass_each_text_once(world: World, tmp_path: Path) -> None:
    frozen = {"tuning": {"type": "none", "config": {}}, "training": {"epochs": 1}}
    world.run("experts", tmp_path, replay="dynamic", options={"top_k": 2}, **frozen)
    learner, tasks = world.newest, [1, 2, 3]
    texts = sum(len(learner.stream.of(split, tasks)) for split in ("train", "valid"))
    passed = learner.backbone.passed
    assert 0 < passed.trained_samples + passed.forward_samples <= texts
