"""What `conpet describe` says is what a run would make of the data."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conpet.commands import main
from conpet.commands.described import open_dataset
from conpet.commands.description_text import columns
from conpet.config.raw import RawFile
from conpet.config.strict import read_yaml
from conpet.data.sources import fetch_files
from conpet.data.stream import open_stream
from conpet.files import read_json, sha256
from tests.chain import Chain, write_yaml


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    made = Chain(tmp_path_factory.mktemp("describe"))
    made.prepare()
    return made


@pytest.fixture
def described(chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command; return its JSON and what it printed."""

    def run(*words: object, results: Path = tmp_path / "none") -> tuple[Any, str]:
        capsys.readouterr()
        options = ["--config-dir", chain.config, "--model", "tiny", "--results", results]
        out = tmp_path / "described.json"
        main(["describe", *map(str, [*words, *options, "--json", out])])
        return read_json(out), capsys.readouterr().out

    return run


def test_sizes_lengths_and_samples(chain: Chain, described: Any) -> None:
    report, text = described("tiny")
    assert report["samples"] == 6 * 26
    assert [list(task["classes"]) for task in report["tasks"]] == [
        task["classes"] for task in read_json(chain.results / "data/t.json")["tasks"]
    ]
    counts = [c for task in report["tasks"] for c in task["classes"].values()]
    assert counts == [{"train": 16, "valid": 4, "test": 6}] * 6
    model = report["models"]["tiny"]
    stream = open_stream([chain.encoded], 3)
    assert model["encoded"] == len(stream.lengths)
    assert model["percentiles"]["50"] == np.median(stream.lengths)
    assert model["percentiles"]["100"] == stream.lengths.max()
    assert (model["cut"], model["dropped"], model["max_length"]) == (0, {}, 128)
    assert [found["task"] for found in model["rendered"]] == [1, 2, 2, 2, 3]
    for found in model["rendered"]:
        number = found["label"].removeprefix("class")
        assert found["text"].startswith(f"[CLS] the w{number}x")
        assert found["text"].endswith("it is [MASK] [SEP]")
    lines = [line.split() for line in text.splitlines()]
    assert ["all", "all", "6", "96", "24", "36", "156"] in lines
    assert ["class0", "16", "4", "6", "26"] in lines
    assert "Dropped\n  nothing\n" in text


RELATIONS = [
    ("<e1>w0x0</e1> a <e2>w0x1</e2>", "class0"),
    ("<e1>w0x0</e1> the <e2>w0x2</e2>", "class0"),
    ("<e1>w1x0</e1> is <e2>w1x1</e2>", "class1"),
    ("the the the the the <e1>w1x0</e1> the the <e2>w1x2</e2> the the", "class1"),
    (f"<e1>w1x0</e1> is <e2>{' w1x1' * 9}</e2>", "class1"),
    ("<e1>w1x0</e1> is w1x1", "class1"),
    ("<e1>w2x0</e1> a <e2>w2x1</e2>", ""),
    ("<e1>w2x0</e1> a <e2>w2x1</e2>", "class2"),
]  # fmt: skip


def test_what_is_dropped_and_cut_and_why(chain: Chain, tmp_path: Path, described: Any) -> None:
    lines = [json.dumps({"text": t, "label": c, "split": "train"}) + "\n" for t, c in RELATIONS]
    (tmp_path / "r.jsonl").write_text("".join(lines))
    order = {"dataset": "r", "source": "here", "tasks": [["class0"], ["class1"]]}
    (chain.config / "class_orders").mkdir(exist_ok=True)
    (chain.config / "class_orders" / "r.json").write_text(json.dumps(order))
    data = {
        "title": "R", "licence": "none", "kind": "relation", "format": "marked",
        "template": "{tail} is {mask}", "files": ["r.jsonl"], "order": {"file": "r"},
        "split": {"scheme": "per_class"},
    }  # fmt: skip
    write_yaml(tmp_path / "r.yaml", data)
    report, text = described(tmp_path / "r.yaml", "--max-length", 16)
    assert report["samples"] == 6
    dropped = report["dropped"]["base"]
    assert {reason: found["count"] for reason, found in dropped.items()} == {
        "marker missing": 1, "empty label": 1,
    }  # fmt: skip
    assert dropped["empty label"]["first"] == ["r.jsonl: line 7"]
    assert report["samples_without_task"] == 1
    model = report["models"]["tiny"]
    assert model["dropped"] == {"train text whose mentions and cloze exceed max_length": 1}
    assert (model["cut"], model["encoded"], model["percentiles"]["100"]) == (1, 4, 20)
    assert [found["tokens"] for found in model["rendered"]].count(16) == 1
    (cut,) = [found["text"] for found in model["rendered"] if found["tokens"] == 16]
    assert "[unused0] w1x0 [unused1] the the [unused2] w1x2 [unused3]" in cut
    assert cut.endswith("w1x2 is [MASK] [SEP]")
    for expected in (
        "1 in reading (base): marker missing: first r.jsonl: line 6",
        "1 of classes that no task names",
        "1 in encoding for tiny: train text whose mentions and cloze exceed max_length",
    ):
        assert expected in text


