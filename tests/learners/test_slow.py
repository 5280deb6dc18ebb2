"""A head that reads through the mean over tasks of the adapters; the training is as without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from conpet.config.head import Head
from conpet.errors import UserError
from conpet.heads import check_head
from conpet.learners import check_takes
from tests.tiny import World

LDA = {"type": "lda", "samples": "kept"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("slow"))


def adapter(state: Path) -> dict[str, torch.Tensor]:
    return load_file(state / "adapter" / "adapter_model.safetensors")


@pytest.mark.parametrize("replay", ["dynamic", "memory"])
def test_a_state_s_adapter_is_the_mean_over_tasks(
    world: World, tmp_path: Path, replay: str
) -> None:
    """Of what each task's training left: that of a run without the mean, replay and all."""
    keys = {"replay": replay}
    last = world.run("linear", tmp_path / "last", head=LDA, **keys)
    mean = world.run("linear", tmp_path / "mean", head={**LDA, "adapter": "mean"}, **keys)
    for task in range(1, len(last) + 1):
        found, trained = adapter(mean[task - 1]), [adapter(state) for state in last[:task]]
        for name, tensor in found.items():
            wanted = torch.stack([one[name] for one in trained]).mean(0)
            torch.testing.assert_close(tensor, wanted)
    moved = adapter(last[-1])
    assert any(not torch.allclose(moved[name], tensor) for name, tensor in found.items())


def test_the_head_is_of_the_mean_s_space(world: World, tmp_path: Path) -> None:
    """What a loaded state answers is what its head was fitted for: class means lie there."""
    keys = {"head": {"type": "ncm", "samples": "history", "adapter": "mean"}}
    states = world.run("linear", tmp_path / "mean", **keys)
    asked: Any = world.learner("linear", len(states), **keys)
    asked.load(states[-1:], None)
    old = asked.stream.of("train", [1])
    now, label = asked.representations(old), asked.stream.label[old]
    for number in set(label.tolist()):
        centre = torch.from_numpy(now[label == number].mean(0)).double()
        torch.testing.assert_close(
            torch.from_numpy(asked.refit.head.mean[number]), centre, atol=1e-5, rtol=1e-4
        )


def test_where_nothing_is_tuned_there_is_no_mean(world: World, tmp_path: Path) -> None:
    keys = {"head": {**LDA, "adapter": "mean"}, "tuning": {"type": "none"}}
    states = world.run("linear", tmp_path / "frozen", tasks=2, **keys)
    names = load_file(states[-1] / "learner.safetensors")
    assert not [name for name in names if name.startswith("fast.")]


def test_a_broken_state_is_told(world: World, tmp_path: Path) -> None:
    keys = {"head": {**LDA, "adapter": "mean"}}
    state = world.run("linear", tmp_path / "mean", tasks=1, **keys)[0]
    tensors = load_file(state / "learner.safetensors")
    name = next(name for name in tensors if name.startswith("fast."))

    def refused(broken: dict[str, torch.Tensor]) -> str:
        save_file(broken, state / "learner.safetensors")
        with pytest.raises(UserError) as caught:
            world.learner("linear", 2, **keys).load([state], None)
        return str(caught.value)

    assert f"no '{name}'" in refused({k: v for k, v in tensors.items() if k != name})
    assert "does not fit" in refused(tensors | {name: tensors[name][:1].clone()})
    assert "'fast.more' is too many" in refused(tensors | {"fast.more": torch.zeros(1)})


def test_who_has_no_such_adapter_is_refused() -> None:
    with pytest.raises(UserError, match="softmax is trained, through the last adapter"):
        check_head(Head(adapter="mean"))
    head = Head(type="lda", adapter="mean")
    check_head(head)
    check_takes("linear", head)
    for learner in ("seq", "olora", "aligned"):
        with pytest.raises(UserError, match=f"learner {learner} trains in a way of its own"):
            check_takes(learner, head)


def test_how_it_is_written() -> None:
    assert Head(type="lda", adapter="mean").model_dump()["adapter"] == "mean"
    assert "adapter" not in Head(type="lda", layers=2).model_dump()
