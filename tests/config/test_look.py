"""How a method says that it is shown and judged."""

from __future__ import annotations

from typing import Any

import pytest

from conpet.config import Method, load_experiment
from conpet.config.strict import validate
from conpet.errors import UserError
from tests.conftest import ROOT

BARE: dict[str, Any] = {"title": "Mine", "learner": "linear", "replay": "none"}


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"look": {"color": "blue"}}, "look.color"),
        ({"look": {"color": "#0072B2", "line": "--"}}, "look.line"),
        ({"look": {"color": "#0072B2", "marker": "@"}}, "look.marker"),
        ({"ahead": {"finetune": "five"}}, "ahead.finetune"),
        ({"bound": "yes"}, "bound"),
        ({"looks": {}}, "looks"),
    ],
)
def test_a_mistake_is_told_with_its_key(keys: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError, match=f"^mine.yaml: {key}: "):
        validate(Method, {**BARE, **keys}, "mine.yaml")


def test_a_variant_takes_over_how_its_base_is_shown_and_judged() -> None:
    base = load_experiment("demo", ROOT / "config").methods["static_emr"]
    for variant in load_experiment("ablation_rank", ROOT / "config").methods.values():
        assert (variant.look, variant.against) == (base.look, base.against)
        assert (variant.family, variant.ahead) == (base.family, base.ahead)
        assert variant.flat_cost