def test_an_experiment_with_its_own_dataset(tmp_path: Path, described: Any) -> None:
    (tmp_path / "t.csv").write_text("".join(["text,label\n", "a w0x0,x\n" * 10, "a w1x0,y\n" * 10]))
    write_yaml(tmp_path / "mine.yaml", {
        "title": "Mine", "datasets": {"t": {"files": ["t.csv"], "order": {"seed": 1, "tasks": 1}}},
        "methods": ["finetune"], "settings": {"encoding": {"max_length": 20}},
    })  # fmt: skip
    report, _ = described(tmp_path / "mine.yaml")
    assert report["tasks"][0]["classes"] == {
        "x": {"train": 8, "valid": 1, "test": 1}, "y": {"train": 8, "valid": 1, "test": 1},
    }  # fmt: skip
    model = report["models"]["tiny"]
    assert model["max_length"] == 20
    # one task only: five samples of it, none twice
    assert len({found["id"] for found in model["rendered"]}) == 5


def test_what_one_should_know_before_anything_is_trained(tmp_path: Path, described: Any) -> None:
    rows = [f"a w{c}x{i % 3}{' the' * i},c{c},train" for c in range(3) for i in range(12)]
    rows += [
        "a w0x1 the,c0,test",
        "a w0x1 the,c0,test",
        "is ✿ 漢 w1x1,c1,test",
        "a w2x1 the,c0,test",
        "A  w1x1 THE,c1,test",
    ]
    rows += ['"is ', 'w2x2",c2,test', "lonely,c3,test"]
    (tmp_path / "w.csv").write_text("\n".join(["text,label,split", *rows, ""]))
    value: dict[str, Any] = {
        "title": "W", "licence": "none", "kind": "sentence", "format": "table",
        "options": {"split": "split"}, "template": "it is {mask}", "files": ["w.csv"],
        "order": {"seed": 1, "tasks": 1},
    }  # fmt: skip
    write_yaml(tmp_path / "w.yaml", value)
    report, text = described(tmp_path / "w.yaml")
    warned = " ".join(text.partition("\nWarnings\n")[2].split())
    assert "1 of 4 classes (c3) have no sample for training: it cannot be learnt" in warned
    near = "but for white space, case or Unicode form, 1 of 43 samples are copies of another"
    assert near in warned and "duplicates: drop_near leaves them out" in warned
    assert "2 of 43 samples are copies of another, with the same label: first" in warned
    assert "3 of 7 test texts stand in training or validation too" in warned
    assert "1 of 40 different texts have several labels" in warned
    unknown = report["models"]["tiny"]["unknown"]
    assert unknown["texts"] == 2  # and that of c3
    assert f"tiny does not know {unknown['share']:.2%} of its tokens, in 2 of 43 texts" in warned
    assert "rows that span lines: 1, the first at line 43 with 2 lines ('is \\nw2x2')" in " ".join(
        text.split()
    )
    write_yaml(tmp_path / "w.yaml", {**value, "split": {"scheme": "per_class"}})
    report, text = described(tmp_path / "w.yaml")
    assert "43 of 43 samples have a split of their own" in text
    write_yaml(tmp_path / "w.yaml", {**value, "duplicates": "drop"})
    report, text = described(tmp_path / "w.yaml")
    assert report["samples"] == 39
    assert report["duplicates"].keys() == {"near_copies", "near_tests_seen_before"}
    write_yaml(tmp_path / "w.yaml", {**value, "duplicates": "drop_near"})
    report, text = described(tmp_path / "w.yaml")
    assert (report["samples"], report["duplicates"]) == (38, {})
    assert "text with several labels" in text


