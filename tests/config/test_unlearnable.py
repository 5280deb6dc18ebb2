"""What no task could be learnt with is refused where the config is read, not in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conpet.commands import main
from tests.config.conftest import DELETED, Project

E = "experiments/e.yaml"
PLAIN_LORA = "use tuning.type LORA with r, lora_alpha, lora_dropout and target_modules alone"


@pytest.fixture
def stacked(project: Project) -> Project:
    """An experiment whose one method is O-LoRA."""
    project.set("methods/plain.yaml", "learner", "olora")
    project.set(E, "methods", ["plain"])
    project.load()
    return project


@pytest.mark.parametrize(
    "tuning",
    [
        {"type": "none"},
        {"type": "full"},
        {"type": "BITFIT"},
        {"type": "IA3", "config": {"target_modules": ["query"], "feedforward_modules": []}},
        {"config": {"r": 4, "use_rslora": True}},
        {"config": {"r": 4, "rank_pattern": {"query": 2}}},
        {"config": {"r": 4, "init_lora_weights": "gaussian"}},
    ],
)
def test_olora_stacks_plain_loras(tuning: dict[str, Any], stacked: Project) -> None:
    stacked.set(E, "settings.tuning", tuning)
    said = stacked.mistake()
    assert said.startswith(f"{E}: plain on made: learner olora: stacks plain LoRAs, and the tuning")
    assert said.endswith(PLAIN_LORA)


@pytest.mark.parametrize(
    ("options", "settings", "said"),
    [
        ({"routing": "soft"}, {}, "routing at hard"),
        ({"selector": "classes"}, {}, "selector at tasks"),
        ({"selector": "lda", "routing": "soft"}, {"prior": "plan"}, "selector at tasks"),
        ({}, {"prior": "plan"}, "prior at none"),
        ({"expert_init": "shared"}, {}, "expert_init at fresh"),
        ({"temperature": True}, {}, "temperature at false"),
    ],
)
@pytest.mark.parametrize("place", ["datasets/given.yaml", "additions"])
def test_experts_of_shared_classes(
    options: dict[str, Any], settings: dict[str, Any], said: str, place: str, project: Project
) -> None:
    project.set("methods/many.yaml", "options", options)
    project.set("methods/many.yaml", "settings", settings)
    project.load()
    if place == "additions":
        project.set("datasets/given.yaml", "additions.0.shared", True)
    else:
        project.set(place, "shared", True)
    assert project.mistake() == (
        f"{E}: many on given: experts: where tasks share classes, a class says no task: leave "
        f"{said}"
    )
    project.set("methods/many.yaml", "options", DELETED)
    project.set("methods/many.yaml", "settings", DELETED)
    project.load()


@pytest.mark.parametrize(
    ("settings", "options", "said"),
    [
        ({"head": {"type": "lda", "adapter": "mean"}}, {}, "head.adapter"),
        ({"head": {"type": "lda", "beside": "frozen"}}, {}, "head.beside"),
        ({"head": "lda"}, {"average": 0.5}, "options: average"),
        ({"head": "lda", "prior": "plan"}, {}, "prior"),
    ],
)
def test_nothing_is_asked_of_a_training_where_there_is_none(
    settings: dict[str, Any], options: dict[str, Any], said: str, project: Project
) -> None:
    project.set(E, "methods", ["plain"])
    project.set("methods/plain.yaml", "options", options)
    project.set("methods/plain.yaml", "settings", {"tuning": {"type": "none"}, **settings})
    assert project.mistake() == (
        f"{E}: plain on made: {said}: nothing is trained with tuning: none and head: lda: leave it "
        "out"
    )


def test_a_batch_of_one_has_no_place_for_new_and_old(project: Project) -> None:
    project.set(E, "settings.training.batch_size", 1)
    assert project.mistake() == (
        f"{E}: replaying on made: training.batch_size: dynamic replay needs 2 or more, half new, "
        "half old"
    )
    project.set(E, "methods", ["plain"])
    project.load()


def test_describe_says_so_too(stacked: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    stacked.set(E, "settings.tuning", {"type": "none"})
    monkeypatch.chdir(Path(stacked.folder).parent)
    with pytest.raises(SystemExit) as stopped:
        main(["describe", f"config/{E}"])
    assert PLAIN_LORA in str(stopped.value)
    assert "\n" not in str(stopped.value)
