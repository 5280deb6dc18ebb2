"""A small config folder to spoil."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conpet.commands.checks import open_experiment
from conpet.config import Experiment
from conpet.config.strict import read_yaml
from conpet.errors import UserError
from tests.yaml_text import to_yaml

SHA = "0" * 64
FILES: dict[str, Any] = {
    "experiments/e.yaml": {
        "title": "E",
        "datasets": ["made", "given"],
        "models": ["small"],
        "methods": ["plain", "replaying", "penalty", "many"],
        "seeds": [1, 2],
        "settings": {"training": {"epochs": 2, "lr": 0.01}},
    },
    "datasets/made.yaml": {
        "title": "Made",
        "licence": "MIT",
        "kind": "relation",
        "format": "fewrel",
        "template": "{tail} is the {mask} of {head}.",
        "generator": {"train": 4},
        "order": {"seed": 3, "tasks": 5},
    },
    "datasets/given.yaml": {
        "title": "Given",
        "licence": "MIT",
        "kind": "entity",
        "format": "fewnerd",
        "template": "{entity} is a {mask}.",
        "files": [{"name": "a.txt", "sha256": SHA, "split": "train"}],
        "order": {"file": "given"},
        "additions": [{"files": [{"name": "b.txt"}], "classes": ["late"]}],
    },
    "models/small.yaml": {
        "title": "Small",
        "licence": "MIT",
        "source": {"kind": "folder", "path": "models/small"},
        "lora_targets": ["query", "value"],
    },
    "methods/plain.yaml": {"title": "P", "learner": "linear", "replay": "none"},
    "methods/replaying.yaml": {"title": "R", "learner": "linear", "replay": "dynamic"},
    "methods/penalty.yaml": {
        "title": "W",
        "learner": "ewc",
        "replay": "none",
        "options": {"strength": 10},
    },
    "methods/many.yaml": {"title": "M", "learner": "experts", "replay": "dynamic"},
}
ORDER = {"dataset": "given", "source": "here", "tasks": [["a", "b"], ["c"], ["d", "e"]]}


class Project:
    """A config folder whose files can be changed key by key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, value in FILES.items():
            self.write(name, to_yaml(value))
        self.write("class_orders/given.json", json.dumps(ORDER))

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def set(self, name: str, key: str, value: Any) -> None:
        """Set a dotted key of a file; DELETED takes it away."""
        content = read_yaml(self.folder / name)
        *way, last = [int(part) if part.isdigit() else part for part in key.split(".")]
        inner: Any = content
        for part in way:
            inner = inner[part] if isinstance(part, int) else inner.setdefault(part, {})
        if value is DELETED:
            del inner[last]
        else:
            inner[last] = value
        self.write(name, to_yaml(content))

    def load(self, name: str = "e") -> Experiment:
        return open_experiment(name, self.folder)

    def mistake(self, name: str = "e") -> str:
        """Return the message of the mistake that loading reports, its folder left out."""
        with pytest.raises(UserError) as caught:
            self.load(name)
        return str(caught.value).replace(f"{self.folder}/", "")


class _Deleted:
    """Marks a key to take away."""

    def __repr__(self) -> str:
        return "taken away"


DELETED = _Deleted()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "config")
