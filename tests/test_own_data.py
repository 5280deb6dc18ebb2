"""A user's own CSV of texts and labels: one YAML of seven lines, and the commands as they are."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from conpet.commands import main
from conpet.data.encoding import SPLITS
from conpet.files import read_json
from tests.chain import Chain
from tests.tiny import CLASSES, make_samples

pytestmark = pytest.mark.slow

MINE = """\
title: My topics
datasets: {topics: {files: [topics.csv], template: "it is {mask}", order: {seed: 1, tasks: 2}}}
models: [tiny]
methods: [finetune]
settings:
  training: {epochs: 1, batch_size: 8, lr: 0.01}
  replay: {valid_batch_size: 4}
"""


def test_one_yaml_makes_a_benchmark(tmp_path: Path) -> None:
    assert len(MINE.splitlines()) < 10
    config = Chain(tmp_path).config
    (tmp_path / "own").mkdir()
    with (tmp_path / "own" / "topics.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([s.text, s.label] for s in make_samples())
    (tmp_path / "own" / "mine.yaml").write_text(MINE)
    results = tmp_path / "results"
    here, data = results / "mine" / "topics", results / "data" / "topics" / "base"
    snapshot, encoded = results / "models" / "tiny", here / "tiny" / "base.safetensors"

    def run(command: str, *words: str | Path) -> None:
        keys = ["--config-dir", config, "--experiment", tmp_path / "own" / "mine.yaml"]
        main([command, *map(str, [*words, *keys])])

    part = ("--dataset", "topics", "--part", "base")
    raw, samples, tasks = data / "raw", data / "samples.parquet", here / "base.tasks.json"
    run("fetch-model", "--model", "tiny", "--out", snapshot)
    run("fetch-dataset", *part, "--out", raw)
    run("prepare", *part, "--raw", raw, "--out", samples, "--report", data / "prepare.json")
    run("split", *part, "--samples", samples, "--raw", raw, "--out", tasks)
    files = ("--snapshot", snapshot, "--samples", samples, "--tasks", tasks, "--out", encoded)
    run("encode", "--dataset", "topics", "--model", "tiny", *files)
    state: list[str | Path] = []
    opened = ("--snapshot", snapshot, "--encoded", encoded)
    for task in ("1", "2"):
        out = here / "tiny" / "finetune" / "seed100" / f"task0{task}"
        cell = ("--dataset", "topics", "--model", "tiny", "--method", "finetune", "--seed", "100",
                "--task", task)  # fmt: skip
        run("train", *cell, *opened, *state, "--out", out / "state")
        state = ["--state", out / "state"]
        wanted = ("--metrics", out / "metrics.json", "--predictions", out / "predictions.parquet")
        main([str(word) for word in ("evaluate", *opened, *state, *wanted)])
    run("table", "main", "--results", results, "--out", tmp_path / "main")
    found = [len(task["classes"]) for task in read_json(tasks)["tasks"]]
    assert found == [3, 3]
    report = read_json(data / "prepare.json")
    assert (report["samples"], report["dropped"]) == (6 * 26, {})
    metrics = read_json(here / "tiny" / "finetune" / "seed100" / "task02" / "metrics.json")
    assert (metrics["classes_seen"], metrics["samples"]) == (6, 6 * 3)  # a tenth of each class
    accuracy = f"{100 * metrics['whole_accuracy']:.2f}"
    assert accuracy in (tmp_path / "main.md").read_text()


def mistake(*words: str | Path) -> str:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return str(ended.value)


def test_a_csv_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    config = Chain(tmp_path).config
    (tmp_path / "mine.yaml").write_text(MINE)
    keys = ["--config-dir", config, "--experiment", tmp_path / "mine.yaml", "--dataset", "topics"]
    assert mistake("fetch-dataset", *keys, "--part", "base", "--out", tmp_path / "raw") == (
        "conpet: error: datasets.topics: files: topics.csv: no such file: correct the path"
    )
    path = tmp_path / "mine.yaml"
    assert mistake("describe", path, *keys[:2], "--model", "tiny") == (
        f"conpet: error: {path}: datasets.topics: files: topics.csv: no such file: correct the path"
    )


def test_a_part_that_is_none_is_one_line(tmp_path: Path) -> None:
    config = Chain(tmp_path).config
    (tmp_path / "mine.yaml").write_text(MINE)
    keys = ["--config-dir", config, "--experiment", tmp_path / "mine.yaml", "--dataset", "topics"]
    assert mistake("fetch-dataset", *keys, "--part", "add7", "--out", tmp_path / "raw") == (
        "conpet: error: --part: unknown part 'add7': known: base"
    )


def test_a_text_longer_than_the_model_reads_is_one_line(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    rows = [f"{'the ' * 40}w{c}x0,class{c},{s}" for c in range(CLASSES) for s in SPLITS]
    (tmp_path / "tiny.csv").write_text("\n".join(["text,label,split", *rows, ""]))
    with pytest.raises(SystemExit) as ended:
        chain.prepare()
    assert str(ended.value) == (
        "conpet: error: tiny: a text has 46 tokens, but model tiny reads 32 at most: "
        "lower settings.encoding.max_length"
    )
    assert not chain.encoded.exists()
