"""Tokenizers of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.tokenizers_tiny import MAKERS


@pytest.fixture(params=MAKERS)
def tokenizer(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A tokenizer of each kind in turn."""
    return MAKERS[request.param](tmp_path)
