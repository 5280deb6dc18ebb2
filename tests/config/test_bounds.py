"""Numbers that nobody means are refused where a config is read."""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from conpet.config.settings import Settings
from conpet.config.strict import validate_text
from conpet.errors import UserError
from conpet.learners import learner_class
from conpet.learners import names as learners
from conpet.replay import names as replays
from conpet.replay import replay_class
from tests.config.conftest import Project

E = "experiments/e.yaml"
INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("training.epochs", 10**26, "training.epochs: expected 10000 or less, found 1000000000000"),
        ("training.batch_size", 10**30, "training.batch_size: expected 65536 or less, found 1000"),
        (
            "training.weight_decay",
            INF,
            "training.weight_decay: expected a finite number, found inf",
        ),
        ("training.clip_norm", INF, "training.clip_norm: expected a finite number, found inf"),
        ("training.eps", NAN, "training.eps: expected a finite number, found nan"),
        ("training.betas", [0.9, NAN], "training.betas[1]: expected a finite number, found nan"),
        ("training.lr", INF, "training.lr: expected a finite number or a mapping, found"),
        ("training.lr", 1e9, "training.lr: expected 100 or less, found 1000000000.0"),
        ("training.lr", {0: 0.1, 1: 0.1}, "training.lr.0: expected 1 or more as a key, found 0"),
        ("training.lr", {1: INF}, "training.lr.1: expected a finite number, found inf"),
        ("compute.threads", 100_000, "compute.threads: expected 1024 or less, found 100000"),
        ("compute.eval_batch_size", 10**30, "compute.eval_batch_size: expected 65536 or less"),
        ("replay.batches", 10**9, "replay.batches: expected 1e+06 or less, found 1000000000"),
        ("memory.train_share", NAN, "memory.train_share: expected a finite number, found nan"),
        ("encoding.max_length", 10**9, "encoding.max_length: expected 1e+06 or less, found 1000"),
    ],
)
def test_settings(key: str, value: Any, expected: str, project: Project) -> None:
    project.set(E, f"settings.{key}", value)
    message = project.mistake()
    assert message.startswith(f"{E}: settings: {expected}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("seed", "expected"), [(-1, "0 or more"), (10**20, "less than 4.29497e+09")]
)
def test_seeds(seed: int, expected: str, project: Project) -> None:
    project.set(E, "seeds", [1, seed])
    assert project.mistake() == f"{E}: seeds[1]: expected {expected}, found {seed}"
    project.set(E, "seeds", [1])
    project.set("datasets/made.yaml", "order.seed", seed)
    assert f"order.seed: expected {expected}, found {seed}" in project.mistake()


@pytest.mark.parametrize("value", [INF, NAN])
def test_a_methods_own_numbers(value: float, project: Project) -> None:
    project.set("methods/penalty.yaml", "options", {"strength": value})
    assert "options: strength: expected a finite number, found " in project.mistake()
    project.set("methods/penalty.yaml", "options", {"fisher_samples": 10**20})
    assert "options: fisher_samples: expected 1e+06 or less" in project.mistake()


def test_rates_by_task_are_read_from_json_too() -> None:
    text = b'{"training": {"lr": {"1": 0.1, "3": 0.2}}}'
    assert validate_text(Settings, text, "f").training.lr == {1: 0.1, 3: 0.2}
    with pytest.raises(UserError, match=r"^f: training.lr.0: expected 1 or more as a key, found "):
        validate_text(Settings, text.replace(b"3", b"0"), "f")


def bare(model: type[BaseModel]) -> list[str]:
    """Return the whole numbers of a section, and of those in it, that have no upper end."""
    found = []
    for name, field in model.model_fields.items():
        for kind, metadata in parts(field):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found += [f"{name}.{inner}" for inner in bare(kind)]
            elif kind is int and not any("le" in str(m) or "lt" in str(m) for m in metadata):
                found.append(name)
    return found


def parts(field: FieldInfo) -> list[tuple[Any, list[Any]]]:
    def split(kind: Any, metadata: list[Any]) -> list[tuple[Any, list[Any]]]:
        if get_origin(kind) is Annotated:
            return split(get_args(kind)[0], [*metadata, *get_args(kind)[1:]])
        inner = get_args(kind)
        return [p for k in inner for p in split(k, [])] if inner else [(kind, metadata)]

    return split(field.annotation, field.metadata)


def test_every_whole_number_has_an_upper_end() -> None:
    sections: list[type[BaseModel]] = [Settings]
    sections += [learner_class(name).Options for name in learners()]
    sections += [replay_class(name).Options for name in replays()]
    assert {section.__name__: bare(section) for section in sections if bare(section)} == {}
    assert bare(type("Loose", (BaseModel,), {"__annotations__": {"n": int}})) == ["n"]
