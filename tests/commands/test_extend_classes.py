"""Labels of a file that becomes a task: renamed, come again, or too few to learn."""

from __future__ import annotations

from pathlib import Path

import pytest

from conpet.commands.checks import open_experiment
from conpet.config.strict import read_yaml
from conpet.data import steps
from conpet.data.samples import read_samples
from conpet.files import read_json
from tests.chain import Chain
from tests.commands.test_extend import run, stopped, write_mine

RENAMED = {
    "template": "it is {mask}",
    "shared": True,
    "tasks": [
        {"files": ["tiny.csv"], "classes": ["negative", "positive"]},
        {"files": ["film.csv"], "labels": {"Good": "positive", "Bad": "negative"},
         "classes": ["negative", "positive"]},
    ],
}  # fmt: skip


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(tmp_path)


def write_rows(chain: Chain, *labels: str, counts: tuple[int, ...] = (20, 20)) -> str:
    rows = [f"w{i} {label},{label}" for label, n in zip(labels, counts, strict=True)
            for i in range(n)]  # fmt: skip
    (chain.folder / "a.csv").write_text("\n".join(["text,label", *rows, ""]))
    return str(chain.folder / "a.csv")


def added(chain: Chain) -> dict[str, object]:
    (entry,) = read_yaml(chain.config / "additions/topics.yaml")["additions"]
    found: dict[str, object] = entry
    return found


def test_classes_below_least_are_dropped_and_said(
    chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    split = {"scheme": "per_class", "least": 10}
    mine = write_mine(chain, {"files": ["tiny.csv"], "split": split})
    run(chain, write_rows(chain, "n1", "n2", counts=(20, 8)), *mine, dataset="topics")
    said = capsys.readouterr().out
    assert "a new task of 1 classes: n1" in said
    assert "note: class n2 is dropped: 8 samples, split.least is 10" in said
    assert added(chain)["classes"] == ["n1"]
    (chain.config / "additions/topics.yaml").unlink()
    line = stopped(chain, write_rows(chain, "n1", "n2", counts=(9, 8)), *mine, dataset="topics")
    assert "a.csv: no class has 10 samples to train on, as the dataset's split.least asks" in line


@pytest.mark.parametrize("words", [["--shared"], ["--labels", "Good=positive"]])
def test_labels_are_renamed_as_in_the_stream(
    words: list[str], chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = write_mine(chain, RENAMED)
    run(chain, write_rows(chain, "Good", "Bad"), *words, *mine, dataset="topics")
    said = capsys.readouterr().out
    assert "a new task of 2 classes: positive, negative" in said
    told = "Bad is negative, as in" if "Good=positive" in words else "Good is positive, Bad is neg"
    assert f"note: labels: {told}" in said
    assert added(chain)["labels"] == {"Good": "positive", "Bad": "negative"}
    experiment = open_experiment(mine[1], chain.config)
    about = experiment.prepare("topics", "add2")
    raw, out = chain.folder / "raw", chain.folder / "samples.parquet"
    steps.fetch_dataset(experiment.fetch_dataset("topics", "add2"), "topics", raw, None)
    steps.prepare(about, ("topics", "add2"), raw, out, chain.folder / "r.json")
    assert {sample.label for sample in read_samples(out)} == {"positive", "negative"}
    assert read_json(chain.folder / "r.json")["labels"] == {"negative": 20, "positive": 20}


def test_classes_of_which_none_comes_again(
    chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = [{"files": ["tiny.csv"], "classes": ["negative", "positive"]}]
    mine = write_mine(chain, {"template": "{mask}", "tasks": tasks})
    file = write_rows(chain, "Good", "negative")
    line = stopped(chain, file, *mine, dataset="topics")
    assert "class negative: the stream has it" in line
    run(chain, file, "--shared", *mine, dataset="topics")
    assert (
        "note: new classes: Good (the stream has negative, positive): where one is a class by "
        "another name, delete the entry and give --labels 'Good=CLASS'"
    ) in capsys.readouterr().out
    (chain.config / "additions/topics.yaml").unlink()
    file = write_rows(chain, "Good", "Bad")
    line = stopped(chain, file, "--shared", *mine, dataset="topics")
    assert line == (
        f"conpet: error: {file}: none of its classes (Good, Bad) comes again, the stream has "
        "negative, positive: give --labels 'Good=CLASS' where it is one by another name, or leave "
        "--shared away"
    )
    words = ["--labels", "Good=positive", "--labels", "Bad=negative", "--shared"]
    run(chain, file, *words, *mine, dataset="topics")
    assert added(chain)["classes"] == ["positive", "negative"]


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("Good", "--labels Good: give OLD=NEW"),
        ("Good= ", "--labels Good=: no class: give OLD=NEW"),
        ("Well=positive", "a.csv: labels: 'Well': no sample has it: the labels are Bad, Good"),
    ],
)
def test_labels_that_rename_nothing(word: str, line: str, chain: Chain) -> None:
    mine = write_mine(chain, RENAMED)
    file = write_rows(chain, "Good", "Bad")
    assert line in stopped(chain, file, "--labels", word, *mine, dataset="topics")


def test_an_old_class_by_the_name_of_the_files_is_no_new_one(chain: Chain) -> None:
    mine = write_mine(chain, {"files": ["tiny.csv"], "labels": {"class0": "zero"}})
    line = stopped(chain, write_rows(chain, "class0", "n1"), *mine, dataset="topics")
    assert "a.csv: class class0: the stream has it, as zero: a task brings new classes only" in line
    run(chain, write_rows(chain, "n2", "n1"), *mine, dataset="topics")
    assert added(chain)["classes"] == ["n2", "n1"]
