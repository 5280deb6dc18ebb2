"""The selector of Dynamic ConPET beyond the paper: prior out, over classes, by LDA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import multivariate_normal
from transformers import AutoTokenizer

from conpet.config.method import Method
from conpet.config.settings import Settings
from conpet.data.encoding import encode_part
from conpet.errors import UserError
from conpet.heads.lda import oas
from conpet.learners import base, check_method
from conpet.learners.discriminant import discriminant
from conpet.learners.experts import Experts
from conpet.learners.experts_options import Options
from conpet.learners.prior import log_prior
from conpet.learners.routing import (
    log_sum_by_task,
    within_task,
)
from conpet.replay.base import Plan
from tests.learners.dynamic import CLASS_TASK, SOFT, fit_bias, make_learner, selected
from tests.tiny import ENCODE, World, make_samples


@pytest.mark.parametrize("kind", ["tasks", "classes"])
def test_a_selector_that_can_see_nothing_believes_the_plan_unless_its_prior_is_out(
    kind: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts that all look alike: Bayes' rule answers with the prior that is assumed, no other."""
    said = {}
    for prior in ("none", "plan"):
        settings = {"prior": prior, "training": {"lr": 0.2, "epochs": 20}}
        learner = make_learner(world, 3, settings, selector=kind)
        width = learner.backbone.width

        def blank(stream: Any, indices: np.ndarray, width: int = width) -> torch.Tensor:
            return torch.zeros(len(indices), width)

        monkeypatch.setattr(learner.backbone, "features", blank)
        monkeypatch.setattr(learner.backbone, "hidden", blank)
        # the last epoch is kept
        monkeypatch.setattr(base, "fit", fit_bias)
        plan = learner.train_selector()
        head = learner.selector.head
        said[prior] = F.softmax(head.bias.detach(), dim=0)
    shares = log_prior(plan, learner.stream).exp()
    if kind == "tasks":
        shares = torch.stack([shares[:2].sum(), shares[2:4].sum(), shares[4:].sum()])
    assert shares[-1] > 1.2 / len(shares)  # the newest has more than its part
    assert torch.allclose(said["none"], shares, atol=0.06)
    assert torch.allclose(said["plan"], torch.full_like(shares, 1 / len(shares)), atol=0.06)


def unequal(world: World, folder: Path) -> Path:
    """Encode two tasks, of one class and of five."""
    samples = make_samples()
    cut: list[dict[str, Any]] = []
    for task, labels in ((1, ["class0"]), (2, [f"class{c}" for c in range(1, 6)])):
        rows = {
            split: [i for i, s in enumerate(samples) if s.label in labels and s.split == split]
            for split in ("train", "valid", "test")
        }
        cut.append({"task": task, "classes": labels, **rows})
    tokenizer = AutoTokenizer.from_pretrained(world.snapshot)
    encode_part(samples, cut, ENCODE, tokenizer, folder / "encoded.safetensors")
    return folder / "encoded.safetensors"


@pytest.mark.parametrize(("kind", "near"), [("tasks", 0.01), ("classes", 0.03)])
def test_with_the_prior_out_classes_are_equally_likely_and_not_tasks(
    kind: str, near: float, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"prior": "plan", "encoded": unequal(world, tmp_path)}
    learner = make_learner(world, 2, settings, selector=kind)
    width, test = learner.backbone.width, learner.stream.of("test", [1, 2])
    for name in ("features", "hidden"):  # texts that all look alike
        blank = lambda _, indices: torch.zeros(len(indices), width)  # noqa: E731
        monkeypatch.setattr(learner.backbone, name, blank)
    monkeypatch.setattr(base, "fit", fit_bias)
    learner.train_selector()
    said = learner.selector.ask(test).tasks.softmax(1)[0].tolist()
    assert said == pytest.approx([1 / 6, 5 / 6], abs=near)
    packaged = make_learner(world, 2, {"encoded": settings["encoded"]}, selector=kind)
    packaged.selector.take(learner.selector.adapter, learner.selector.tensors())
    monkeypatch.setattr(packaged.backbone, "features", blank)
    assert packaged.selector.ask(test).tasks.softmax(1)[0].tolist() == said


