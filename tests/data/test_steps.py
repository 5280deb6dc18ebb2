"""Files between the steps that are not what they should be: one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from conpet.commands import main
from conpet.config.dataset import GroupOrder
from conpet.config.partition import Partition
from conpet.config.raw import RawFile
from conpet.config.stages import Prepare, Split
from conpet.data import steps
from conpet.data.encoding import read_part
from conpet.data.samples import read_samples, write_samples
from conpet.data.schema import Sample
from conpet.data.sources import fetch_files
from conpet.data.tasks import check_rows, read_tasks
from conpet.errors import UserError
from conpet.files import read_json
from tests.chain import Chain

TASK = {"task": 1, "classes": ["a"], "train": [0], "valid": [1], "test": [2]}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    made = Chain(tmp_path_factory.mktemp("steps"))
    made.prepare()
    return made


def mistake(chain: Chain, *words: str | Path) -> str:
    with pytest.raises(SystemExit) as ended:
        chain(*words)
    message = str(ended.value)
    assert message.startswith("conpet: error: ")
    assert "\n" not in message
    return message


BAD = [
    ({}, "tasks: this key is required"),
    ([], "expected {tasks}, found []"),
    ({"tasks": []}, "tasks: expected a list of at least 1, found []"),
    ({"tasks": {}}, "tasks: expected a list, found {}"),
    ({"tasks": [{**TASK, "train": ["0"]}]}, "tasks[0].train[0]: expected a whole number"),
    ({"tasks": [{**TASK, "train": [-1]}]}, "tasks[0].train[0]: expected 0 or more, found -1"),
    ({"tasks": [{"task": 1}]}, "tasks[0].classes: this key is required"),
    ({"tasks": [{**TASK, "test": [10**6]}]}, "row 1000000 of 156 samples: made of other samples"),
]


@pytest.mark.parametrize(("value", "line"), BAD)
def test_tasks_of_another_form(chain: Chain, tmp_path: Path, value: Any, line: str) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(value))
    samples = chain.results / "data/s.parquet"
    words = ["encode", *chain.of, "--dataset", "tiny", "--model", "tiny", "--snapshot"]
    words += [chain.snapshot, "--samples", samples, "--tasks", path, "--out", tmp_path / "e"]
    message = mistake(chain, *words)
    assert message.startswith(f"conpet: error: {path}: ")
    assert line in message
    assert not (tmp_path / "e").exists()


def test_tasks_as_they_are_written_can_be_read(chain: Chain) -> None:
    path = chain.results / "data/t.json"
    tasks = read_tasks(path)
    assert tasks == read_json(path)["tasks"]
    check_rows(tasks, 6 * 26, path)


def test_tasks_that_were_cut_from_other_samples(chain: Chain, tmp_path: Path) -> None:
    data = chain.results / "data"
    found = read_samples(data / "s.parquet")
    write_samples(tmp_path / "s.parquet", [*found[1:], found[0]])
    words = ["encode", *chain.of, "--dataset", "tiny", "--model", "tiny", "--snapshot"]
    words += [chain.snapshot, "--tasks", data / "t.json", "--out", tmp_path / "e", "--samples"]
    message = mistake(chain, *words, tmp_path / "s.parquet")
    assert "t.json: cut from other samples than" in message
    assert not (tmp_path / "e").exists()


def test_earlier_tasks_of_another_form(chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("{}")
    data = chain.results / "data"
    message = mistake(
        chain, "split", *chain.of, "--dataset", "tiny", "--part", "base", "--samples",
        data / "s.parquet", "--raw", data / "raw", "--before", tmp_path / "t.json", "--out",
        tmp_path / "o.json",
    )  # fmt: skip
    assert message.endswith("t.json: tasks: this key is required")


def test_a_part_that_is_not_there(chain: Chain, tmp_path: Path) -> None:
    for command, more in (
        ("fetch-dataset", []),
        ("prepare", ["--raw", tmp_path, "--report", tmp_path / "r.json"]),
        ("split", ["--raw", tmp_path, "--samples", tmp_path / "s.parquet"]),
    ):
        for part in ("add7", "add0", "addx", "Base", ""):
            words = [*chain.of, "--dataset", "tiny", "--part", part, "--out", tmp_path / "o"]
            message = mistake(chain, command, *words, *more)
            assert message.startswith(f"conpet: error: --part: unknown part {part!r}: ")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ([], "expected a mapping, found []"),
        ({"a": "x"}, "a: expected a list, found 'x'"),
        ({"a": [1]}, "a.0: expected text, found 1"),
        ({"a": ["x"]}, "1 groups, but order.tasks says 2"),
    ],
)
def test_groups_of_another_form(tmp_path: Path, value: Any, line: str) -> None:
    (tmp_path / "g.json").write_text(json.dumps(value))
    write_samples(tmp_path / "s", [Sample(str(i), "t", "x") for i in range(10)])
    about = Split(order=GroupOrder(groups="g.json", tasks=2), split=Partition(scheme="per_class"))
    with pytest.raises(UserError) as caught:
        steps.split(about, ("d", "base"), tmp_path / "s", tmp_path, [], tmp_path / "o")
    assert str(caught.value).startswith("d (base): g.json: ")
    assert line in str(caught.value)


def test_a_task_that_no_method_can_learn_ends_the_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about = Split(classes=["x", "y"], split=Partition(scheme="per_class"))

    def split(x: int, y: int) -> None:
        samples = [Sample(f"{c}{i}", "t", c) for c, n in (("x", x), ("y", y)) for i in range(n)]
        write_samples(tmp_path / "s", samples)
        steps.split(about, ("d", "base"), tmp_path / "s", tmp_path, [], tmp_path / "o")

    with pytest.raises(UserError, match=r"^d \(base\): task 1: no validation sample, by which"):
        split(5, 5)
    assert not (tmp_path / "o").exists()
    about = Split(classes=["x", "y"], split=Partition(scheme="per_class", shares=[0.8, 0.2, 0.0]))
    with pytest.raises(UserError, match=r"^d \(base\): task 1: no test sample, so nothing to"):
        split(10, 10)
    assert not (tmp_path / "o").exists()
    about = Split(classes=["x", "y"], split=Partition(scheme="per_class"))
    split(10, 1)
    said = capsys.readouterr().out
    assert "d (base): 1 of 2 classes (y) have no sample for training" in said
    assert "d (base): 2 of 2 test texts stand in training or validation too: duplicates" in said


def test_duplicates_are_dropped_where_the_config_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\n" + "a,x\n" * 3 + "b,x\nb,y\nc,y\nC ,y\n")
    file = RawFile(name="a.csv", url=str(tmp_path / "a.csv"))
    fetch_files([file], tmp_path / "raw", "d", None)

    def prepared(**more: Any) -> tuple[list[str], Any]:
        about = Prepare(format="table", files=[RawFile(name="a.csv")], **more)
        out, report = tmp_path / "s", tmp_path / "r.json"
        steps.prepare(about, ("d", "base"), tmp_path / "raw", out, report)
        return [s.text for s in read_samples(out)], read_json(report)

    texts, report = prepared()
    assert (texts, report["dropped"]) == (["a", "a", "a", "b", "b", "c", "C "], {})
    assert prepared(duplicates="drop_near")[0] == ["a", "c"]
    texts, report = prepared(duplicates="drop")
    assert texts == ["a", "c", "C "]
    assert sum(found["count"] for found in report["dropped"].values()) == 4
    assert report["samples"] == 3
    (tmp_path / "a.csv").write_text("text,label\na,x\nC,z\nd,z\nd,z\n")
    shutil.rmtree(tmp_path / "raw")
    fetch_files([file], tmp_path / "raw", "d", None)
    later = Prepare(format="table", files=[RawFile(name="a.csv")], duplicates="drop_near")
    paths = [tmp_path / "raw", tmp_path / "t", tmp_path / "r.json"]
    steps.prepare(later, ("d", "add1"), *paths, before=[tmp_path / "s"])
    assert [s.text for s in read_samples(tmp_path / "t")] == ["d"]
    reason = "text that stands in an earlier task's files"
    assert read_json(tmp_path / "r.json")["dropped"][reason]["count"] == 2


def test_duplicates_of_what_an_earlier_task_does_not_have(tmp_path: Path) -> None:
    """What had several labels there goes here too; what is not in the stream takes nothing away."""
    rows = {"add1": "a,x\na,y\nb,x\nc,other\n", "add2": "a,z\nb,z\nc,z\nd,z\n"}
    before: list[Path] = []
    for part, text in rows.items():
        here = tmp_path / part
        here.mkdir()
        (here / "a.csv").write_text("text,label\n" + text)
        file = RawFile(name="a.csv", url=str(here / "a.csv"))
        fetch_files([file], here / "raw", "d", None)
        named = RawFile(name="a.csv")
        about = Prepare(format="table", files=[named], duplicates="drop", classes=["x", "y", "z"])
        paths = [here / "raw", here / "samples.parquet", here / "prepare.json"]
        steps.prepare(about, ("d", part), *paths, before=before)
        before.append(paths[1])
    first, second = ([s.text for s in read_samples(path)] for path in before)
    assert (first, second) == (["b"], ["c", "d"])
    dropped = read_json(tmp_path / "add1/prepare.json")["dropped"]
    assert dropped["class that the task does not have"]["count"] == 1


def test_duplicates_in_tasks_that_the_stream_does_not_have_take_nothing_away(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text("text,label,task\na,x,book\na,y,shop\nb,y,shop\nb,y,shop\n")
    file = RawFile(name="a.csv", url=str(tmp_path / "a.csv"))
    fetch_files([file], tmp_path / "raw", "d", None)
    about = Prepare(
        format="table", files=[RawFile(name="a.csv")], options={"task": "task"},
        duplicates="drop", tasks=["shop"],
    )  # fmt: skip
    steps.prepare(about, ("d", "base"), tmp_path / "raw", tmp_path / "s", tmp_path / "r.json")
    assert [s.text for s in read_samples(tmp_path / "s")] == ["a", "b"]
    dropped = read_json(tmp_path / "r.json")["dropped"]
    assert dropped["task that the stream does not have"]["count"] == 1


@pytest.mark.parametrize(
    ("about", "names"),
    [
        ({}, ["ids"]),
        ({"tasks": [], "pad": 0, "dropped": {}, "single_markers": True}, ["ids", "offsets"]),
        ([], ["ids"]),
        (None, ["ids"]),
    ],
)
def test_an_encoded_file_of_another_form(tmp_path: Path, about: Any, names: list[str]) -> None:
    metadata = None if about is None else {"conpet": json.dumps(about)}
    save_file({name: np.zeros(1) for name in names}, tmp_path / "e", metadata=metadata)
    with pytest.raises(UserError, match="e: not an encoded file"):
        read_part(tmp_path / "e")


def test_an_unknown_command_line_is_one_line_too() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fetch-dataset", "--dataset", "demo"])
    assert ended.value.code == 2


def test_labels_are_renamed_and_kept_apart() -> None:
    given = [Sample("1", "t", "Good"), Sample("2", "t", "fair")]
    found = steps.rename(given, {"Good": "positive"}, "film ")
    assert [s.label for s in found] == ["film positive", "film fair"]
    assert steps.rename(given, {}, "") is given
    with pytest.raises(UserError, match="labels: 'good': no sample has it: the labels are Good, f"):
        steps.rename(given, {"good": "positive"}, "")
