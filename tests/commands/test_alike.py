"""A training that is taken over leaves the bytes that the method's own training would leave."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from conpet.commands.alike import Taken
from conpet.commands.job import Job
from conpet.commands.job_run import train_task
from conpet.config.stages import Learn
from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.run import RunKey
from conpet.training.spent import Spent
from tests.tiny import World, same_bytes

SETTINGS = {"training": {"epochs": 2}, "replay": {"batches": 6}, "memory": {"per_class": 2}}
LDA = {"type": "lda"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("alike"))


def about(world: World, learner: str, replay: str, head: Any, **more: Any) -> Learn:
    settings = world.settings(**{**SETTINGS, **({} if head is None else {"head": head}), **more})
    return Learn(
        learner=learner, replay=replay, pooling="mean", lora_targets=["query", "value"],
        settings=settings,
    )  # fmt: skip


def learnt(
    world: World, told: Learn, folder: Path, method: str, tasks: int, trained: Path | None = None
) -> list[Path]:
    """Learn tasks 1.. of one run; ``trained`` is the folder of the run that is taken over."""
    states: list[Path] = []
    for task in range(1, tasks + 1):
        job = Job(told, RunKey("e", "tiny", "small", method, 1), task)
        out = folder / f"{task}"
        taken = None if trained is None else trained / f"{task}"
        train_task(job, world.snapshot, [world.encoded], states[-1:], None, out, taken)
        states.append(out)
    return states


def alone(folder: Path) -> Path:
    """Return the folder without what a clock said."""
    for timing in folder.rglob("timing.json"):
        timing.unlink()
    return folder


CASES = [
    ("linear", "dynamic", None, LDA),
    ("linear", "dynamic", LDA, None),
    ("linear", "dynamic", LDA, {"type": "lda", "samples": "history", "layers": 2}),
    ("linear", "dynamic", {"type": "ncm", "samples": 3}, {"type": "lda", "samples": "kept"}),
    ("linear", "memory", None, {"type": "lda", "samples": "kept", "adapter": "mean"}),
    ("linear", "memory", {"type": "ncm", "adapter": "mean"}, LDA),
    ("linear", "dynamic", {"type": "lda", "adapter": "mean"}, {"type": "ncm", "adapter": "mean"}),
    ("linear", "dynamic", LDA, {"type": "lda", "samples": "kept", "beside": "frozen"}),
    ("linear", "dynamic", {"type": "lda", "beside": "frozen"}, {"type": "ncm", "adapter": "mean"}),
    ("linear", "memory", None, {"type": "ranpac", "config": {"width": 16}}),
    ("ewc", "dynamic", None, LDA),
    ("lwf", "none", None, LDA),
    ("der", "logits", None, LDA),
    ("aligned", "memory", None, LDA),
]


@pytest.mark.parametrize(("learner", "replay", "first", "second"), CASES)
def test_what_is_taken_over_is_the_same_as_trained(
    world: World, tmp_path: Path, learner: str, replay: str, first: Any, second: Any
) -> None:
    one, other = (about(world, learner, replay, head) for head in (first, second))
    learnt(world, one, tmp_path / "one", "one", 3)
    learnt(world, other, tmp_path / "itself", "other", 3)
    learnt(world, other, tmp_path / "taken", "other", 3, tmp_path / "one")
    for task in ("1", "2", "3"):
        timing = read_json(tmp_path / "taken" / task / "timing.json")
        assert timing["taken_from"] == "one"
        assert timing["own_seconds"] > 0
    assert same_bytes(alone(tmp_path / "itself"), alone(tmp_path / "taken"))


def refused(world: World, told: Learn, trained: Path, folder: Path, task: int = 1) -> str:
    """Return what a job says that cannot take a training over, and check that it left nothing."""
    job = Job(told, RunKey("e", "tiny", "small", "other", 1), task)
    with pytest.raises(UserError) as caught:
        train_task(job, world.snapshot, [world.encoded], [], None, folder / "out", trained)
    assert not (folder / "out").exists()
    return str(caught.value)


def test_a_training_of_other_settings_is_not_taken_over(world: World, tmp_path: Path) -> None:
    (state,) = learnt(world, about(world, "linear", "dynamic", None), tmp_path, "one", 1)
    other = about(world, "linear", "dynamic", LDA, training={"epochs": 2, "lr": 0.5})
    assert "one was trained with settings.training.lr 0.03, not 0.5" in refused(
        world, other, state, tmp_path
    )
    other = about(world, "linear", "none", LDA)
    assert "trained with replay dynamic, not none" in refused(world, other, state, tmp_path)
    other = about(world, "linear", "dynamic", {"type": "cosine"})
    assert "trained with settings.head" in refused(world, other, state, tmp_path)


def test_another_tasks_seeds_or_datas_training_is_not_taken_over(
    world: World, tmp_path: Path
) -> None:
    told = about(world, "linear", "dynamic", None)
    state, second = learnt(world, told, tmp_path, "one", 2)
    fitted = about(world, "linear", "dynamic", LDA)
    assert "a state of task 2, not 1" in refused(world, fitted, second, tmp_path)
    for name, value in (("seed", 2), ("dataset", "large"), ("encoded_sha256", "0" * 64)):
        copy = tmp_path / name
        shutil.copytree(state, copy)
        write_json(copy / "state.json", read_json(copy / "state.json") | {name: value})
        said = refused(world, fitted, copy, tmp_path)
        assert (f"a state of {name} {value}" in said) or "other encoded files" in said
    write_json(state / "state.json", read_json(state / "state.json") | {"plan_sha256": "0"})
    assert "trained on other batches than other plans" in refused(world, fitted, state, tmp_path)


def test_a_learner_with_a_training_of_its_own_takes_none(world: World, tmp_path: Path) -> None:
    for learner in ("seq", "olora"):
        (state,) = learnt(world, about(world, learner, "dynamic", None), tmp_path / learner, "a", 1)
        told = about(world, learner, "dynamic", LDA)
        assert f"learner {learner} trains by itself" in refused(world, told, state, tmp_path)


def test_what_an_older_version_trained_is_trained_again(world: World, tmp_path: Path) -> None:
    told = about(world, "linear", "dynamic", LDA)
    (state,) = learnt(world, told, tmp_path / "one", "one", 1)
    said = read_json(state / "state.json")
    del said["fitting"]
    write_json(state / "state.json", said)
    history = about(world, "linear", "dynamic", {"type": "lda", "samples": "history"})
    learnt(world, history, tmp_path / "itself", "other", 1)
    learnt(world, history, tmp_path / "taken", "other", 1, tmp_path / "one")
    assert "taken_from" not in read_json(tmp_path / "taken/1/timing.json")
    assert same_bytes(alone(tmp_path / "itself"), alone(tmp_path / "taken"))


def test_a_clock_says_what_the_whole_would_have_taken() -> None:
    state = {"method": "one", "forward_samples": 50, "forward_tokens": 500}
    state |= dict.fromkeys(("best_epoch", "samples_passed", "tokens_passed", "steps"), 1)
    state |= {"epochs": [], "loss_curve": [], "fitting": {"samples": 20, "tokens": 200}}
    timing = {"seconds": 100.0, "cpu_seconds": 90.0, "fitting_seconds": 10.0, "cpu": "fast"}
    timing |= {"fitting_cpu_seconds": 9.0, "peak_memory_mb": 700.0}
    taken, own = Taken(state, timing), Spent(samples=5, tokens=55, seconds=3.0, cpu_seconds=2.0)
    found = taken.of_state(own)
    assert (found["forward_samples"], found["forward_tokens"]) == (35, 355)
    clock = taken.of_timing({"seconds": 4.0, "peak_memory_mb": 600.0, "cpu": "slow"}, own)
    assert (clock["seconds"], clock["cpu_seconds"], clock["own_seconds"]) == (93.0, 83.0, 4.0)
    assert (clock["peak_memory_mb"], clock["cpu"], clock["taken_from"]) == (700.0, "fast", "one")
