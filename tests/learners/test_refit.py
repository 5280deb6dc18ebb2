"""A head that is fitted after the task: on what, at what cost, and what it is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conpet.config.head import Head
from conpet.errors import UserError
from conpet.heads.cosine import Cosine
from conpet.learners import check_takes
from conpet.learners.refit import Refit
from tests.tiny import World, same_bytes

FROZEN = {"tuning": {"type": "none"}}
QUICK = {"training": {"epochs": 1}}


def right(world: World, learner: str, states: list[Path], **keys: Any) -> list[float]:
    """Return the accuracy on each task's test texts after the last task."""
    asked = world.learner(learner, len(states), **keys)
    asked.load(states[-1:], None)
    found = []
    for task in range(1, len(states) + 1):
        indices = asked.stream.of("test", [task])
        found.append((asked.predict(indices).labels() == asked.stream.label[indices]).mean())
    return found


def test_what_fine_tuning_forgets_is_the_heads(world: World, tmp_path: Path) -> None:
    """The idea: with the same adapter the trained head has lost task 1, and the fitted one not."""
    history = {"head": {"type": "lda", "samples": "history"}}
    plain = world.run("linear", tmp_path / "plain")
    fitted = world.run("linear", tmp_path / "lda", **history)
    for one, other in zip(plain, fitted, strict=True):
        assert same_bytes(one / "adapter", other / "adapter")
        assert (one / "history.json").read_text() == (other / "history.json").read_text()
    lost, kept = right(world, "linear", plain), right(world, "linear", fitted, **history)
    assert lost[0] < 0.3
    assert kept[0] > 0.8


