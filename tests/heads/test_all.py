"""What holds for every head."""

from __future__ import annotations

import pytest

from conpet.config.head import TRAINED
from conpet.heads import head_class, names
from conpet.testing import check_head

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("head", [name for name in names() if name != "softmax"])
def test_every_head_keeps_to_the_contract(head: str) -> None:
    check_head(head, {"width": 50} if head == "ranpac" else None)


def test_the_config_knows_which_heads_are_trained() -> None:
    assert {name for name in names() if not head_class(name).fitted} == set(TRAINED)
