"""States that are broken, or not those that a job needs, are refused in one line."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from conpet.commands.asking import Asked, evaluate_state
from conpet.commands.job import Job
from conpet.commands.job_run import train_selector, train_task
from conpet.config.settings import Tuning
from conpet.config.stages import Learn
from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.replay.base import Arrived, Plan
from conpet.run import RunKey
from conpet.run.inputs import Inputs
from conpet.run.states import read_state
from examples.reservoir import Reservoir
from tests.tiny import World, make_encoded

KEY = RunKey("e", "tiny", "small", "emr", 1)
SETTINGS = {"training": {"epochs": 1}, "memory": {"per_class": 2}}


class Learnt:
    """A first task that was learnt with exemplars."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        settings = self.world.settings(**SETTINGS)
        self.about = Learn(
            learner="linear", replay="memory", pooling="mean", lora_targets=["query", "value"],
            settings=settings,
        )  # fmt: skip
        self.state = folder / "state"
        self.train(Job(self.about, KEY, 1), [], self.state)

    def train(self, job: Job, states: list[Path], out: Path, selector: Path | None = None) -> None:
        train_task(job, self.world.snapshot, [self.world.encoded], states, selector, out)

    def asked(self, state: Path, selector: Path | None = None) -> Asked:
        return Asked(None, self.world.snapshot, [self.world.encoded], [state], selector)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    return Learnt(tmp_path_factory.mktemp("states"))


@pytest.fixture
def state(learnt: Learnt, tmp_path: Path) -> Path:
    return shutil.copytree(learnt.state, tmp_path / "state")


def message(call: Callable[[], Any]) -> str:
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def evaluated(asked: Asked) -> str:
    out = asked.states[0].parent
    said = message(lambda: evaluate_state(asked, out / "m.json", out / "p.parquet"))
    assert not (out / "m.json").exists()
    return said


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    value = read_json(path)
    change(value)
    write_json(path, value)


def test_a_state_is_as_readable_as_the_umask_says(learnt: Learnt) -> None:
    umask = os.umask(0)
    os.umask(umask)
    files = [path for path in learnt.state.rglob("*") if path.is_file()]
    assert len([path for path in files if path.suffix == ".safetensors"]) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o666 & ~umask}


@pytest.mark.parametrize(
    "name",
    [
        "state.json", "learner.safetensors", "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kept", [None, 0, 40])
def test_a_file_that_is_missing_empty_or_cut_off(
    name: str, kept: int | None, learnt: Learnt, state: Path
) -> None:
    data = (state / name).read_bytes()
    (state / name).unlink()
    if kept is not None:
        (state / name).write_bytes(data[:kept])
    assert evaluated(learnt.asked(state)).startswith(f"{state / name}: ")


def test_a_memory_that_is_missing(learnt: Learnt, state: Path) -> None:
    (state / "memory.json").unlink()
    job = Job(learnt.about, KEY, 2)
    said = message(lambda: learnt.train(job, [state], state.parent / "out"))
    assert said == f"{state}/memory.json: no such file: run the step that makes it first"


@pytest.mark.parametrize("text", ["[]", "3", "{}", '{"settings": 3}', '{"settings": {}}'])
def test_a_record_that_is_none(text: str, learnt: Learnt, state: Path) -> None:
    (state / "state.json").write_text(text)
    assert evaluated(learnt.asked(state)).startswith(f"{state}")


@pytest.mark.parametrize("key", ["seed", "task", "method", "classes", "dataset"])
def test_a_record_without_a_key(key: str, learnt: Learnt, state: Path) -> None:
    edit(state / "state.json", lambda value: value.pop(key))
    assert evaluated(learnt.asked(state)) == f"{state}/state.json: {key}: this key is required"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lora_alpha": 16}, "adapter_config.json: lora_alpha is 1, not 16: made for another"),
        ({"r": 8}, "adapter_config.json: r is 4, not 8: made for another"),
        ({"r": None}, "adapter_config.json: r is 4, not 8: made for another"),
        ({"target_modules": ["key"]}, "target_modules is ['query', 'value'], not ['key']: made"),
    ],
)
def test_a_record_whose_tuning_was_edited(
    change: dict[str, Any], said: str, learnt: Learnt, state: Path
) -> None:
    def by(value: dict[str, Any]) -> None:
        config = value["settings"]["settings"]["tuning"]["config"]
        config.update({k: v for k, v in change.items() if v is not None})
        for key in (k for k, v in change.items() if v is None):
            del config[key]

    edit(state / "state.json", by)
    assert said in evaluated(learnt.asked(state))


def test_an_adapter_that_lacks_a_weight(learnt: Learnt, state: Path) -> None:
    path = state / "adapter" / "adapter_model.safetensors"
    weights = load_file(path)
    name = min(weights)
    kept = {n: t for n, t in weights.items() if n != name}
    save_file(kept, path)
    assert evaluated(learnt.asked(state)).startswith(f"{path}: {name} is missing: made for another")
    save_file(weights | {"more": weights[name].clone()}, path)
    assert evaluated(learnt.asked(state)).startswith(f"{path}: more is too many: made for another")
    save_file(kept | {name: weights[name][:1].contiguous()}, path)
    assert f"{path}: {name} is (1, 32), not (4, 32): made" in evaluated(learnt.asked(state))