def test_while_a_task_is_trained_the_trained_head_answers(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fitted head of before knows all classes where a task has no new one: it is stale."""
    learner: Any = world.learner("linear", 1, head={"type": "lda"})
    learner.train()
    seen = learner.stream.seen
    assert learner.refit.answers(seen)
    trains, during = learner.fit, []

    def fit(*args: Any) -> None:
        during.append(learner.refit.answers(seen))
        trains(*args)

    monkeypatch.setattr(learner, "fit", fit)
    learner.train()  # the same classes once more
    assert during == [False]
    assert learner.refit.answers(seen)


def test_what_is_kept_follows_the_space(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The means of task 1 are nearly where its texts are now, of which none passed again."""
    keys = {"head": {"type": "lda", "samples": "kept"}, "training": {"epochs": 6}}

    def apart(name: str) -> float:
        states = world.run("linear", tmp_path / name, tasks=2, **keys)
        made: Any = world.newest
        old = made.stream.of("train", [1])
        now = made.representations(old)
        means = np.stack([now[made.stream.label[old] == c].mean(0) for c in (0, 1)])
        assert right(world, "linear", states, **keys) == [1.0, 1.0]
        return float(np.linalg.norm(made.refit.head.mean[:2] - means))

    followed = apart("followed")
    monkeypatch.setattr(
        "conpet.learners.refit.drift", lambda a, *_: (np.eye(a.shape[1]), np.zeros(a.shape[1]))
    )
    left = apart("left")
    assert followed < 0.5 * left


def test_a_frozen_backbone_passes_no_old_sample_and_forgets_nothing(
    world: World, tmp_path: Path
) -> None:
    answers = {}
    for samples in ("plan", "history", "kept", 5):
        keys = FROZEN | {"head": {"type": "lda", "samples": samples}}
        for replay in ("none", "dynamic"):
            states = world.run("linear", tmp_path / f"{samples}{replay}", replay=replay, **keys)
            passed = world.newest.backbone.passed
            assert (passed.trained_samples, world.newest.parameters()) == (0, [])
            # what task 3 has for training, or five of each of its two classes
            assert passed.forward_samples == (32 if samples != 5 else 10)
            asked = world.learner("linear", 3, **keys)
            asked.load(states[-1:], None)
            indices = asked.stream.of("test", [1, 2, 3])
            answers[samples, replay] = asked.predict(indices).scores
    # a plan of dynamic replay may leave new samples out; the others are the whole history
    torch.testing.assert_close(answers["plan", "none"], answers["history", "dynamic"])
    assert not torch.allclose(answers["plan", "none"], answers[5, "none"])


def test_passes_over_the_history_grow_and_those_over_a_plan_do_not(
    world: World, tmp_path: Path
) -> None:
    passed: dict[Any, list[int]] = {}
    plain = world.run("linear", tmp_path / "plain", replay="dynamic", **QUICK)
    for samples in ("plan", "history", 4):
        head = {"head": {"type": "ncm", "samples": samples}}
        for task in (2, 3):
            made = world.learner("linear", task, replay="dynamic", **QUICK, **head)
            made.load([], None)
            made.backbone.load(plain[task - 2])
            plan = made.plan()
            made.refit.fit(plan, made.representations)  # type: ignore[attr-defined]
            count = made.backbone.passed.forward_samples
            passed.setdefault(samples, []).append(count)
            if samples == "plan":
                assert count == len(plan.trained())
    assert passed["history"] == [64, 96]
    assert passed[4] == [16, 24]


def test_samples_of_a_class_are_the_same_at_every_task(world: World) -> None:
    drawn = []
    for task in (1, 3):
        made: Any = world.learner("linear", task, head={"type": "lda", "samples": 3})
        drawn.append(made.refit.samples(made.plan()))
        counts = np.bincount(made.stream.label[drawn[-1]])
        assert counts.tolist() == [3] * (2 * task)
    first = made.stream.of("train", [1])
    assert np.intersect1d(drawn[1], first).tolist() == drawn[0].tolist()


def test_on_a_frozen_backbone_a_trained_head_sees_each_sample_once(
    world: World, tmp_path: Path
) -> None:
    world.run("linear", tmp_path, tasks=1, **FROZEN)
    made = world.newest
    assert made.history.steps == 24
    assert made.backbone.passed.trained_samples == 0
    assert made.backbone.passed.forward_samples == 32 + 8  # training and validation samples
    names = {name for name, _ in made.head.named_parameters()}  # type: ignore[attr-defined]
    assert names == {"weight", "bias"}
    assert len(made.parameters()) == 2
    assert not (tmp_path / "state1/adapter").exists()


@pytest.mark.parametrize(
    ("learner", "replay", "tuning"),
    [
        ("ewc", "none", "LORA"),
        ("lwf", "none", "LORA"),
        ("aligned", "dynamic", "LORA"),
        ("aligned", "memory", "none"),
        ("seq", "none", "LORA"),
    ],
)
def test_every_classifier_answers_by_a_fitted_head(
    learner: str, replay: str, tuning: str, world: World, tmp_path: Path
) -> None:
    keys: dict[str, Any] = {"head": "lda", "tuning": {"type": tuning}, **QUICK}
    states = world.run(learner, tmp_path, tasks=2, replay=replay, **keys)
    made = world.newest
    made.keep()
    asked: Any = world.learner(learner, 2, replay=replay, **keys)
    asked.load(states[-1:], None)
    assert asked.refit.answers(4)
    indices = asked.stream.of("test", [1, 2])
    torch.testing.assert_close(asked.predict(indices).scores, made.predict(indices).scores)
    assert asked.memory_features(indices).shape == (len(indices), 4)


def test_learners_that_answer_otherwise_take_no_other_head() -> None:
    for learner in ("experts", "contrastive"):
        check_takes(learner, Head())
        with pytest.raises(UserError, match=f"learner {learner} answers in a way of its own"):
            check_takes(learner, Head(type="lda"))


def test_representations_that_are_not_finite_are_refused(world: World) -> None:
    made: Any = world.learner("linear", 1, head="lda", **FROZEN)
    made.represent = lambda hidden: hidden * torch.nan
    with pytest.raises(UserError, match="representations are not finite"):
        made.train()


# -- SEQ* -----------------------------------------------------------------------------------


def test_seq_tunes_the_backbone_once_and_an_old_row_never_again(
    world: World, tmp_path: Path
) -> None:
    keys: dict[str, Any] = {"head": {"type": "cosine", "rows": "fixed"}}
    plain = world.run("linear", tmp_path / "plain", tasks=1, **keys)
    states = world.run("seq", tmp_path / "seq", **keys)
    assert same_bytes(states[0], plain[0])  # the warm-up is fine-tuning
    for later in states[1:]:
        assert same_bytes(states[0] / "adapter", later / "adapter")
    rows = []
    for state in states:
        made: Any = world.learner("seq", 3, **keys)
        made.head.take(_tensors(state))
        rows.append(made.head.weight.detach().clone())
    assert len(rows[0]) == 6  # all there from the start
    assert torch.equal(rows[1][:2], rows[0][:2])
    assert torch.equal(rows[2][:4], rows[1][:4])
    assert not torch.equal(rows[2][4:], rows[1][4:])
    last = world.newest
    assert last.backbone.passed.trained_samples == 0
    assert [p.shape[0] for p in last.parameters()] == [2]


def _tensors(state: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(state / "learner.safetensors")


def test_no_class_wins_a_cosine_head_by_the_length_of_its_weights() -> None:
    head = Cosine(8, 3, 0)
    hidden = torch.randn(20, 8, generator=torch.Generator().manual_seed(0))
    before = head(hidden)
    with torch.no_grad():
        head.weight[1] *= 100
    torch.testing.assert_close(head(hidden), before)
    assert float(before.detach().abs().max()) <= 16
    head.hold(2)
    torch.testing.assert_close(head(hidden), before)
    head(hidden).sum().backward()
    assert head.weight.shape == (1, 8)


@pytest.mark.parametrize("tuning", [{}, FROZEN])
def test_ranpac_chooses_by_samples_that_it_was_not_fitted_on(
    tuning: dict[str, Any], world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A memory's validation samples are samples of training: where nothing is tuned, all known."""
    known: list[set[int]] = []
    fits = Refit._fit

    def fit(self: Refit, head: Any, plan: Any, representations: Any) -> None:
        asked: list[np.ndarray] = []
        takes = head.fit

        def take(found: Any, classes: int, joins: bool, valid: Any) -> None:
            fitted, *chosen = [set(indices.tolist()) for indices in asked[::-1]]
            if joins and known:
                fitted |= known[-1]
            known.append(fitted)
            assert not fitted & set().union(*chosen)
            assert chosen
            takes(found, classes, joins, valid)

        def noted(indices: np.ndarray) -> np.ndarray:
            asked.append(indices)
            found: np.ndarray = representations(indices)
            return found

        monkeypatch.setattr(head, "fit", take)
        fits(self, head, plan, noted)

    monkeypatch.setattr(Refit, "_fit", fit)
    samples: dict[str, Any] = {} if tuning else {"samples": 8}
    head = {"type": "ranpac", "config": {"width": 50}, **samples}
    world.run("linear", tmp_path, replay="memory", head=head, **QUICK, **tuning)
    assert len(known) == 3


def test_ranpac_on_the_history_chooses_by_all_tasks(world: World) -> None:
    head = {"type": "ranpac", "samples": "history", "config": {"width": 20}}
    learner: Any = world.learner("linear", 2, head=head)
    chosen = learner.refit._validation(learner.plan(), np.empty(0, np.int64), False)
    assert chosen.tolist() == learner.stream.of("valid", [1, 2]).tolist()
