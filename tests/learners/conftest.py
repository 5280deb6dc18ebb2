"""The tiny world, made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.learners.dynamic import SOFT
from tests.tiny import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def soft(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return the folder of three tasks learnt with the options SOFT, and the last learner."""
    folder = tmp_path_factory.mktemp("soft")
    world.run("experts", folder, tasks=3, replay="dynamic", options=SOFT)
    return folder, world.newest
