"""What holds for every replay, one's own too."""

from __future__ import annotations

import pytest

from conpet.replay import names
from conpet.testing import check_replay


@pytest.mark.parametrize("replay", names())
def test_every_replay_keeps_to_the_contract(replay: str) -> None:
    check_replay(replay)
