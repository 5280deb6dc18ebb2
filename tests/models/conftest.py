"""A tiny model, saved once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.snapshots import save_bert


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT and its tokenizer; treat it as read-only."""
    return save_bert(tmp_path_factory.mktemp("saved") / "bert")