def test_rows_of_tasks_that_the_order_does_not_name_are_told(
    tmp_path: Path, described: Any
) -> None:
    tasks = {"shop": 0, "Shop": 1, "film": 2, "book": 3}
    rows = [f"a w{c}x{i},c{c},{task}" for task, c in tasks.items() for i in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label,t", *rows, ""]))
    value: dict[str, Any] = {
        "title": "T", "licence": "none", "kind": "sentence", "format": "table",
        "options": {"task": "t"}, "template": "it is {mask}", "files": ["t.csv"],
        "order": {"names": ["film", "shop"]}, "split": {"scheme": "per_class"},
    }  # fmt: skip
    write_yaml(tmp_path / "t.yaml", value)
    report, _ = described(tmp_path / "t.yaml")
    assert report["samples_without_task"] == 40
    assert report["warnings"] == [
        "left out, as order.names does not have their tasks: 'Shop' (20 rows: did you mean "
        "'shop'?), 'book' (20 rows)"
    ]
    write_yaml(tmp_path / "t.yaml", {**value, "order": {"names": ["film", "shop", "Shop", "book"]}})
    report, _ = described(tmp_path / "t.yaml")
    assert (report["samples_without_task"], report["warnings"]) == (0, [])


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("method", ["finetune"], "method: unknown key: did you mean 'methods'?"),
        ("seeds", 5, "seeds: expected a list, found 5"),
        ("tasks", "1", "tasks: expected a whole number, found '1'"),
    ],
)
def test_an_experiment_that_could_not_run_is_refused(
    key: str, value: object, said: str, tmp_path: Path, described: Any
) -> None:
    about: dict[str, object] = {"title": "T", "datasets": ["tiny"], "methods": ["finetune"]}
    write_yaml(tmp_path / "e.yaml", about | {key: value})
    with pytest.raises(SystemExit, match=re.escape(said)):
        described(tmp_path / "e.yaml")


def test_methods_that_are_not_there_are_told_with_the_data(chain: Chain, tmp_path: Path) -> None:
    about = {"title": "T", "datasets": ["tiny"], "models": ["tiny"], "methods": ["finetun"]}
    write_yaml(tmp_path / "e.yaml", about)
    with pytest.raises(SystemExit, match="unknown method 'finetun': did you mean 'finetune'"):
        main(["describe", str(tmp_path / "e.yaml"), "--config-dir", str(chain.config)])


def test_five_rows_a_class_are_told_before_a_model_is_asked(tmp_path: Path, described: Any) -> None:
    rows = [f"a w{c}x{i},c{c}" for c in range(4) for i in range(5)]
    (tmp_path / "few.csv").write_text("\n".join(["text,label", *rows, ""]))
    report, text = described(tmp_path / "few.csv", "--format", "table", "--tasks", 2)
    assert report["warnings"][0] == (
        "tasks 1, 2: no validation sample, by which the best epoch is chosen: give each class 6 "
        "samples or more, or say split.shares [0.6, 0.2, 0.2]: then 3 are enough; or "
        "say split: {validation: false}, and the last epoch is kept"
    )
    assert "tasks 1, 2: no validation sample" in text


def test_later_additions_are_shown(chain: Chain, tmp_path: Path, described: Any) -> None:
    value = read_yaml(chain.config / "datasets/tiny.yaml")
    (tmp_path / "more.csv").write_text("text,label,split\na w5x1,late,train\nis w5x1,late,test\n")
    value["additions"] = [{"files": ["more.csv"], "classes": ["late"]}]
    write_yaml(tmp_path / "grown.yaml", value)
    report, _ = described(tmp_path / "grown.yaml")
    assert [task["part"] for task in report["tasks"]] == ["base"] * 3 + ["add1"]
    assert report["tasks"][3]["classes"] == {"late": {"train": 1, "valid": 0, "test": 1}}
    assert report["models"]["tiny"]["rendered"][-1]["label"] == "late"