def test_an_expert_learns_from_its_classes_as_if_they_were_equally_frequent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve blank texts of one class and three of the other: the prior alone decides."""
    said = {}
    for prior in ("none", "plan"):
        learner = make_learner(world, 1, {"prior": prior})
        width, own = learner.backbone.width, learner.stream.of("train", [1])
        few = np.concatenate([own[learner.stream.label[own] == 0][:12], own[-3:]])
        learner.plan = lambda few=few: Plan([[few] * 10], [few])
        monkeypatch.setattr(
            learner.backbone, "hidden", lambda _, batch, w=width: torch.zeros(len(batch), w)
        )
        monkeypatch.setattr(base, "fit", fit_bias)
        learner.train()
        said[prior] = F.softmax(learner.heads.answering[1].bias.detach(), dim=0)
    assert float(said["none"][0]) == pytest.approx(12 / 15, abs=0.02)
    assert float(said["plan"][0]) == pytest.approx(0.5, abs=0.04)


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
    learner = selected(world, soft[0], 3, **(SOFT | {"temperature": False}))
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
    learner = make_learner(world, 2, selector="classes")
    weight = learner.selector.make_head().weight
    learner.selector._word(learner.stream.of("valid", [1]))
    assert learner.selector.head.weight is weight
    assert learner.parameters()[-2] is weight


def test_the_discriminants_scores_are_log_densities_up_to_what_classes_share() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [40, 25, 15])
    features = rng.normal(size=(80, 4)) @ rng.normal(size=(4, 4)) + 3 * labels[:, None]
    features += 1000  # what classes have in common is not to cost what tells them apart
    means = np.stack([features[labels == c].mean(axis=0) for c in range(3)])
    weight, bias = discriminant(features, labels, 3)
    apart = features - means[labels]
    covariance = apart.T @ apart / 77
    share = oas(covariance, 77)
    assert 0 < share < 1
    shrunk = (1 - share) * covariance + share * np.trace(covariance) / 4 * np.eye(4)
    density = np.stack([multivariate_normal(m, shrunk).logpdf(features) for m in means], axis=1)
    scores = features @ weight.numpy().T + bias.numpy()
    np.testing.assert_allclose(scores - scores[:, :1], density - density[:, :1], atol=1e-5)


def test_few_samples_more_dimensions_than_samples_and_none_at_all() -> None:
    rng = np.random.default_rng(2)
    features, labels = rng.normal(size=(4, 50)), np.array([0, 1, 2, 3])
    weight, bias = discriminant(features, labels, 5)  # nothing of class 4
    scores = torch.from_numpy(features) @ weight.T + bias
    assert scores.argmax(1).tolist() == [0, 1, 2, 3]
    assert (scores[:, 4] < -1000).all()


def test_lda_speaks_and_not_the_head(world: World, soft: tuple[Path, Any]) -> None:
    learner = selected(world, soft[0], 2, **SOFT)
    lda = {"selector": "lda", "selector_fit": "history", "temperature": False}
    learner.options = learner.options.model_copy(update=lda)
    learner.selector.temperature = 1.0
    learner.backbone.load_state(learner.selector.adapter)
    learner.selector._fit(learner.plan())
    learner.selector.head.weight.data.zero_()
    train, test = (learner.stream.of(split, [1, 2]) for split in ("train", "test"))
    features = learner.backbone.features(learner.stream, train).double().numpy()
    labels = learner.stream.label[train]
    weight, bias = discriminant(features, labels, 4)
    read = learner.backbone.features(learner.stream, test).double()
    expected = F.linear(read, weight, bias)
    expected -= expected.amax(dim=1, keepdim=True)
    torch.testing.assert_close(learner.selector.ask(test).classes.double(), expected)
    assert {"lda.weight", "lda.bias"} <= set(learner.selector.tensors())


def test_lda_on_the_plan_has_some_of_every_class_and_costs_no_more_with_more_tasks(
    world: World,
) -> None:
    learner = make_learner(world, 3, selector="lda")
    stream = learner.stream
    new = stream.of("train", [3])
    old = stream.of("train", [1, 2])
    plan = Plan([[np.concatenate([new[:8], old[:3]])]], [])
    found = learner.selector._to_fit(plan)
    counts = np.bincount(stream.label[found], minlength=6)
    assert np.isin(plan.trained(), found).all()
    assert (counts >= 5).all()
    assert len(found) == 8 + 5 * 5  # eight of the newest's first class; five of every other
    more = make_learner(world, 3, selector="lda", selector_least=9)
    assert np.bincount(stream.label[more.selector._to_fit(plan)]).tolist() == [9] * 6
    whole = make_learner(world, 3, selector="lda", selector_fit="history")
    assert len(whole.selector._to_fit(plan)) == len(new) + len(old)


def test_lda_needs_samples_of_former_tasks(world: World) -> None:
    options = {"selector": "lda"}
    method = Method(title="x", learner="experts", replay="none", options=options)
    with pytest.raises(UserError, match="x: options: selector: lda needs samples of former tasks"):
        check_method(method, "x")
    check_method(method.model_copy(update={"replay": "dynamic"}), "x")
    # a package has no replay, and answers all the same
    assert world.learner("experts", 1, options=options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"selector_least": 9}, "selector_least: it adds"),
        ({"selector_least": 9, "selector": "classes"}, "selector_least: it adds"),
        ({"selector_least": 9, "selector": "lda", "selector_fit": "history"}, "selector_least: it"),
        ({"routing": "soft", "teacher_forcing": False}, "teacher_forcing: with routing: soft"),
    ],
)
def test_an_option_without_effect_is_refused(options: dict[str, Any], said: str) -> None:
    asked = Options.model_validate(options)  # what was learnt with it is opened
    with pytest.raises(UserError, match=f"options: {said}"):
        Experts.check(asked, Settings(), shared=False)
    for used in ({"selector": "lda", "selector_least": 9}, {"teacher_forcing": False}):
        Experts.check(Options.model_validate(used), Settings(), shared=False)


def test_samples_to_fit_on_are_for_what_is_fitted() -> None:
    with pytest.raises(ValueError, match="selector_fit: only what is fitted"):
        Options(selector="classes", selector_fit="history")
