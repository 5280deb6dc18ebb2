"""CRL: the authors' rules, one by one: loss, bank, distillation, exemplars, prototypes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from conpet.learners import contrastive
from conpet.learners.bank import compared_with, contrastive_loss
from conpet.replay.exemplars import Memory
from conpet.training import Rows, loop
from tests.tiny import World


def _loaded(world: World, folder: Path, replay: str, **options: Any) -> Any:
    """Return a learner at task 2 that has taken up task 1, with its memory."""
    states = world.run("contrastive", folder, tasks=1, replay=replay, options=options)
    memory = world.newest.keep()
    learner: Any = world.learner("contrastive", 2, replay=replay, memory=memory, options=options)
    learner.load(states, None)
    return learner


def _noted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, torch.Tensor]]:
    """Note what each batch's loss is made of."""
    calls: list[dict[str, torch.Tensor]] = []

    def noted(z: Any, labels: Any, compared: Any, *rest: Any) -> torch.Tensor:
        bank, bank_labels = compared
        calls.append({"z": z.detach().clone(), "bank": bank.clone(), "labels": bank_labels})
        return contrastive_loss(z, labels, compared, *rest)

    monkeypatch.setattr(contrastive, "contrastive_loss", noted)
    return calls


def test_the_bank_takes_up_each_batchs_projections(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = _noted(monkeypatch)
    learner: Any = world.learner("contrastive", 1)
    plan = learner.train()
    samples = learner.stream.of("train", [1])
    batches = [b for epoch in plan.epochs for b in epoch]
    for batch, (call, later) in zip(batches, itertools.pairwise(calls), strict=False):
        assert torch.equal(later["bank"][np.searchsorted(samples, batch)], call["z"])
    assert not torch.equal(calls[0]["bank"], calls[-1]["bank"])


def test_an_own_entry_is_a_positive_and_a_term_has_a_floor() -> None:
    bank = torch.eye(3)
    labels = torch.tensor([0, 1, 1])
    # one sample, equal to its own entry, alone in its class: exp(0), and twice exp(-10)
    terms = 1 + 1e-4, 2 * (np.exp(-10) + 1e-4)
    found = contrastive_loss(bank[:1], labels[:1], (bank, labels), 0.1, Rows(1))
    assert float(found) == pytest.approx(-np.log(terms[0] / sum(terms)), rel=1e-3)
    assert float(found) > 1.5e-4  # without the floor it would be 9e-5; without its own, nothing


def test_step_one_compares_with_a_draw_and_step_two_with_all(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = _loaded(world, tmp_path, "full", compared=20)
    calls = _noted(monkeypatch)
    learner.train()
    sizes = [len(call["bank"]) for call in calls]
    one = 3 * 8  # epochs of 32 samples in batches of 4
    assert all(20 <= size < 32 for size in sizes[:one])
    assert set(sizes[one:]) == {64}
    assert not torch.equal(calls[0]["labels"], calls[1]["labels"])


def test_a_draw_leaves_no_class_of_the_batch_out() -> None:
    labels = np.array([0] * 998 + [1, 2])
    places = np.array([3, 998, 998])
    for seed in range(20):
        drawn = compared_with(labels, places, 10, np.random.default_rng(seed))
        assert {0, 1} <= set(labels[drawn])
        assert len(drawn) == len(set(drawn)) <= 11
    assert len(compared_with(labels, places, 1000, np.random.default_rng(0))) == 1000


def test_the_distillation_is_the_brute_force_sum(world: World, tmp_path: Path) -> None:
    learner = _loaded(world, tmp_path, "full")
    stream, samples = learner.stream, learner.stream.of("train", [1, 2])
    bank = F.normalize(torch.randn(len(samples), 8), dim=1)
    labels = learner.targets(samples)
    batch = np.concatenate([samples[[0, 20, 1]], samples[-2:]])  # three old samples, two new ones
    z = F.normalize(torch.randn(5, 8), dim=1)
    prototypes = learner.prototypes.numpy()
    total = 0.0
    for i in range(3):
        own = prototypes[stream.label[batch[i]]]
        was, now = [], []
        for c in range(2):
            other = prototypes[c]
            was.append(10 * own @ other / np.linalg.norm(own) / np.linalg.norm(other))
            centre = bank[labels == c].mean(0).numpy()
            now.append(10 * z[i].numpy() @ centre / np.linalg.norm(centre))
        p, q = (np.exp(x) / np.exp(x).sum() for x in (was, now))
        total += float((p * np.log(p / q)).sum())
    held, targets = learner._held(labels), learner.targets(batch)
    assert float(held(z, targets, bank, Rows(5))) == pytest.approx(total / 3, rel=1e-4)
    assert float(held(z[3:], targets[3:], bank, Rows(2))) == 0
    # with room for more rows, of which all but five, or the new ones alone, count for nothing
    mask = torch.tensor([1.0, 1, 1, 1, 1, 0, 0])
    more, again = torch.cat([z, z[:2]]), torch.cat([targets, targets[:2]])
    padded = held(more, again, bank, Rows(mask.sum(), mask))
    assert float(padded) == pytest.approx(total / 3, rel=1e-4)
    assert float(held(z[3:], targets[3:], bank, Rows(torch.tensor(2.0), torch.ones(2)))) == 0


def test_the_default_distillation_holds_similarities(world: World, tmp_path: Path) -> None:
    """With a temperature of 10 in place of its inverse the gradient was a thousandth."""
    learner = _loaded(world, tmp_path, "full")
    samples = learner.stream.of("train", [1, 2])
    labels, bank = learner.targets(samples), learner._bank(samples)
    norms = {}
    for temperature in (0.1, 10.0):
        learner.options = learner.options.model_copy(
            update={"distillation_temperature": temperature}
        )
        z = bank.clone().requires_grad_()
        value = learner._held(labels)(z, labels, bank, Rows(len(z)))
        (gradient,) = torch.autograd.grad(value, z)
        norms[temperature] = float(gradient.norm())
    assert contrastive.Options().distillation_temperature == 0.1
    assert norms[0.1] > 100 * norms[10.0]


def test_all_that_is_kept_is_trained_on_and_chosen_again_at_the_end(
    world: World, tmp_path: Path
) -> None:
    learner = _loaded(world, tmp_path, "memory")
    kept_before = learner.context.memory
    assert len(kept_before.valid) > 0
    between: list[Memory] = []
    keep = learner.context.replay.keep

    def noted(*args: Any) -> Memory:
        between.append(keep(*args))
        return between[-1]

    learner.context.replay.keep = noted
    plan = learner.train()
    second = np.unique(np.concatenate([b for epoch in plan.epochs[3:] for b in epoch]))
    assert len(between) == 2  # as step 1 leaves them, for step 2; as step 2 leaves them, to be kept
    first, last = ({*m.train, *m.valid} for m in between)
    assert set(second) == first
    assert len(first) == len(last) == 4 * 4  # four a class, those for validation too
    kept = learner.keep()
    assert {*kept.train, *kept.valid} == last
    # what a prototype is made of: the exemplars, of new classes too
    features = learner.backbone.features(learner.stream, np.array(sorted(last)))
    labels = learner.stream.label[np.array(sorted(last))]
    for c in range(4):
        mean = features[torch.from_numpy(labels == c)].mean(0)
        torch.testing.assert_close(learner.prototypes[c], mean)


def test_each_step_has_an_optimiser_of_its_own(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = _loaded(world, tmp_path, "full")
    made = []
    original = loop.make_optimizer

    def noted(*args: Any) -> Any:
        made.append(original(*args))
        return made[-1]

    monkeypatch.setattr(loop, "make_optimizer", noted)
    learner.train()
    assert len(made) == 2


def test_a_new_class_without_an_exemplar_has_a_prototype_all_the_same(world: World) -> None:
    learner: Any = world.learner("contrastive", 1)
    new = learner.stream.of("train", [1])
    learner._set_prototypes(new[:3], new)
    features = learner.backbone.features(learner.stream, new)
    torch.testing.assert_close(learner.prototypes[0], features[:3].mean(0))
    torch.testing.assert_close(learner.prototypes[1], features[16:].mean(0))


def test_exemplars_are_chosen_on_hidden_states(world: World) -> None:
    learner: Any = world.learner("contrastive", 1, replay="memory")
    indices = learner.stream.of("train", [1])
    features = learner.backbone.features(learner.stream, indices).numpy()
    assert np.array_equal(learner.memory_features(indices), features)


def test_gradients_are_clipped_at_ten(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = []
    original = loop.run_epoch

    def noted(*args: Any) -> float:
        clips.append(args[4])
        return original(*args)

    monkeypatch.setattr(loop, "run_epoch", noted)
    world.run("contrastive", tmp_path, tasks=2, replay="dynamic")
    assert set(clips) == {10.0}


def test_the_projection_counts_as_tunable(world: World) -> None:
    learner: Any = world.learner("contrastive", 1)
    width, out = learner.backbone.width, learner.options.projection
    projection = (width + 1) * width + (width + 1) * out
    adapter = sum(p.numel() for p in learner.backbone.parameters())
    assert sum(p.numel() for p in learner.parameters()) == adapter + projection
