"""PEFT's own types and fields are checked before any job starts."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from conpet.config.settings import Settings, Tuning
from conpet.errors import UserError
from conpet.models.tuning import check
from tests.config.conftest import Project

E = "experiments/e.yaml"


def tuning(project: Project) -> Tuning:
    return project.load().settings("made", "small", "plain").tuning


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, Tuning()),
        ({"type": "LORA"}, Tuning()),
        ({"config": {"r": 8}}, {"r": 8, "lora_alpha": 1, "lora_dropout": 0.0}),
        ({"type": "LORA", "config": {"r": 8}}, {"r": 8, "lora_alpha": 1, "lora_dropout": 0.0}),
        ({"type": "IA3"}, {}),
        ({"type": "full"}, {}),
        ({"type": "OFT", "config": {"r": 2, "oft_block_size": 0}}, {"r": 2, "oft_block_size": 0}),
    ],
)
def test_a_type_brings_its_own_fields_only(project: Project, value: Any, expected: Any) -> None:
    project.set(E, "settings.tuning", value)
    found = tuning(project)
    assert found.type == value.get("type", "LORA")
    assert found.config == (expected.config if isinstance(expected, Tuning) else expected)


def test_another_type_replaces_the_whole_section(project: Project) -> None:
    project.set(E, "settings.tuning", {"config": {"r": 16}})
    project.set("methods/plain.yaml", "settings.tuning", {"type": "IA3"})
    assert tuning(project) == Tuning(type="IA3", config={})
    assert project.load().settings("made", "small", "many").tuning.config["r"] == 16


def test_lora_after_another_type_starts_from_the_same_defaults(project: Project) -> None:
    project.set(E, "settings.tuning", {"type": "full"})
    project.set("methods/plain.yaml", "settings.tuning", {"type": "LORA", "config": {"r": 8}})
    assert tuning(project).config == {"r": 8, "lora_alpha": 1, "lora_dropout": 0.0}


def test_what_a_base_says_of_lora_stays_where_its_variant_names_it(project: Project) -> None:
    project.set("methods/plain.yaml", "settings.tuning", {"config": {"r": 16}})
    named = {"type": "LORA", "config": {"lora_alpha": 32}}
    for name, said in {"short": {"config": named["config"]}, "long": named}.items():
        own = {"base": "plain", "settings": {"tuning": said}}
        project.set(E, "methods", {"variant": own})
        found = project.load().settings("made", "small", "variant").tuning
        assert found.config == {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0}, name


def test_a_job_is_told_fields_of_another_type_that_look_like_loras() -> None:
    same = Tuning(type="SUPERTUNING", config=Tuning().config)
    text = Settings(tuning=same).model_dump_json(exclude_defaults=True)
    assert Settings.model_validate_json(text).tuning == same


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"type": "LORRA"}, "tuning.type: unknown PEFT type 'LORRA': did you mean 'LORA'?"),
        ({"type": "FULL"}, "tuning.type: unknown PEFT type 'FULL': known: "),
        ({"config": {"lora_alfa": 3}}, "unknown field of LORA 'lora_alfa': did you mean 'lora_a"),
        ({"type": "IA3", "config": {"r": 3}}, "tuning.config: unknown field of IA3 'r': known: "),
        (
            {"type": "full", "config": {"r": 3}},
            "tuning.config: full has no fields: leave config",
        ),
        ({"tpye": "LORA"}, "tuning.tpye: unknown key: did you mean 'type'?"),
        ({"type": 3}, "tuning.type: expected text, found 3"),
        ({"type": "IA3", "config": 3}, "tuning.config: expected a mapping, found 3"),
        (3, "tuning: expected {type, config}, found 3"),
    ],
)
def test_what_peft_does_not_know(project: Project, value: Any, expected: str) -> None:
    project.set(E, "settings.tuning", value)
    message = project.mistake()
    assert message.startswith(f"{E}: settings: ")
    assert expected in message
    assert "\n" not in message


def test_the_file_that_says_it_is_named(project: Project) -> None:
    project.set("methods/plain.yaml", "settings.tuning", {"type": "LORRA"})
    assert project.mistake().startswith("methods/plain.yaml: settings: tuning.type: ")
    project.set("methods/plain.yaml", "settings", {})
    project.set(E, "overrides", [{"settings": {"tuning": {"type": "LORRA"}}}])
    assert project.mistake().startswith(f"{E}: overrides[0].settings: tuning.type: ")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"r": "four"}, "tuning.config: r: "),
        ({"r": 0}, "tuning.config: "),
        ({"use_dora": "yes"}, "tuning.config: use_dora: "),
    ],
)
def test_a_value_of_another_kind_is_refused(project: Project, config: Any, said: str) -> None:
    project.set(E, "settings.tuning", {"config": config})
    assert said in project.mistake()


def test_reading_a_config_imports_neither_torch_nor_peft(project: Project) -> None:
    code = (
        "import sys; from pathlib import Path; from conpet.config import load_experiment; "
        f"load_experiment('e', Path({str(project.folder)!r})); "
        "sys.exit(bool({'peft', 'torch', 'conpet.learners'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("value", [0, -8])
def test_a_scale_is_more_than_nothing(value: int) -> None:
    with pytest.raises(UserError, match="lora_alpha: a scale is more than 0, found"):
        check(Tuning(config={"lora_alpha": value}), ["query"])
