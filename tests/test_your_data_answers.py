"""Every example of docs/your-data.md: its table, and a learner whose answers are the true classes.

A head fitted on a frozen backbone learns them in a second; what the page's own methods do is
looked at in test_your_data.py.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

from conpet.commands import main
from conpet.files import read_json
from tests.your_data import Place, asked, examples, last

pytestmark = pytest.mark.slow

#: the files of each part, in the order of the samples
FILES = {
    "A table": [["topics.csv"]],
    "Train and test files": [["train.csv", "test.csv"]],
    "A dataset per task": [["topics.csv"], ["intents.jsonl"], ["moods.csv"]],
    "Shared labels": [["shop.csv"], ["film.csv"]],
    "Pairs": [["pairs.csv"]],
    "Relations and entities": [["relations.jsonl"]],
    "A few shots": [["topics.csv"]],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A random model whose mask looks at the words, so that texts of other words lie apart."""
    found = Place(tmp_path_factory.mktemp("answers"))
    path = found.folder / "model" / "model.safetensors"
    weights = load_file(path)
    for name, weight in weights.items():
        if name.endswith(("attention.self.value.weight", "attention.output.dense.weight")):
            weights[name] = weight * 20
    save_file(weights, path, metadata={"format": "pt"})
    return found


def check(place: Place, path: Path, parts: list[list[str]], seeds: int) -> None:
    """Hold answers to the files against the true classes, and the table against the metrics."""
    found = place.run(path, seeds=seeds)
    runs = sorted((found / "lda").glob("seed*"))
    assert len(runs) == seeds
    for run in runs:
        tested = pd.read_parquet(max(run.rglob("predictions.parquet")))
        answers = [
            [
                said
                for file in files
                for said in asked(place, run, str(place.folder / file))["label"]
            ]
            for files in parts
        ]
        said = [answers[part][row] for part, row in zip(tested["part"], tested["row"], strict=True)]
        assert said == [*tested["prediction"]] == [*tested["label"]]
        assert len(said) == sum(read_json(max(run.rglob("metrics.json")))["task_samples"])
    place.table(path, "main")
    with (place.folder / "tables" / f"{path.stem}.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["method"], row["n"], row["status"]) == ("lda", str(seeds), "ok")
    assert float(row["whole_accuracy_mean"]) == last(found, "lda")["whole_accuracy"] == 1.0
    assert row["whole_accuracy_std"] == ("0.0" if seeds > 1 else "")


@pytest.mark.parametrize("section", examples())
def test_answers_are_the_true_classes(section: str, place: Place) -> None:
    yaml = re.sub(r"(?m)^methods: .*$", "methods: [lda]", examples()[section])
    path = place.write(f"example{[*FILES].index(section)}", yaml)
    check(place, path, FILES[section], 2 if section == "A few shots" else 1)


def test_a_class_next_month_is_answered(place: Place) -> None:
    yaml = re.sub(r"(?m)^methods: .*$", "methods: [lda]", examples()["A table"])
    path = place.write("month", yaml)
    extend = ["extend", "topics", str(place.folder / "more.csv"), "--config-dir", str(place.config),
              "--experiment", str(path), "--results", str(place.folder / "results")]  # fmt: skip
    main(extend)
    check(place, path, [["topics.csv"], ["more.csv"]], 1)
    found = last(place.folder / "results/month/topics/tiny", "lda")
    assert (found["classes_seen"], found["task_samples"]) == (6, [4, 4, 4])
    with pytest.raises(SystemExit, match="the stream has this very file already"):
        main(extend)
    (place.config / "additions" / "topics.yaml").unlink()
