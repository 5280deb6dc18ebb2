"""Streams other than a set cut into classes: shared labels, no validation, few shots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conpet.config import Method, Model
from conpet.config.settings import Settings
from conpet.config.strict import read_yaml, validate
from conpet.data.encoding import encode_part
from conpet.data.stream import Stream
from conpet.data.tokenizer import open_tokenizer
from conpet.errors import UserError
from conpet.learners import check_settings, learner_class, names, refit
from tests.conftest import ROOT
from tests.tiny import CLASSES, ENCODE, World, make_samples, make_snapshot

NAMES = ["even", "odd"]
QUICK: dict[str, Any] = {"training": {"epochs": 1}}


class Domains(World):
    """Three tasks of other words, with the same two classes; nothing to choose by."""

    validation = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.snapshot = make_snapshot(folder / "model")
        self.encoded = folder / "domains.safetensors"
        samples = [
            replace(s, label=NAMES[int(s.label.removeprefix("class")) % 2]) for s in make_samples()
        ]
        per_class = len(samples) // CLASSES
        tasks = []
        for t in range(3):
            rows = range(2 * t * per_class, 2 * (t + 1) * per_class)
            cut = {k: [r for r in rows if samples[r].split == k] for k in ("train", "test")}
            tasks.append({"task": t + 1, "classes": NAMES, **cut, "valid": []})
        encode_part(samples, tasks, ENCODE, open_tokenizer(self.snapshot), self.encoded)

    def stream(self, task: int, encoded: Path | None = None) -> Stream:
        return replace(super().stream(task, encoded), validation=self.validation)


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> Domains:
    return Domains(tmp_path_factory.mktemp("domains"))


def test_shared_classes_keep_their_numbers(domains: Domains) -> None:
    stream = domains.stream(2)
    assert (stream.names, stream.seen, stream.coming) == (NAMES, 2, 0)
    assert stream.class_task.tolist() == [1, 1]
    assert [stream.columns(t).tolist() for t in (1, 2)] == [[0, 1], [0, 1]]
    assert (stream.known(0), stream.known(1), stream.known(2)) == (0, 2, 2)
    assert (stream.shared, stream.scenario) == (True, "domain-incremental")
    assert set(stream.label.tolist()) == {0, 1}
    with pytest.raises(UserError, match="several tasks have the same"):
        stream.class_range(2)


def test_the_scenario_is_of_the_whole_stream(domains: Domains, world: World) -> None:
    assert domains.stream(1).scenario == "domain-incremental"
    assert world.stream(1).scenario == "class-incremental"
    # nothing is known to come after it
    assert replace(domains.stream(1), later=[]).scenario == "one task"


def test_classes_of_their_own_are_ranges(world: World) -> None:
    stream = world.stream(3)
    assert [stream.class_range(t) for t in (1, 2, 3)] == [(0, 2), (2, 4), (4, 6)]
    assert stream.columns(3).tolist() == [4, 5]
    assert (stream.known(2), world.stream(1).coming) == (4, 4)
    assert (stream.shared, stream.scenario) == (False, "class-incremental")


@pytest.mark.parametrize("learner", names())
def test_every_learner_learns_domains_without_validation(
    learner: str, domains: Domains, tmp_path: Path
) -> None:
    replays = ["dynamic"] if learner_class(learner).needs_old else ["none", "dynamic"]
    head = {"head": "lda"} if learner == "seq" else {}  # what it trains is held after task 1
    for replay in replays:
        domains.run(learner, tmp_path / replay, tasks=2, replay=replay, **head, **QUICK)
        newest = domains.newest
        indices = newest.stream.of("test", [1, 2])
        found = newest.predict(indices)
        assert found.scores.shape == (len(indices), 2)
        assert torch.allclose(found.scores.exp().sum(1), torch.ones(len(indices)), atol=1e-5)
        assert set(newest.predict_in_task(indices, found)) <= {0, 1}
        # nothing was chosen: the last epoch is kept
        if learner != "seq":
            assert newest.history.best_epoch == newest.history.epochs[-1]["epoch"]
        assert all(entry["valid_accuracy"] is None for entry in newest.history.epochs)


def test_seq_is_refused_where_classes_come_again_and_nothing_would_be_learnt() -> None:
    method = Method(title="x", learner="seq", replay="none")
    model = validate(Model, read_yaml(ROOT / "config/models/minilm.yaml"), "model")
    said = "seq: where classes come again nothing of them is learnt after task 1"
    with pytest.raises(UserError, match=f"^x: {said}"):
        check_settings(method, Settings(), model, "x", shared=True)
    check_settings(method, Settings(), model, "x", shared=False)
    fitted = Settings.model_validate({"head": "lda"})
    check_settings(method, fitted, model, "x", shared=True)


def test_exemplars_all_serve_training_where_nothing_is_validated(
    domains: Domains, tmp_path: Path
) -> None:
    domains.run("linear", tmp_path, tasks=2, replay="memory", **QUICK)
    memory = domains.newest.keep()
    # four of each class and task: a class that comes again is kept of both
    assert (len(memory.train), len(memory.valid)) == (16, 0)


def test_what_lacks_validation_by_accident_is_refused(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domains, "validation", True)
    with pytest.raises(UserError, match="task 1: no validation sample"):
        domains.learner("linear", 1).train()


def test_where_the_task_is_given_its_own_classes_compete(world: World, tmp_path: Path) -> None:
    for learner in ("linear", "experts"):
        world.run(learner, tmp_path / learner, replay="dynamic", **QUICK)
        newest = world.newest
        indices = newest.stream.of("test", [1, 2, 3])
        found = newest.predict(indices)
        given = newest.predict_in_task(indices, found)
        assert (newest.stream.class_task[given] == newest.stream.task[indices]).all()
        labels = newest.stream.label[indices]
        right, whole = given == labels, found.labels() == labels
        if learner == "linear":
            assert (right | ~whole).all()  # what is best of all is best of its own
        else:
            routed = found.selected[:, 0] == newest.stream.task[indices]  # type: ignore[index]
            assert (given == found.labels())[routed].all()
            assert right.mean() > whole.mean()


def test_a_few_shots_are_drawn_by_the_seed(world: World) -> None:
    stream = world.stream(2)

    def seeds(seed: int) -> Any:
        return lambda *purpose: seed + sum(map(len, map(str, purpose)))

    few = stream.drawn(5, seeds(1))
    train = few.of("train", [1, 2])
    assert np.bincount(stream.label[train]).tolist() == [5] * 4
    assert train.tolist() != few.of("train", [1]).tolist()
    assert few.drawn(5, seeds(1)).of("train", [1, 2]).tolist() == train.tolist()
    assert stream.drawn(5, seeds(2)).of("train", [1, 2]).tolist() != train.tolist()
    for split in ("valid", "test"):
        assert few.of(split, [1, 2]).tolist() == stream.of(split, [1, 2]).tolist()
    # a task is drawn alike whatever follows it
    assert world.stream(1).drawn(5, seeds(1)).of("train", [1]).tolist() == [
        i for i in train if stream.task[i] == 1
    ]


@pytest.mark.parametrize("tuning", ["none", "LORA"])
def test_so_many_samples_of_a_class_that_comes_again_are_so_many(
    tuning: str, domains: Domains, tmp_path: Path
) -> None:
    """Of all tasks alike, and those of earlier tasks among those drawn before."""
    keys: dict[str, Any] = {"head": {"type": "ncm", "samples": 4}, "tuning": {"type": tuning}}
    domains.run("linear", tmp_path, replay="full", **keys, **QUICK)
    newest: Any = domains.newest
    assert newest.refit.head.count.tolist() == [4, 4]
    drawn = []
    for task in (1, 2, 3):
        made: Any = domains.learner("linear", task, **keys)
        drawn.append(made.refit.samples(made.plan()))
        assert np.bincount(made.stream.label[drawn[-1]]).tolist() == [4, 4]
        tasks = made.stream.task[drawn[-1]]
        assert len(np.unique(tasks)) == task
        if task > 1:
            old = drawn[-1][tasks < task]
            assert np.isin(old, drawn[-2]).all()


def test_what_is_kept_of_a_class_that_comes_again_is_of_all_its_tasks(
    domains: Domains, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: dict[str, Any] = {"head": {"type": "lda", "samples": "kept"}, "replay": "dynamic"}
    states = domains.run("linear", tmp_path, **keys, **QUICK)
    newest: Any = domains.newest
    stream, head = newest.stream, newest.refit.head
    train = stream.of("train", [1, 2, 3])
    assert head.count.tolist() == np.bincount(stream.label[train]).tolist()
    features = newest.representations(train)  # where the samples of all tasks lie now
    means = np.stack([features[stream.label[train] == c].mean(axis=0) for c in (0, 1)])
    off = np.linalg.norm(head.mean - means)
    with monkeypatch.context() as patched:  # had they not followed
        width = features.shape[1]
        patched.setattr(refit, "drift", lambda *_: (np.eye(width), np.zeros(width)))
        domains.run("linear", tmp_path / "left", **keys, **QUICK)
    left: Any = domains.newest
    assert off < 0.1 * np.linalg.norm(left.refit.head.mean - means)
    again: Any = domains.learner("linear", 3, **keys)
    again.load(states, None)
    texts = stream.of("test", [1, 2, 3])
    assert torch.equal(again.predict(texts).scores, newest.predict(texts).scores)


@pytest.mark.parametrize(
    "options",
    [{"temperature": True}, {"expert_head": "lda"}, {"expert_init": "shared"},
     {"expert_init": "selector"}, {"selector": "classes"}, {"routing": "soft"}],
)  # fmt: skip
def test_experts_that_need_classes_of_one_task_are_refused_where_they_come_again(
    options: dict[str, Any], domains: Domains
) -> None:
    with pytest.raises(UserError, match=f"says no task: leave {next(iter(options))} at "):
        domains.learner("experts", 2, replay="dynamic", options=options)
