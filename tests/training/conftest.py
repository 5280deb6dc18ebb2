"""The tiny world as on a card, made once."""

from __future__ import annotations

import pytest

from tests.training.worlds import Padded


@pytest.fixture(scope="session")
def padded(tmp_path_factory: pytest.TempPathFactory) -> Padded:
    return Padded(tmp_path_factory.mktemp("padded"))