def test_a_learner_file_of_another_learner(learnt: Learnt, state: Path) -> None:
    path = state / "learner.safetensors"
    head = load_file(path)
    save_file({"head.weight": head["head.weight"]}, path)
    assert evaluated(learnt.asked(state)).startswith(f"{path}: no 'head.bias': another learner's")
    save_file(head | {"head.weight": head["head.weight"][:, :7].contiguous()}, path)
    assert evaluated(learnt.asked(state)).startswith(f"{path}: does not fit (")
    save_file(head | {"map": head["head.weight"].clone()}, path)  # as EA-EMR keeps one
    said = (
        f"{path}: 'map' is too many: another learner's, or of another model: learn the task again"
    )
    assert evaluated(learnt.asked(state)) == said


def test_encoded_files_of_other_classes(learnt: Learnt, state: Path, tmp_path: Path) -> None:
    edit(state / "state.json", lambda value: value["classes"][0].reverse())
    said = evaluated(learnt.asked(state))
    assert said.startswith(f"{state}: learnt task 1 with classes class1, class0, but the encoded ")
    job = Job(learnt.about, KEY, 2)
    assert message(lambda: learnt.train(job, [state], tmp_path / "out")) == said


def other_weights(snapshot: Path, to: Path) -> Path:
    """Copy a model's snapshot with one weight changed: shapes and names are the same."""
    shutil.copytree(snapshot, to)
    weights = load_file(to / "model.safetensors")
    name = min(weights)
    changed = {**weights, name: weights[name] + 1}
    save_file(changed, to / "model.safetensors", metadata={"format": "pt"})
    return to


def test_another_model_than_it_was_learnt_on(learnt: Learnt, state: Path, tmp_path: Path) -> None:
    other = other_weights(learnt.world.snapshot, tmp_path / "other")
    said = f"{state}: learnt on another model than {other} now holds: give the snapshot that it was"
    assert evaluated(replace(learnt.asked(state), snapshot=other)).startswith(said)
    job, encoded = Job(learnt.about, KEY, 2), [learnt.world.encoded]
    found = message(lambda: train_task(job, other, encoded, [state], None, tmp_path / "out"))
    assert found.startswith(said)
    # a file that says where the model came from alone is no other model
    same = Path(shutil.copytree(learnt.world.snapshot, tmp_path / "same"))
    edit(same / "config.json", lambda value: value.update(transformers_version="0"))
    evaluate_state(replace(learnt.asked(state), snapshot=same), tmp_path / "m", tmp_path / "p")
    edit(same / "config.json", lambda value: value.update(layer_norm_eps=0.5))
    assert evaluated(replace(learnt.asked(state), snapshot=same)).startswith(
        f"{state}: learnt on another model than {same} now holds"
    )


def test_other_encoded_files_than_it_was_learnt_from(
    learnt: Learnt, state: Path, tmp_path: Path
) -> None:
    other = make_encoded(tmp_path, learnt.world.snapshot)
    arrays = load_file(other)
    arrays["ids"][3] += 1  # another word: the same classes, tasks and rows
    with safe_open(other, framework="pt") as file:
        save_file(arrays, other, metadata=file.metadata())
    said = f"{state}: learnt from other encoded files than {other}: give those that it was learnt"
    assert evaluated(replace(learnt.asked(state), encoded=[other])).startswith(said)
    job, snapshot = Job(learnt.about, KEY, 2), learnt.world.snapshot
    found = message(lambda: train_task(job, snapshot, [other], [state], None, tmp_path / "out"))
    assert found.startswith(said)


def test_a_part_that_comes_later_changes_nothing(learnt: Learnt, tmp_path: Path) -> None:
    first = learnt.world.encoded
    later = tmp_path / "later"
    later.write_bytes(b"whatever comes")
    state = read_state(learnt.state)
    Inputs(learnt.world.snapshot, [first, later]).check([(learnt.state, state)])
    (tmp_path / "more").write_bytes(first.read_bytes() + b"x")
    with pytest.raises(UserError, match="learnt from other encoded files"):
        Inputs(learnt.world.snapshot, [tmp_path / "more", first]).check([(learnt.state, state)])


@pytest.mark.parametrize("key", ["snapshot_sha256", "encoded_sha256"])
def test_a_state_of_an_older_version_opens(
    key: str, learnt: Learnt, state: Path, tmp_path: Path
) -> None:
    edit(state / "state.json", lambda value: value.pop(key))
    evaluate_state(learnt.asked(state), tmp_path / "m.json", tmp_path / "p")
    assert (tmp_path / "m.json").is_file()


