"""How settings are layered, and what each stage depends on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from conpet.commands.checks import LibraryChecks
from conpet.config import Experiment
from conpet.config.checks import Checks
from conpet.config.dataset import Outside
from conpet.config.raw import RawFile
from conpet.config.settings import Settings
from conpet.config.stages import Learn, PublishedOrder
from conpet.config.strict import validate_text
from tests.config.conftest import ORDER, SHA, Project

E = "experiments/e.yaml"
CELL = ("made", "small", "many")
STAGES: dict[str, tuple[Any, ...]] = {
    "fetch_model": ("small",),
    "fetch_dataset": ("made", "base"),
    "prepare": ("made", "base"),
    "split": ("made", "base"),
    "encode": ("made", "small"),
    "learn": (*CELL, 2),
    "evaluate": CELL,
}


def params(experiment: Experiment) -> dict[str, str]:
    return {stage: getattr(experiment, stage)(*keys).text() for stage, keys in STAGES.items()}


def changed(project: Project, file: str, key: str, value: Any) -> set[str]:
    """Return the stages whose params change with one key."""
    before = params(project.load())
    project.set(file, key, value)
    after = params(project.load())
    return {stage for stage in STAGES if before[stage] != after[stage]}


def test_defaults_hold_where_nothing_is_said(project: Project) -> None:
    project.set(E, "settings", {})
    assert project.load().settings("made", "small", "plain") == Settings()


def test_precedence(project: Project) -> None:
    def batch() -> tuple[int, int]:
        training = project.load().settings("made", "small", "plain").training
        return training.batch_size, training.epochs

    assert batch() == (8, 2)
    project.set(E, "settings.training.batch_size", 16)
    assert batch() == (16, 2)
    project.set("methods/plain.yaml", "settings.training.batch_size", 32)
    assert batch() == (32, 2)
    first = {"methods": ["plain"], "settings": {"training": {"batch_size": 64}}}
    project.set(E, "overrides", [first])
    assert batch() == (64, 2)
    project.set(E, "overrides", [first, {"settings": {"training": {"batch_size": 4}}}])
    assert batch() == (4, 2)  # the later override is the last word


@pytest.mark.parametrize(
    ("where", "cells"),
    [
        ({}, 8),
        ({"datasets": ["made"]}, 4),
        ({"methods": ["plain", "many"]}, 4),
        ({"datasets": ["given"], "models": ["small"], "methods": ["plain"]}, 1),
    ],
)
def test_an_override_is_for_its_cells_only(
    project: Project, where: dict[str, Any], cells: int
) -> None:
    project.set(E, "overrides", [{**where, "settings": {"replay": {"batches": 7}}}])
    e = project.load()
    found = [
        (d, m, x)
        for d in e.datasets
        for m in e.models
        for x in e.methods
        if e.settings(d, m, x).replay.batches == 7
    ]
    assert len(found) == cells
    assert all(d in where.get("datasets", e.datasets) for d, _, _ in found)
    assert all(x in where.get("methods", e.methods) for _, _, x in found)


def test_a_rate_by_task_replaces_and_is_replaced(project: Project) -> None:
    project.set(E, "settings.training.lr", {1: 0.5, 3: 0.1})
    rate = project.load().settings("made", "small", "plain").training.rate
    assert [rate(t) for t in (1, 2, 3, 9)] == [0.5, 0.5, 0.1, 0.1]
    project.set("methods/plain.yaml", "settings.training.lr", {1: 0.2})
    rate = project.load().settings("made", "small", "plain").training.rate
    assert [rate(t) for t in (1, 3)] == [0.2, 0.2]
    project.set("methods/plain.yaml", "settings.training.lr", 0.3)
    assert project.load().settings("made", "small", "plain").training.rate(3) == 0.3


def test_a_later_rate_leaves_the_earlier_tasks_alone(project: Project) -> None:
    def tasks() -> list[Learn]:
        e = project.load()
        return [e.learn(*CELL, t) for t in range(1, 6)]

    project.set(E, "settings.training.lr", {1: 0.5, 4: 0.1})
    before = tasks()
    assert [p.settings.training.lr for p in before] == [0.5, 0.5, 0.5, 0.1, 0.1]
    project.set(E, "settings.training.lr", {1: 0.5, 4: 0.2})
    after = tasks()
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, True, False, False]


LEARNING = {"learn"}


@pytest.mark.parametrize(
    ("file", "key", "value", "stages"),
    [
        (E, "settings.training.lr", 0.5, LEARNING),
        (E, "settings.replay.batches", 9, LEARNING),
        (E, "settings.memory.per_class", 9, LEARNING),
        (E, "settings.compute.threads", 2, LEARNING | {"evaluate"}),
        (E, "settings.encoding.max_length", 64, {"encode"}),
        (E, "seeds", [4], set()),
        (E, "title", "Another", set()),
        ("methods/many.yaml", "options.top_k", 2, LEARNING),
        ("methods/many.yaml", "title", "Another", set()),
        ("datasets/made.yaml", "generator.train", 9, {"fetch_dataset"}),
        ("datasets/made.yaml", "order.tasks", 4, {"split"}),
        ("datasets/made.yaml", "split.scheme", "per_class", {"split"}),
        ("datasets/made.yaml", "template", "{head} {mask}", {"encode"}),
        ("datasets/made.yaml", "citation", "N. N.", set()),
        ("datasets/given.yaml", "kind", "entity", set()),
        ("models/small.yaml", "source.path", "other", {"fetch_model"}),
        ("models/small.yaml", "pooling", "last", LEARNING | {"encode"}),
        (E, "settings.encoding.max_cloze_words", 9, {"encode"}),
        ("datasets/made.yaml", "duplicates", "drop", {"prepare"}),
        ("datasets/made.yaml", "shots", 5, LEARNING),
        ("datasets/made.yaml", "split.validation", False, LEARNING | {"split"}),
    ],
)
def test_a_stage_depends_on_its_own_settings_only(
    project: Project, file: str, key: str, value: Any, stages: set[str]
) -> None:
    assert changed(project, file, key, value) == stages


def test_a_stage_comes_back_from_its_text(project: Project) -> None:
    project.set(E, "settings.training.lr", {1: 0.5, 4: 0.1})
    e = project.load()
    for stage, keys in {**STAGES, "package": CELL, "track": CELL, "matrix": ()}.items():
        value = getattr(e, stage)(*keys)
        assert validate_text(type(value), value.text().encode(), stage) == value


def test_a_matrix_keeps_the_order_of_its_methods(project: Project) -> None:
    methods = ["replaying", "plain", "many"]
    project.set(E, "methods", methods)
    told = project.load().matrix()
    assert list(validate_text(type(told), told.text().encode(), "matrix").methods) == methods


def test_another_revision_of_a_learner_makes_its_tasks_anew(project: Project) -> None:
    class Newer(Checks):
        def __init__(self, newer: str) -> None:
            self.newer = newer

        def revisions(self, learner: str, replay: str, head: str) -> dict[str, int]:
            return {"learner": 1, "replay": 1, "head": 1, self.newer: 2}

    texts = []
    for checks in (Checks(), *map(Newer, ("learner", "replay", "head", "trained"))):
        experiment = project.load()
        experiment.check(checks)
        texts.append(experiment.learn(*CELL, 1).text())
    assert "revision" not in texts[0]
    assert '"revision": 2' in texts[1]
    assert '"replay_revision": 2' in texts[2]
    assert '"head_revision": 2' in texts[3]
    assert '"trained_head_revision": 2' in texts[4]
    found = [LibraryChecks().revisions(name, "none", "lda") for name in ("linear", "contrastive")]
    assert found == [{"learner": n, "replay": 1, "head": 1, "trained": 1} for n in (1, 2)]
    assert "trained" not in LibraryChecks().revisions("linear", "none", "softmax")


def test_what_is_fitted_after_a_newer_training_is_that_of_the_head_it_trains(
    project: Project,
) -> None:
    class Newer(Checks):
        def revisions(self, learner: str, replay: str, head: str) -> dict[str, int]:
            return {"head": 2} if head == "softmax" else {"head": 1, "trained": 2}

    found = {}
    for head in ("softmax", "lda"):
        project.set("methods/plain.yaml", "settings.head", head)
        experiment = project.load()
        experiment.check(Newer())
        found[head] = experiment.learn("made", "small", "plain", 1)
    assert found["softmax"].training() == found["lda"].training()
    assert (
        found["lda"].training()
        != found["lda"].model_copy(update={"trained_head_revision": 1}).training()
    )


def test_what_is_a_default_is_in_no_text(project: Project) -> None:
    """A new key with its default then changes no text, and no job is run again."""
    project.set(E, "settings", {})
    before = params(project.load())
    hash_before = project.load().sha256()
    assert json.loads(before["learn"]) == {
        "learner": "experts", "lora_targets": ["query", "value"], "replay": "dynamic",
    }  # fmt: skip
    assert before["evaluate"] == "{}"
    project.set(E, "settings", Settings().model_dump())
    assert params(project.load()) == before
    assert project.load().sha256() == hash_before


def test_a_published_order_is_part_of_the_split(project: Project) -> None:
    before = project.load().split("given", "base")
    assert before.order == PublishedOrder(tasks=ORDER["tasks"])
    project.write("class_orders/given.json", json.dumps({**ORDER, "tasks": [["a"], ["b"]]}))
    assert project.load().split("given", "base").order == PublishedOrder(tasks=[["a"], ["b"]])


def test_tasks_and_parts(project: Project) -> None:
    e = project.load()
    assert [e.tasks("made"), e.tasks("given")] == [5, 4]
    assert [e.part_of("given", t) for t in (1, 3, 4)] == ["base", "base", "add1"]
    assert e.parts("given") == ["base", "add1"]
    assert e.parts("given", 3) == ["base"]
    assert e.split("given", "add1").classes == ["late"]
    assert e.prepare("given", "add1").files == [RawFile(name="b.txt")]
    project.set(E, "tasks", 2)
    cut = project.load()
    assert [cut.tasks("made"), cut.tasks("given")] == [2, 2]
    assert cut.parts("given") == ["base"]
    project.set(E, "tasks", 99)
    assert project.load().tasks("given") == 4  # no more than there are


def test_an_addition_leaves_the_base_alone(project: Project) -> None:
    stages = ("fetch_dataset", "prepare", "split")
    before = [getattr(project.load(), stage)("given", "base") for stage in stages]
    new = {"files": [{"name": "c.txt"}], "classes": ["later"]}
    project.set("datasets/given.yaml", "additions", [new])
    assert [getattr(project.load(), stage)("given", "base") for stage in stages] == before


def changes(project: Project) -> list[Callable[[], None]]:
    other = json.dumps({**ORDER, "tasks": [["a"], ["b"]]})
    return [
        lambda: project.set(E, "settings.training.eps", 0.1),
        lambda: project.set(E, "seeds", [7]),
        lambda: project.set(E, "tasks", 2),
        lambda: project.set("methods/penalty.yaml", "options.strength", 11),
        lambda: project.set("models/small.yaml", "pooling", "mean"),
        lambda: project.set("datasets/made.yaml", "generator.seed", 1),
        lambda: project.write("class_orders/given.json", other),
    ]


@pytest.mark.parametrize("number", range(7))
def test_the_hash_changes_with_whatever_matters(project: Project, number: int) -> None:
    before = project.load().sha256()
    assert project.load().sha256() == before
    changes(project)[number]()
    assert project.load().sha256() != before


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        (E, "title", "Another"),
        ("methods/many.yaml", "title", "Another"),
        ("methods/many.yaml", "look", {"color": "#000000"}),
        ("methods/many.yaml", "against", ["plain"]),
        ("datasets/made.yaml", "title", "Another"),
        ("datasets/made.yaml", "licence", "another"),
        ("datasets/made.yaml", "homepage", "https://example.org"),
        ("models/small.yaml", "licence", "another"),
    ],
)
def test_the_hash_does_not_change_with_what_is_only_shown(
    project: Project, file: str, key: str, value: Any
) -> None:
    before = project.load().sha256()
    project.set(file, key, value)
    assert project.load().sha256() == before


def test_texts_of_no_class_are_said_to_what_packages(project: Project) -> None:
    outside, own = {"file": "o.json", "key": "oos"}, {"name": "a.txt", "sha256": SHA}
    project.set("datasets/given.yaml", "files", [own, {"name": "o.json", "sha256": SHA}])
    project.set("datasets/given.yaml", "outside", outside)
    experiment = project.load()
    assert experiment.package("given", "small", "plain").outside == Outside(**outside)
    assert experiment.package("made", "small", "plain").outside is None
