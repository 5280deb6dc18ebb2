"""A training that is taken over leaves the bytes that the method's own training would leave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conpet.commands.jobs import train_task
from conpet.commands.work import Job
from conpet.config.stages import Learn
from conpet.files import read_json
from conpet.run import RunKey
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
