"""A head on the frozen backbone beside the one that is fitted; the training is as without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from conpet.config.head import Head
from conpet.errors import UserError
from conpet.heads import check_head
from conpet.learners import check_takes
from tests.tiny import World

PLAIN = {"type": "lda", "samples": "kept", "layers": 2, "adapter": "mean"}
BESIDE = {**PLAIN, "beside": "frozen"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("beside"))


def opened(world: World, states: list[Path], **keys: Any) -> Any:
    learner = world.learner("linear", len(states), **keys)
    learner.load(states[-1:], None)
    return learner


def test_it_is_the_mean_of_the_tuned_head_and_of_the_frozen_one(
    world: World, tmp_path: Path
) -> None:
    """Each is what it is alone: the one after the same training, the other without any."""
    plain = world.run("linear", tmp_path / "plain", head=PLAIN)
    frozen_keys = {"head": {**PLAIN, "adapter": "last"}, "tuning": {"type": "none"}}
    frozen = world.run("linear", tmp_path / "frozen", **frozen_keys)
    both = world.run("linear", tmp_path / "both", head=BESIDE)

    found = opened(world, both, head=BESIDE)
    alone = opened(world, plain, head=PLAIN), opened(world, frozen, **frozen_keys)
    asked = found.stream.of("test", range(1, len(both) + 1))
    read = [learner.refit.scores(learner.read_by_heads(asked)).numpy() for learner in alone]
    shown = found.refit.scores(found.read_by_heads(asked)).numpy()
    np.testing.assert_allclose(shown, np.mean(read, axis=0), rtol=1e-4, atol=1e-3)
    tuned, untrained = (scores - scores.mean(1, keepdims=True) for scores in read)
    assert np.abs(tuned - untrained).max() > 1  # else the one says what the other does
    assert found.predict(asked).labels().tolist() == shown.argmax(1).tolist()


def test_the_training_is_as_without(world: World, tmp_path: Path) -> None:
    def tensors(state: Path) -> dict[str, torch.Tensor]:
        adapter = load_file(state / "adapter" / "adapter_model.safetensors")
        return adapter | load_file(state / "learner.safetensors")

    plain = world.run("linear", tmp_path / "plain", head=PLAIN)
    both = world.run("linear", tmp_path / "both", head=BESIDE)
    for one, other in zip(plain, both, strict=True):
        found = tensors(other)
        assert {name for name in found if not name.startswith("beside.")} == set(tensors(one))
        for name, tensor in tensors(one).items():
            assert torch.equal(found[name], tensor), name


def test_a_sample_passes_once_more_in_its_own_task(world: World, tmp_path: Path) -> None:
    def passed(head: dict[str, Any], task: int) -> int:
        states = world.run("linear", tmp_path / str(len(head)) / str(task), tasks=task, head=head)
        learner = opened(world, states, head=head)
        before = learner.backbone.passed.forward_samples
        plan = learner.plan()
        learner.refit.before(plan, learner.representations)
        learner.refit.fit(plan, learner.representations)
        return int(learner.backbone.passed.forward_samples - before)

    for task in (1, 3):
        states = world.run("linear", tmp_path / f"seen{task}", tasks=task, head=PLAIN)
        own = len(opened(world, states, head=PLAIN).stream.of("train", [task]))
        assert passed(BESIDE, task) - passed(PLAIN, task) == own


def test_reading_it_leaves_the_adapter_as_it_is(world: World, tmp_path: Path) -> None:
    states = world.run("linear", tmp_path / "both", tasks=2, head=BESIDE)
    learner = opened(world, states, head=BESIDE)
    before, asked = learner.backbone.state(), learner.stream.of("test", [1])
    fresh = world.learner("linear", 2, head=BESIDE)
    found = learner.refit.beside.read(learner.stream, asked)
    np.testing.assert_array_equal(found, fresh.refit.beside.read(fresh.stream, asked))
    assert not np.allclose(found, learner.representations(asked), rtol=1e-2)
    for name, tensor in learner.backbone.state().items():
        assert torch.equal(tensor, before[name])


def test_who_has_none_is_refused() -> None:
    with pytest.raises(UserError, match=r"head\.beside: softmax is trained: leave beside out"):
        check_head(Head(beside="frozen"))
    with pytest.raises(UserError, match=r"head\.beside: ranpac chooses by validation samples"):
        check_head(Head(type="ranpac", beside="frozen"))
    check_head(Head(type="ncm", beside="frozen"))
    head = Head(type="lda", beside="frozen")
    check_head(head)
    check_takes("linear", head)
    for learner in ("seq", "olora", "aligned"):
        with pytest.raises(UserError, match=rf"head\.beside: learner {learner} trains"):
            check_takes(learner, head)


def test_how_it_is_written() -> None:
    assert Head(type="lda", beside="frozen").model_dump()["beside"] == "frozen"
    assert "beside" not in Head(type="lda", layers=2).model_dump()