def test_a_file_without_any_yaml(tmp_path: Path, described: Any) -> None:
    entry = {"tokens": ["w0x0", "is", "the", "w0x1"], "h": ["w0x0", "Q", [[0]]],
             "t": ["w0x1", "Q", [[3]]]}  # fmt: skip
    path = tmp_path / "my relations.json"
    path.write_text(json.dumps({f"P{i}": [entry] * 10 for i in range(4)}))
    report, text = described(path, "--format", "fewrel", "--tasks", 2, "--seed", 7)
    assert (report["dataset"], report["kind"]) == ("my_relations", "relation")
    assert [len(task["classes"]) for task in report["tasks"]] == [2, 2]
    assert "[unused0] w0x0 [unused1] is the [unused2] w0x1 [unused3]" in text
    other, _ = described(path, "--format", "fewrel", "--tasks", 4)
    assert len(other["tasks"]) == 4


def test_raw_files_and_models_of_a_run_are_used_if_they_are_the_same(
    chain: Chain, tmp_path: Path, described: Any
) -> None:
    source = tmp_path / "mirror" / "pinned" / "p.csv"
    source.parent.mkdir(parents=True)
    source.write_text("text,label\n" + "a w0x0,x\n" * 10)
    value = {
        "title": "P", "licence": "none", "kind": "sentence", "format": "table",
        "template": "{mask}", "files": [{"name": "p.csv", "sha256": sha256(source)}],
        "order": {"seed": 1, "tasks": 1}, "split": {"scheme": "per_class"},
    }  # fmt: skip
    path = tmp_path / "pinned.yaml"
    write_yaml(path, value)
    results = tmp_path / "results"
    files = [RawFile.model_validate(file) for file in value["files"]]  # type: ignore[attr-defined]
    fetch_files(files, results / "data/pinned/base/raw", "pinned", tmp_path / "mirror")
    source.unlink()
    before = sorted(p for p in results.rglob("*"))
    report, _ = described(path, results=results)
    assert report["samples"] == 10
    assert sorted(p for p in results.rglob("*")) == before  # nothing is left in results
    write_yaml(path, value | {"files": [{"name": "p.csv", "sha256": "0" * 64}]})
    with pytest.raises(SystemExit, match="no public download"):
        described(path, results=results)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tny"], "describe: datasets: unknown dataset 'tny': did you mean 'tiny'?"),
        (["none.yaml"], "none.yaml: cannot be read: No such file or directory"),
        (["none.json", "--format", "fewrel"], "none.json: no such file: give the path of a data"),
        (["tiny", "--tasks", "2"], "--seed, --option: the YAML says them: they go with a data f"),
        (["tiny", "--max-length", "2"], "encoding.max_length: expected 8 or more, found 2"),
        ([__file__, "--format", "fewrl"], "unknown format 'fewrl': did you mean 'fewrel'?"),
        ([__file__, "--format", "marked"], "--kind: marked leaves it open: give relation or"),
        ([__file__, "--format", "fewrel", "--tasks", "0"], "order.tasks: expected 1 or more, foun"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(described: Any, words: list[str], expected: str) -> None:
    with pytest.raises(SystemExit) as ended:
        described(*words)
    message = str(ended.value)
    assert message.startswith("conpet: error: ")
    assert expected in message
    assert "\n" not in message


def test_columns_line_up() -> None:
    assert columns([["a", "n"], ["bcd", 12345], ["e", 6]], 1) == [
        "a         n", "bcd  12,345", "e         6",
    ]  # fmt: skip


def test_every_dataset_of_an_experiment_is_meant(chain: Chain) -> None:
    path = chain.config / "experiments" / "tiny.yaml"
    assert [name for _, name in open_dataset(str(path), ["tiny"], chain.config)] == ["tiny"]


def test_real_relations(mirror: Path, described: Any) -> None:
    path = mirror / "fewrel" / "val_wiki.json"
    report, _ = described(path, "--format", "fewrel", "--tasks", 8)
    assert report["samples"] == 16 * 700
    counts = [c for task in report["tasks"] for c in task["classes"].values()]
    assert counts == [{"train": 560, "valid": 70, "test": 70}] * 16
    assert [found["task"] for found in report["models"]["tiny"]["rendered"]] == [1, 3, 4, 6, 8]


@pytest.mark.parametrize(
    ("name", "what"),
    [("nofile.csv", "no such file"), ("some/where", "no such file"), ("{folder}", "is a folder")],
)
def test_a_path_that_leads_to_no_file_is_told_as_one(
    name: str, what: str, chain: Chain, tmp_path: Path
) -> None:
    given = name.format(folder=tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["describe", given, "--config-dir", str(chain.config)])
    assert str(stopped.value.code).startswith(f"conpet: error: {given}: {what}")
