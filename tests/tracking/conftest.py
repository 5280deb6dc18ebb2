"""Empty stores: the schema is made once a session and copied."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from conpet.run import RunKey
from conpet.run.reading import read_run
from conpet.tracking import create_store, track_run
from tests.tracking.synthetic import TAGS, build_run, config


@dataclass(frozen=True)
class Store:
    """A store of its own with run folders beside it."""

    root: Path

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def artifacts(self) -> Path:
        return self.root / "mlartifacts"

    def track(self, key: RunKey, tasks: int = 3) -> Path:
        """Build a run's folder and log it; return tracked.json."""
        run = build_run(self.root, key, tasks)
        out = run / "tracked.json"
        track_run(read_run(run, key, tasks), config(key), TAGS, self.uri, self.artifacts, out)
        return out


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with its schema and nothing in it."""
    pytest.importorskip("mlflow", reason="needs the extra: pip install 'conpet[tracking]'")
    root = tmp_path_factory.mktemp("schema")
    create_store(f"sqlite:///{root}/mlflow.db", root / "mlartifacts", root / "store.json")
    return root / "mlflow.db"


@pytest.fixture
def store(schema: Path, tmp_path: Path) -> Store:
    """An empty store."""
    shutil.copy(schema, tmp_path / "mlflow.db")
    return Store(tmp_path)


@pytest.fixture
def other(schema: Path, tmp_path: Path) -> Store:
    """A second empty store."""
    (tmp_path / "other").mkdir()
    shutil.copy(schema, tmp_path / "other" / "mlflow.db")
    return Store(tmp_path / "other")
