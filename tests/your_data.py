"""The examples of docs/your-data.md, the files that they name, and the commands they go through."""

from __future__ import annotations

import csv
import json
from itertools import product
from pathlib import Path

import pandas as pd

from conpet.commands import main
from conpet.commands.checks import open_experiment
from conpet.files import read_json
from tests.chain import write_yaml
from tests.conftest import ROOT
from tests.tiny import make_snapshot

PAGE = (ROOT / "docs" / "your-data.md").read_text(encoding="utf-8")
QUICK = """models: [tiny]
settings:
  training: {epochs: 1, batch_size: 4, lr: 0.01}
  replay: {batches: 6, valid_batch_size: 4}
  encoding: {max_length: 24}
"""


def examples() -> dict[str, str]:
    """The YAML of each section that has one."""
    found = {}
    for section in PAGE.split("\n## ")[1:]:
        lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
        if yaml := "\n".join(
            line for line in lines if not line.startswith(("conpet", "snakemake"))
        ):
            found[section.splitlines()[0]] = yaml
    return found


def write_rows(path: Path, head: list[str], rows: list[list[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def text(c: int, i: int, other: int | None = None) -> str:
    """Return a text with words of a kind, or of two."""
    last = c if other is None else other
    return f"the w{c}x{i % 3} a w{last}x{(i + 1) % 3}" + " the" * (i % 4)


def write_files(folder: Path) -> None:
    """The files that the page's examples name."""
    topics = [[text(c, i), f"topic{c}"] for c in range(4) for i in range(20)]
    write_rows(folder / "topics.csv", ["words", "topic"], topics)
    for name, count in (("train", 12), ("test", 6)):
        rows = [[text(c, i), f"topic{c}"] for c in range(4) for i in range(count)]
        rows += [["the", "rare"]]
        write_rows(folder / f"{name}.csv", ["text", "label"], rows)
    intents = [{"text": text(c, i, d), "label": label}
               for c, d, label in ((4, 4, "pay"), (5, 5, "ask"), (4, 5, "go"))
               for i in range(20)]  # fmt: skip
    (folder / "intents.jsonl").write_text("\n".join(map(json.dumps, intents)) + "\n")
    for name, low, labels in (
        ("shop", 0, ["negative", "positive", "none"]),
        ("film", 3, ["Bad", "Good"]),
        ("more", 4, ["late0", "late1"]),
    ):
        rows = [[text(low + c, i), label] for c, label in enumerate(labels) for i in range(20)]
        write_rows(folder / f"{name}.csv", ["text", "label"], rows)
    moods = [[text(c, i, d), label] for c, d, label in ((0, 5, "topic0"), (4, 1, "sad"))
             for i in range(20)]  # fmt: skip
    write_rows(folder / "moods.csv", ["text", "label"], moods)
    pairs = [[text(c, i), text(5 - c, i), ("yes", "no")[c]] for c in range(2) for i in range(20)]
    write_rows(folder / "pairs.csv", ["premise", "hypothesis", "label"], pairs)
    marked = [
        {"text": f"<e1>w{c}x{i % 3}</e1> is <e2>w{c}x{(i + 1) % 3}</e2>", "label": f"r{c}"}
        for c in range(4)
        for i in range(20)
    ]
    (folder / "relations.jsonl").write_text("\n".join(map(json.dumps, marked)) + "\n")


class Place:
    """A folder with the files, a config with a tiny model, and the commands of the workflow."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, folder / "config"
        make_snapshot(folder / "model")
        write_files(folder)
        for kind in ("methods", "datasets"):
            (self.config / kind).mkdir(parents=True)
        for name in ("finetune", "static_emr", "dynamic", "ncm", "lda"):
            path = ROOT / "config" / "methods" / f"{name}.yaml"
            (self.config / "methods" / path.name).write_bytes(path.read_bytes())
        write_yaml(self.config / "models/tiny.yaml", {
            "title": "Tiny", "licence": "none", "pooling": "mask",
            "lora_targets": ["query", "value"],
            "source": {"kind": "folder", "path": str(folder / "model")},
        })  # fmt: skip

    def write(self, name: str, yaml: str) -> Path:
        path = self.folder / f"{name}.yaml"
        path.write_text(f"{yaml}\n{QUICK}")
        return path

    def run(self, path: Path, methods: list[str] | None = None, seeds: int = 1) -> Path:
        """Do what the workflow does; return the experiment's results.

        Args:
            methods: those that are learnt, all by default.
            seeds: how many of the experiment's, from the first on.
        """
        experiment = open_experiment(str(path), self.config)
        (dataset,) = experiment.datasets
        results = self.folder / "results"
        here, snapshot = results / path.stem / dataset, results / "models" / "tiny"
        of = ["--config-dir", self.config, "--experiment", path]

        def say(*words: str | int | Path) -> None:
            main([str(word) for word in words])

        if not snapshot.exists():
            say("fetch-model", *of, "--model", "tiny", "--out", snapshot)
        encoded: list[str | Path] = []
        before: list[str | Path] = []
        for part in experiment.parts(dataset):
            data, named = results / "data" / dataset / part, ["--dataset", dataset, "--part", part]
            tasks, out = here / f"{part}.tasks.json", here / "tiny" / f"{part}.safetensors"
            samples = data / "samples.parquet"
            say("fetch-dataset", *of, *named, "--out", data / "raw")
            say("prepare", *of, *named, "--raw", data / "raw", "--out", samples, "--report",
                data / "prepare.json")  # fmt: skip
            say("split", *of, *named, "--samples", samples, "--raw", data / "raw", *before, "--out",
                tasks)  # fmt: skip
            say("encode", *of, "--dataset", dataset, "--model", "tiny", "--snapshot", snapshot,
                "--samples", samples, "--tasks", tasks, "--out", out)  # fmt: skip
            before += ["--before", tasks]
            encoded += ["--encoded", out]
        opened = ["--snapshot", snapshot, *encoded]
        for method, seed in product(methods or experiment.methods, experiment.seeds[:seeds]):
            experts = experiment.methods[method].learner == "experts"
            run = here / "tiny" / method / f"seed{seed}"
            states: list[str | Path] = []
            for task in range(1, experiment.tasks(dataset) + 1):
                at, selector = run / f"task{task:02d}", list[str | Path]()
                cell = [*of, "--dataset", dataset, "--model", "tiny", "--method", method, "--seed",
                        seed, "--task", task]  # fmt: skip
                if experts and task > 1:
                    earlier = run / f"task{task - 1:02d}" / "selector"
                    previous = ["--previous", earlier] if task > 2 else []
                    say("select", *cell, *opened, *states, *previous, "--out", at / "selector")
                    selector = ["--selector", at / "selector"]
                say("train", *cell, *opened, *states, *selector, "--out", at / "state")
                states = [*(states if experts else []), "--state", at / "state"]
                say("evaluate", *opened, *states, *selector, "--metrics", at / "metrics.json",
                    "--predictions", at / "predictions.parquet")  # fmt: skip
            say("package", *of, *opened, *states, *selector, "--out", run / "model")
        return here / "tiny"

    def table(self, path: Path, name: str) -> str:
        out = self.folder / "tables" / path.stem
        main(["table", name, "--config-dir", str(self.config), "--experiment", str(path),
              "--results", str(self.folder / "results"), "--out", str(out)])  # fmt: skip
        return out.with_suffix(".md").read_text()


def last(folder: Path, method: str) -> dict[str, object]:
    found: dict[str, object] = read_json(sorted((folder / method).rglob("metrics.json"))[-1])
    return found


def asked(place: Place, run: Path, *words: str) -> pd.DataFrame:
    out = place.folder / "said.csv"
    main(["predict", "--run", str(run), "--snapshot", str(place.folder / "model"), *words,
          "--out", str(out)])  # fmt: skip
    return pd.read_csv(out)
