"""The whole chain on the tiny world, by the command line, in a folder of its own."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from conpet.commands import main
from tests.tiny import CLASSES, make_samples, make_snapshot
from tests.yaml_text import to_yaml

METHODS = {
    "finetune": ("linear", "none"),
    "emr": ("linear", "memory"),
    "static_emr": ("linear", "dynamic"),
    "dynamic": ("experts", "dynamic"),
}


def write_yaml(path: Path, value: object) -> None:
    """Write a config file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_yaml(value))


class Chain:
    """A config, and the commands that lead from a CSV to metrics."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config"
        self.results = folder / "results"
        self.methods: dict[str, dict[str, Any]] = {
            name: {"title": name, "learner": learner, "replay": replay}
            for name, (learner, replay) in METHODS.items()
        }
        make_snapshot(folder / "model")
        with (folder / "tiny.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label", "split"])
            writer.writerows([s.text, s.label, s.split] for s in make_samples())
        write_yaml(self.config / "models/tiny.yaml", {
            "title": "Tiny", "licence": "none", "pooling": "mask",
            "lora_targets": ["query", "value"],
            "source": {"kind": "folder", "path": str(folder / "model")},
        })  # fmt: skip
        write_yaml(self.config / "datasets/tiny.yaml", {
            "title": "Tiny", "licence": "none", "kind": "sentence", "format": "table",
            "template": "it is {mask}", "options": {"split": "split"},
            "files": [{"name": "tiny.csv", "url": str(folder / "tiny.csv")}],
            "order": {"seed": 1, "tasks": CLASSES // 2},
        })  # fmt: skip
        self.write_methods()

    def write_methods(self) -> None:
        """Write the methods, and the experiment that names them."""
        for name, method in self.methods.items():
            write_yaml(self.config / f"methods/{name}.yaml", method)
        write_yaml(self.config / "experiments/tiny.yaml", {
            "title": "Tiny", "datasets": ["tiny"], "models": ["tiny"],
            "methods": list(self.methods),
            "seeds": [1],
            "settings": {
                "training": {"epochs": 2, "batch_size": 4, "lr": 0.01},
                "replay": {"batches": 10, "valid_batch_size": 8}, "memory": {"per_class": 4},
            },
        })  # fmt: skip

    def __call__(self, *words: str | Path) -> None:
        """Run one command."""
        main([str(w) for w in words])

    @property
    def of(self) -> list[str]:
        """The options that name the experiment."""
        return ["--config-dir", str(self.config), "--experiment", "tiny"]

    def prepare(self) -> None:
        """Run everything up to the encoded file."""
        data, part = self.results / "data", [*self.of, "--dataset", "tiny"]
        base = [*part, "--part", "base"]
        samples, tasks = data / "s.parquet", data / "t.json"
        self("fetch-model", *self.of, "--model", "tiny", "--out", self.snapshot)
        self("fetch-dataset", *base, "--out", data / "raw")
        self("prepare", *base, "--raw", data / "raw", "--out", samples, "--report", data / "r.json")
        self("split", *base, "--samples", samples, "--raw", data / "raw", "--out", tasks)
        self(
            "encode", *part, "--model", "tiny", "--snapshot", self.snapshot,
            "--samples", samples, "--tasks", tasks, "--out", self.encoded,
        )  # fmt: skip

    @property
    def snapshot(self) -> Path:
        """The model's folder."""
        return self.results / "models/tiny"

    @property
    def encoded(self) -> Path:
        """The encoded file."""
        return self.results / "encoded.safetensors"

    def ask(self, command: str, *words: str | Path) -> None:
        """Run a command about states."""
        self(command, "--snapshot", self.snapshot, "--encoded", self.encoded, *words)

    def job(self, command: str, method: str, task: int, *words: str | Path) -> None:
        """Run a learning command."""
        self.ask(
            command, *self.of, "--dataset", "tiny", "--model", "tiny", "--method", method,
            "--seed", "1", "--task", str(task), *words,
        )  # fmt: skip

    def learn(self, method: str, tasks: int, out: Path) -> None:
        """Learn and evaluate tasks 1..tasks into ``out``."""
        experts = self.methods[method]["learner"] == "experts"
        states: list[str | Path] = []
        for task in range(1, tasks + 1):
            here, selector = out / f"task{task:02d}", list[str | Path]()
            if experts and task > 1:
                previous = ["--previous", out / f"task{task - 1:02d}/selector"] if task > 2 else []
                self.job("select", method, task, *previous, "--out", here / "selector")
                selector = ["--selector", here / "selector"]
            self.job("train", method, task, *states, *selector, "--out", here / "state")
            states = [*(states if experts else []), "--state", here / "state"]
            self.ask(
                "evaluate", *states, *selector, "--metrics", here / "metrics.json",
                "--predictions", here / "predictions.parquet",
            )  # fmt: skip
