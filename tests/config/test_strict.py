"""Reading YAML, merging sections, and naming what was meant."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest

from conpet.config.dataset import Dataset
from conpet.config.method import Method
from conpet.config.model import Model
from conpet.config.settings import Settings
from conpet.config.strict import choose, merge, read_yaml, validate
from conpet.errors import UserError
from tests.config.conftest import FILES
from tests.yaml_text import to_yaml


def read(tmp_path: Path, text: str) -> dict[str, Any]:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml(path)


@pytest.mark.parametrize(
    ("written", "number"),
    [("1e-3", 1e-3), ("5E-4", 5e-4), ("-2e5", -2e5), ("1.e-2", 1e-2), ("1.5e-2", 1.5e-2)],
)
def test_a_number_without_a_dot_is_a_number(tmp_path: Path, written: str, number: float) -> None:
    value = read(tmp_path, f"a: {written}\n")["a"]
    assert isinstance(value, float)
    assert value == number


@pytest.mark.parametrize("written", ["e5", "1e", "1e5a", "'1e-3'", "86b5e0934494", "v1e3"])
def test_text_stays_text(tmp_path: Path, written: str) -> None:
    assert read(tmp_path, f"a: {written}\n")["a"] == written.strip("'")


def test_the_same_key_in_two_sections_is_no_mistake(tmp_path: Path) -> None:
    text = "a: {k: 1}\nb: {k: 1}\nc: [{k: 1}, {k: 2}]\n"
    assert read(tmp_path, text) == {"a": {"k": 1}, "b": {"k": 1}, "c": [{"k": 1}, {"k": 2}]}


def test_anchors_and_merge_keys(tmp_path: Path) -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n"
    assert read(tmp_path, text)["b"] == {"x": 1, "y": 3}


def test_merge_goes_section_by_section_and_leaves_its_arguments_alone() -> None:
    base = {"a": {"b": {"c": 1, "d": 2}, "e": [1, 2]}, "f": 3}
    top = {"a": {"b": {"c": 9}, "e": [7]}, "g": 4}
    kept = copy.deepcopy((base, top))
    assert merge(base, top) == {"a": {"b": {"c": 9, "d": 2}, "e": [7]}, "f": 3, "g": 4}
    assert (base, top) == kept


def test_merge_replaces_a_section_of_another_type() -> None:
    base = {"tuning": {"type": "LORA", "config": {"r": 4, "lora_alpha": 1}}}
    assert merge(base, {"tuning": {"type": "IA3"}})["tuning"] == {"type": "IA3"}
    same = merge(base, {"tuning": {"type": "LORA", "config": {"r": 8}}})["tuning"]
    assert same == {"type": "LORA", "config": {"r": 8, "lora_alpha": 1}}
    unnamed = merge(base, {"tuning": {"config": {"r": 8}}})["tuning"]
    assert unnamed == same


def test_merge_replaces_values_by_task() -> None:
    assert merge({"lr": {1: 0.1, 3: 0.2}}, {"lr": {1: 0.3}}) == {"lr": {1: 0.3}}
    assert merge({"lr": 0.1}, {"lr": {1: 0.3}}) == {"lr": {1: 0.3}}
    assert merge({"lr": {1: 0.3}}, {"lr": 0.1}) == {"lr": 0.1}


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("emrr", ["emr", "ewc"], "f.yaml: unknown method 'emrr': did you mean 'emr'?"),
        ("zzz", ["ewc", "emr"], "f.yaml: unknown method 'zzz': known: emr, ewc"),
        ("zzz", [], "f.yaml: unknown method 'zzz': none is known"),
        ("", ["emr"], "f.yaml: unknown method '': known: emr"),
    ],
)
def test_choose_says_what_there_is(name: str, known: list[str], expected: str) -> None:
    with pytest.raises(UserError) as caught:
        choose("method", name, known, "f.yaml")
    assert str(caught.value) == expected
    choose("method", "emr", ["emr"], "f.yaml")


JUNK: list[Any] = [
    None, True, 0, -1, 3.5, float("nan"), "", "x", "line\nbreak", [], [[]], {}, {"x": 1}, {1: 2},
    {None: 1}, [None], "ü" * 200, {"type": "x"}, {"kind": "hub"}, {"file": 1, "seed": 2},
]  # fmt: skip


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the ways to every key of a nested value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, inner in items:
        found.append((*way, key))
        if isinstance(inner, dict | list):
            found += places(inner, (*way, key))
    return found


def spoil(value: Any, rng: random.Random) -> None:
    """Replace, remove, rename or add one key somewhere."""
    way = rng.choice(places(value))
    for key in way[:-1]:
        value = value[key]
    last = way[-1]
    match rng.choice(["replace", "replace", "remove", "rename", "add"]):
        case "replace":
            value[last] = copy.deepcopy(rng.choice(JUNK))
        case "remove":
            del value[last]
        case "rename" if isinstance(value, dict):
            value[f"{last}s"] = value.pop(last)
        case "add" if isinstance(value, dict):
            value[rng.choice(["extra", "seed", "type", 7])] = copy.deepcopy(rng.choice(JUNK))


SUBJECTS: list[tuple[Any, dict[str, Any]]] = [
    (Dataset, FILES["datasets/made.yaml"] | {"split": {"scheme": "official"}}),
    (Dataset, FILES["datasets/given.yaml"]),
    (Method, FILES["methods/penalty.yaml"]),
    (Model, FILES["models/small.yaml"]),
    (Settings, Settings().model_dump() | {"training": {"lr": {1: 0.1, 2: 0.2}}}),
]


@pytest.mark.parametrize("number", range(len(SUBJECTS)))
def test_no_spoilt_config_breaks_the_messages(number: int) -> None:
    schema, right = SUBJECTS[number]
    validate(schema, copy.deepcopy(right), "f.yaml")
    rng = random.Random(number)
    refused = 0
    for _ in range(400):
        value = copy.deepcopy(right)
        for _ in range(rng.choice([1, 1, 2, 3])):
            spoil(value, rng)
        try:
            validate(schema, value, "f.yaml")
        except UserError as error:
            refused += 1
            message = str(error)
            assert message.startswith("f.yaml: "), message
            assert len(message.splitlines()) == 1, message
            assert "[key]" not in message and "constrained" not in message, message
    assert refused > 200


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    for value in FILES.values():
        assert read(tmp_path, to_yaml(value)) == value