def test_a_state_is_no_selector_and_a_selector_no_state(learnt: Learnt, state: Path) -> None:
    learner = f"--selector: learner {learnt.about.learner} has none: leave it out"
    assert evaluated(learnt.asked(state, state)) == learner
    job = Job(learnt.about, KEY, 2)
    assert message(lambda: learnt.train(job, [state], state.parent / "out", state)) == learner
    experts = state.parent / "experts"
    shutil.copytree(state, experts)

    def by(value: dict[str, Any]) -> None:
        value["settings"].update(learner="experts", replay="dynamic")

    edit(experts / "state.json", by)
    said = evaluated(learnt.asked(experts, experts))
    assert said == f"{experts}: is of stage 'train', not a selector"
    edit(experts / "state.json", lambda value: value.update(stage="select"))
    assert evaluated(learnt.asked(experts)) == f"{experts}: is of stage 'select', not a state"


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"key": replace(KEY, method="static_emr")}, "a state of method emr, not static_emr"),
        ({"key": replace(KEY, seed=2)}, "a state of seed 1, not 2"),
        ({"key": replace(KEY, dataset="other")}, "a state of dataset tiny, not other"),
        ({"about": {"replay": "dynamic"}}, "learnt with replay memory, not dynamic"),
        ({"about": {"learner": "ewc"}}, "learnt with learner linear, not ewc"),
        ({"tuning": {"r": 8}}, "learnt with settings.tuning "),
        ({"tuning": {"lora_alpha": 16}}, "learnt with settings.tuning "),
        ({"task": 3}, "--state: they are of tasks [1], but tasks [1, 2] are needed"),
    ],
)
def test_a_next_task_learnt_otherwise(
    job: dict[str, Any], said: str, learnt: Learnt, state: Path
) -> None:
    about = learnt.about.model_copy(update=job.get("about", {}))
    if "tuning" in job:
        tuning = Tuning(config={**about.settings.tuning.config, **job["tuning"]})
        about = about.model_copy(
            update={"settings": about.settings.model_copy(update={"tuning": tuning})}
        )
    asked = Job(about, job.get("key", KEY), job.get("task", 2))
    found = message(lambda: learnt.train(asked, [state], state.parent / "out"))
    assert said in found
    assert not (state.parent / "out").exists()


def test_too_few_tasks_are_encoded(learnt: Learnt, state: Path, tmp_path: Path) -> None:
    encoded = make_encoded(tmp_path, learnt.world.snapshot, tasks=1)
    job = Job(learnt.about, KEY, 2)
    out = tmp_path / "out"
    said = message(lambda: train_task(job, learnt.world.snapshot, [encoded], [state], None, out))
    assert said == "task 2: the encoded files hold 1 tasks: give all parts"


@pytest.mark.parametrize(
    ("task", "options", "said"),
    [
        (3, {}, "--previous: a selector goes on from that of the task before: give it"),
        (2, {"expert_init": "shared"}, "--state: expert_init: shared: a selector starts from an"),
        (2, {"expert_init": "selector"}, "--state: expert_init: selector: a selector starts from"),
    ],
)
def test_a_selector_is_not_begun_anew_where_it_goes_on_from_something(
    task: int, options: dict[str, Any], said: str, learnt: Learnt, tmp_path: Path
) -> None:
    world = learnt.world
    chosen = {"learner": "experts", "replay": "dynamic", "options": options}
    about = learnt.about.model_copy(update=chosen)
    job = Job(about, KEY, task)
    out = tmp_path / "selector"
    line = message(lambda: train_selector(job, world.snapshot, [world.encoded], [], None, out))
    assert line.startswith(said)
    assert not out.exists()


def test_a_selector_is_trained_with_the_memory(
    learnt: Learnt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a replay keeps one; of ours, those that do want features that experts do not have."""
    remembered: list[int] = []

    class Keeps(Reservoir):
        def mixed(self, arrived: Arrived, rng: np.random.Generator, redraw: bool) -> Plan:
            remembered.append(len(arrived.memory.train))
            return super().mixed(arrived, rng, redraw)

    for module in ("conpet.commands.job_run", "conpet.learners.assembly"):
        monkeypatch.setattr(f"{module}.replay_class", lambda name: Keeps)
    world, key = learnt.world, replace(KEY, method="mine")
    about = learnt.about.model_copy(update={"learner": "experts", "replay": "reservoir"})
    state, out = tmp_path / "state", tmp_path / "selector"
    train_task(Job(about, key, 1), world.snapshot, [world.encoded], [], None, state)
    job = Job(about, key, 2)
    said = message(lambda: train_selector(job, world.snapshot, [world.encoded], [], None, out))
    assert said.startswith("--state: replay reservoir keeps a memory: give the states of all tasks")
    train_selector(job, world.snapshot, [world.encoded], [state], None, out)
    kept = read_json(state / "memory.json")
    assert remembered == [len(kept["train"])] and remembered[0] > 0
