"""The head in a config: short and long, in layers, and in the texts of stages."""

from __future__ import annotations

from typing import Any

import pytest

from conpet.config.head import Head
from conpet.config.layers import laid_over
from conpet.config.settings import Settings
from conpet.config.stages import Learn
from tests.config.conftest import Project


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("grow", "grow"),
        ("fixed", "fixed"),
        ("softmax", "grow"),
        ({"rows": "fixed"}, "fixed"),
        ("lda", "lda"),
        ({"type": "lda"}, "lda"),
        (
            {"type": "lda", "samples": 20},
            {"type": "lda", "rows": "grow", "samples": 20, "config": {}},
        ),
    ],
)
def test_what_is_written_short_is_shown_short(written: Any, shown: Any) -> None:
    settings = Settings.model_validate({"head": written})
    assert settings.model_dump(mode="json")["head"] == shown
    assert Settings.model_validate({"head": shown}) == settings


def test_a_stage_says_of_the_old_heads_what_it_said() -> None:
    texts = {
        head: Learn(
            learner="linear", replay="none", lora_targets=["q"],
            settings=Settings.model_validate({"head": head}),
        ).text()
        for head in ("grow", "fixed", "lda")
    }  # fmt: skip
    assert "head" not in texts["grow"]
    assert '"settings": {"head": "fixed"}' in texts["fixed"]
    assert '"settings": {"head": "lda"}' in texts["lda"]
    assert Learn.model_validate_json(texts["lda"]).settings.head == Head(type="lda")


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        # another type keeps the rows: what is trained before it stays the same
        (["fixed", "lda"], Head(type="lda", rows="fixed")),
        (["lda", {"samples": 9}], Head(type="lda", samples=9)),
        ([{"type": "lda", "config": {"shrinkage": 0.1}}, "ncm"], Head(type="ncm")),
        ([{"type": "lda", "samples": 9}, "grow"], Head(type="lda", samples=9)),
        (["lda", "softmax"], Head()),
    ],
)
def test_layers_of_a_head(layers: list[Any], expected: Head) -> None:
    last = [settings for _, _, settings in laid_over([({"head": h}, "") for h in layers])][-1]
    assert last.head == expected


EXPERTS = {"learner": "experts", "replay": "dynamic", "options": {"selector": "lda", "layers": 3}}


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"settings.head": {"type": "lda", "layers": 3}}, "settings: head.layers: 3: "),
        (EXPERTS, "options: layers: 3: "),
    ],
)
def test_more_layers_than_a_model_has_are_told_before_anything_is_learnt(
    keys: dict[str, Any], place: str, project: Project
) -> None:
    for key, value in keys.items():
        project.set("methods/plain.yaml", key, value)
    project.set("models/small.yaml", "architecture", {"num_hidden_layers": 3})
    project.load()
    project.set("models/small.yaml", "architecture", {"num_hidden_layers": 2})
    assert project.mistake().endswith("has 2: take at most as many")
    assert place in project.mistake()


@pytest.mark.parametrize(
    ("base", "own", "expected"),
    [
        ("lda", {"layers": 2}, Head(type="lda", layers=2)),
        ("lda", {"samples": "history"}, Head(type="lda", samples="history")),
        ({"type": "lda", "samples": 9}, "fixed", Head(type="lda", samples=9, rows="fixed")),
        ({"type": "cosine", "rows": "fixed"}, "ncm", Head(type="ncm", rows="fixed")),
    ],
)
def test_a_variant_changes_the_head_of_its_base(
    base: Any, own: Any, expected: Head, project: Project
) -> None:
    """However short either is written."""
    project.set("methods/plain.yaml", "settings", {"head": base})
    methods = {"plain": None, "other": {"base": "plain", "settings": {"head": own}}}
    project.set("experiments/e.yaml", "methods", methods)
    assert project.load().settings("made", "small", "other").head == expected
