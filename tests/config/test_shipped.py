"""The config folder that comes with the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conpet.commands.checks import open_experiment
from conpet.config import Dataset, Method, Model
from conpet.config.dataset import ClassOrder, FileOrder
from conpet.config.head import Head
from conpet.config.strict import merge, read_yaml, validate
from conpet.data import readers
from conpet.learners import check_method
from tests.conftest import ROOT

CONFIG = ROOT / "config"
SIZES = {
    "fewnerd": [7] * 6 + [6] * 4,
    "ontonotes": [9] * 6 + [8] * 4,
    "bbn": [5] * 6 + [4] * 4,
    "fewrel": [8] * 10,
    "tacred": [5] + [4] * 9,
    "ace": [4, 4, 4, 3, 3],
}


def files(folder: str) -> list[Path]:
    found = sorted((CONFIG / folder).glob("*.yaml"))
    assert found
    return found


@pytest.mark.parametrize("path", files("datasets"), ids=lambda p: p.stem)
def test_dataset(path: Path) -> None:
    dataset = validate(Dataset, read_yaml(path), str(path))
    readers.check_options(dataset.format, dataset.options)
    if isinstance(dataset.order, FileOrder):
        assert (CONFIG / "class_orders" / f"{dataset.order.file}.json").is_file()


@pytest.mark.parametrize("path", files("models"), ids=lambda p: p.stem)
def test_model(path: Path) -> None:
    model = validate(Model, read_yaml(path), str(path))
    assert model.lora_targets


@pytest.mark.parametrize("path", files("methods"), ids=lambda p: p.stem)
def test_method(path: Path) -> None:
    check_method(validate(Method, read_yaml(path), str(path)), str(path))


@pytest.mark.parametrize("path", files("experiments"), ids=lambda p: p.stem)
def test_experiment(path: Path) -> None:
    experiment = open_experiment(path.stem, CONFIG)
    for name in experiment.datasets:
        assert experiment.tasks(name) >= 1


@pytest.mark.parametrize("path", files("experiments"), ids=lambda p: p.stem)
def test_no_two_methods_of_an_experiment_are_one_setting(path: Path) -> None:
    """Two rows that are the same run twice look like two findings."""
    experiment = open_experiment(path.stem, CONFIG)
    dataset, model = next(iter(experiment.datasets)), next(iter(experiment.models))
    methods: dict[str, str] = {}
    for method in experiment.methods:
        rate = experiment.settings(dataset, model, method).training.lr
        text = f"{experiment.learn(dataset, model, method, 1).text()} {rate}"
        assert methods.setdefault(text, method) == method


@pytest.mark.parametrize("name", SIZES)
def test_class_order(name: str) -> None:
    path = CONFIG / "class_orders" / f"{name}.json"
    order = validate(ClassOrder, json.loads(path.read_text()), str(path))
    assert [len(names) for names in order.tasks] == SIZES[name]
    classes = [c for names in order.tasks for c in names]
    assert len(set(classes)) == len(classes)


@pytest.mark.parametrize(
    ("first", "second", "more"),
    [
        ("lda", "lda_layers", {"layers": 1}),
        ("static_plus", "static_plus_layers", {"layers": 1}),
        ("static_plus_layers", "static_plus_mean", {"adapter": "last"}),
        ("static_plus_mean", "static_plus_beside", {"beside": "none"}),
        ("dynamic_plus", "dynamic_plus_layers", {}),
    ],
)
def test_a_method_that_reads_more_differs_in_that_alone(
    first: str, second: str, more: dict[str, Any]
) -> None:
    one, deep = (
        validate(Method, read_yaml(path), str(path))
        for path in (CONFIG / "methods" / f"{name}.yaml" for name in (first, second))
    )
    assert (deep.learner, deep.replay) == (one.learner, one.replay)
    options = {k: v for k, v in deep.options.items() if k != "layers"}
    settings, plain = merge({}, deep.settings), merge({}, one.settings)
    if more:
        head = Head.model_validate(settings["head"])
        settings["head"] = head.model_copy(update=more).model_dump()
        plain["head"] = Head.model_validate(plain["head"]).model_dump()
    assert (options, settings) == (one.options, plain)


def test_a_selector_of_the_history_differs_in_what_it_is_fitted_on_alone() -> None:
    one, whole = (
        read_yaml(CONFIG / "methods" / f"dynamic_plus_{name}.yaml")["options"]
        for name in ("layers", "history_layers")
    )
    assert (one.pop("selector_least"), whole.pop("selector_fit")) == (20, "history")
    assert one == whole
