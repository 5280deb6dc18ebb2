"""A labelled file of new classes becomes the next task, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conpet.commands import main
from conpet.commands.checks import open_experiment
from conpet.config.strict import read_yaml
from conpet.data.samples import write_samples
from conpet.data.schema import Sample
from conpet.errors import UserError
from conpet.files import read_json, write_json
from tests.chain import Chain, write_yaml

ROWS = "text,label\n" + "".join(f"w{i} a,late{i % 2}\n" for i in range(20))


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(tmp_path)


def run(chain: Chain, *words: str, dataset: str = "tiny") -> None:
    folders = ["--config-dir", str(chain.config), "--results", str(chain.results)]
    main(["extend", dataset, *words, *folders])


def stopped(chain: Chain, *words: str, dataset: str = "tiny") -> str:
    before = {path: path.read_bytes() for path in chain.config.rglob("*.yaml")}
    with pytest.raises(SystemExit) as error:
        run(chain, *words, dataset=dataset)
    assert {path: path.read_bytes() for path in chain.config.rglob("*.yaml")} == before
    return str(error.value.code)


def test_two_files_become_two_tasks(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    config = (chain.config / "datasets/tiny.yaml").read_bytes()
    for name, label in (("a.csv", "late"), ("b.csv", "later")):
        (chain.folder / name).write_text(ROWS.replace("late", label))
        run(chain, str(chain.folder / name))
    assert "a new task of 2 classes: late0, late1" in capsys.readouterr().out
    # what is published of a dataset goes by its own config
    assert (chain.config / "datasets/tiny.yaml").read_bytes() == config
    first, second = read_yaml(chain.config / "additions/tiny.yaml")["additions"]
    assert (first["classes"], second["classes"]) == (["late0", "late1"], ["later0", "later1"])
    assert first["files"][0]["url"] == "../../a.csv"
    assert first["split"] == {"scheme": "per_class"}
    data, part = chain.results / "data", [*chain.of, "--dataset", "tiny", "--part"]
    chain.prepare()
    before: list[str | Path] = ["--before", data / "t.json"]
    for name in ("add1", "add2"):
        here = data / name
        chain("fetch-dataset", *part, name, "--out", here / "raw")
        chain("prepare", *part, name, "--raw", here / "raw", "--out", here / "s.parquet",
              "--report", here / "r.json")  # fmt: skip
        chain("split", *part, name, "--samples", here / "s.parquet", "--raw", here / "raw",
              *before, "--out", here / "t.json")  # fmt: skip
        before += ["--before", here / "t.json"]
        (task,) = read_json(here / "t.json")["tasks"]
        assert task["task"] == 2 + len(before) // 2
        assert (len(task["train"]), len(task["valid"]), len(task["test"])) == (16, 2, 2)


def test_a_dataset_that_an_experiment_writes_out(chain: Chain) -> None:
    write_yaml(chain.folder / "mine.yaml", {
        "title": "Mine", "datasets": {"topics": {"files": ["tiny.csv"]}}, "models": ["tiny"],
        "methods": ["finetune"],
    })  # fmt: skip
    file, mine = str(chain.folder / "a.csv"), str(chain.folder / "mine.yaml")
    Path(file).write_text(ROWS)
    line = stopped(chain, file, dataset="topics")
    assert "for one that an experiment writes out, give --experiment: unknown dataset" in line
    assert "did you mean 'topics'?" in stopped(chain, file, "--experiment", mine, dataset="topic")
    run(chain, file, "--experiment", mine, dataset="topics")
    experiment = open_experiment(mine, chain.config)
    assert experiment.datasets["topics"].parts() == ["base", "add1"]
    assert experiment.datasets["topics"].part("add1").files[0].url == str(
        chain.config / "additions/../../a.csv"
    )
    line = stopped(chain, file, "--experiment", mine, dataset="topics")
    assert "the stream has this very file already (add1)" in line
    # another experiment's data of that name are not what was extended
    (chain.folder / "other.csv").write_text("text,label\na,b\n")
    value = {"title": "T", "models": ["tiny"], "methods": ["finetune"]}
    other = chain.folder / "other.yaml"
    write_yaml(other, {**value, "datasets": {"topics": {"files": ["other.csv"]}}})
    with pytest.raises(UserError) as caught:
        open_experiment(str(other), chain.config)
    assert str(caught.value) == (
        f"{other}: datasets.topics: {chain.config}/additions/topics.yaml is of other data of that "
        f"name, which {mine} writes out: give one of the two another name"
    )
    write_yaml(other, {**value, "datasets": {"topics": {"files": ["tiny.csv"], "title": "Same"}}})
    assert open_experiment(str(other), chain.config).datasets["topics"].parts() == ["base", "add1"]
    Path(mine).rename(chain.folder / "moved.yaml")
    assert open_experiment(str(other), chain.config).datasets["topics"].additions
    write_yaml(other, {**value, "datasets": {"topics": {"files": ["other.csv"]}}})
    with pytest.raises(UserError, match=r"other data of that name, which .*mine\.yaml wrote out"):
        open_experiment(str(other), chain.config)


def test_a_new_task_is_cut_as_the_others_are(chain: Chain) -> None:
    config = read_yaml(chain.config / "datasets/tiny.yaml")
    split = {"most": 8, "seed": 9, "shares": [0.5, 0.25, 0.25], "without_test": True}
    write_yaml(chain.config / "datasets/tiny.yaml", {**config, "split": split})
    (chain.folder / "a.csv").write_text(ROWS)
    run(chain, str(chain.folder / "a.csv"))
    (entry,) = read_yaml(chain.config / "additions/tiny.yaml")["additions"]
    assert entry["split"] == {**split, "scheme": "per_class"}


def test_a_split_of_the_file_is_kept_whatever_the_dataset_has(chain: Chain) -> None:
    write_yaml(chain.folder / "mine.yaml", {
        "title": "Mine", "datasets": {"topics": {"files": ["tiny.csv"]}}, "models": ["tiny"],
        "methods": ["finetune"],
    })  # fmt: skip
    rows = [f"a{i},late,{'test' if i > 5 else 'train'}\n" for i in range(9)]
    (chain.folder / "a.csv").write_text("text,label,split\n" + "".join(rows))
    mine = str(chain.folder / "mine.yaml")
    run(chain, str(chain.folder / "a.csv"), "--option", "split=split", "--experiment", mine,
        dataset="topics")  # fmt: skip
    partition = open_experiment(mine, chain.config).datasets["topics"].partition("add1")
    assert partition.scheme == "official"


def test_a_column_of_splits_is_followed_as_in_the_dataset(chain: Chain) -> None:
    parts = ["train"] * 6 + ["valid"] * 2 + ["test"] * 4
    rows = [f"w{i} {name},{name},{parts[i]}\n" for name in ("one", "two") for i in range(12)]
    (chain.folder / "own.csv").write_text("words,name,part\n" + "".join(rows))
    mine, new = chain.folder / "mine.yaml", chain.folder / "a.csv"
    options = {"text": "words", "label": "name", "split": "part"}
    data = {"files": ["own.csv"], "options": options, "order": {"seed": 1, "tasks": 2}}
    write_yaml(mine, {
        "title": "Mine", "datasets": {"topics": data}, "models": ["tiny"], "methods": ["finetune"],
    })  # fmt: skip
    for columns, expected in (
        ("words,name,part", options),
        ("text,label,part", {"split": "part"}),
        ("words,name,more", {"text": "words", "label": "name"}),
        ("text,label,more", {}),
    ):
        new.write_text(columns + "\n" + "".join(rows).replace("one", "late").replace("two", "new"))
        run(chain, str(new), "--experiment", str(mine), dataset="topics")
        (entry,) = read_yaml(chain.config / "additions/topics.yaml")["additions"]
        assert entry["options"] == expected
        scheme = "official" if "split" in expected else "per_class"
        assert open_experiment(str(mine), chain.config).datasets["topics"].partition(
            "add1"
        ).scheme == scheme  # fmt: skip
        (chain.config / "additions/topics.yaml").unlink()


def test_a_column_of_splits_is_followed_beside_options_that_are_given(
    chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = ["train"] * 6 + ["valid"] * 2 + ["test"] * 4
    rows = "".join(f"w{i},late,{part},{part}\n" for i, part in enumerate(parts))
    new, additions = chain.folder / "a.csv", chain.config / "additions/tiny.yaml"
    for columns, more, expected in (
        ("words,label,split,part", [], {"text": "words", "split": "split"}),
        ("words,label,split,part", ["split=part"], {"text": "words", "split": "part"}),
        ("words,label,fold,part", [], {"text": "words"}),
    ):
        new.write_text(columns + "\n" + rows)
        run(chain, str(new), *(w for o in ("text=words", *more) for w in ("--option", o)))
        (entry,) = read_yaml(additions)["additions"]
        assert entry["options"] == expected
        told = "split: column split says it" in capsys.readouterr().out
        assert told == (expected.get("split") == "split")
        additions.unlink()


def write_mine(chain: Chain, data: dict[str, Any]) -> list[str]:
    """Write an experiment with data of its own, ``topics``; return the words that name it."""
    mine = chain.folder / "mine.yaml"
    write_yaml(mine, {
        "title": "Mine", "datasets": {"topics": data}, "models": ["tiny"], "methods": ["finetune"],
    })  # fmt: skip
    return ["--experiment", str(mine)]


def test_texts_of_another_form_are_refused(chain: Chain) -> None:
    new = chain.folder / "a.csv"
    new.write_text(ROWS)
    options = {"text": ["premise", "hypothesis"], "label": "gold"}
    pairs = {"files": ["tiny.csv"], "options": options,
             "template": "{premise} So {hypothesis} {mask}"}  # fmt: skip
    mine = write_mine(chain, pairs)
    line = stopped(chain, str(new), *mine, dataset="topics")
    assert line == (
        f"conpet: error: {new}: kind: fields: a text of the stream has premise, hypothesis, one of "
        "this file is of one part: say which columns they are, --option "
        '\'text={"premise": "COLUMN", "hypothesis": "COLUMN"}\''
    )
    # the label alone is called otherwise
    new.write_text("premise,hypothesis,label\n" + ROWS.partition("\n")[2].replace(" a,", ",b,"))
    run(chain, str(new), *mine, dataset="topics")
    (entry,) = read_yaml(chain.config / "additions/topics.yaml")["additions"]
    assert entry["options"] == {"text": ["premise", "hypothesis"]}
    assert open_experiment(mine[1], chain.config).datasets["topics"].parts() == ["base", "add1"]


@pytest.mark.parametrize(
    ("kind", "words", "content", "line"),
    [
        ("relation", ["a.csv", "--format", "table"], ROWS, "sample a:2: no head is marked, as "),
        ("relation", ["a.jsonl"], '{"text": "<e>a</e> b", "label": "late"}\n', "a:1: no head is"),
        ("sentence", ["a.jsonl", "--format", "marked"],
         '{"text": "<e>a</e> b", "label": "late"}\n', "a:1: a text with marks, but kind: sen"),
        ("sentence", ["a.csv", "--option", 'text=["text", "id"]'], "text,id,label\na,b,c\n",
         "kind: sentence, but options: a text has fields (text, id)"),
    ],
)  # fmt: skip
def test_texts_with_other_marks_are_refused(
    kind: str, words: list[str], content: str, line: str, chain: Chain
) -> None:
    (chain.folder / words[0]).write_text(content)
    form = "marked" if kind == "relation" else "table"
    mine = write_mine(chain, {"files": ["tiny.csv"], "kind": kind, "format": form})
    file = str(chain.folder / words[0])
    assert line in stopped(chain, file, *words[1:], *mine, dataset="topics")


def test_one_file_is_one_task(chain: Chain) -> None:
    file = chain.folder / "a.csv"
    file.write_text(ROWS)
    run(chain, str(file))
    line = stopped(chain, str(file), "--shared")
    assert "a.csv: the stream has this very file already (add1): give one of other texts" in line


@pytest.mark.parametrize("left", ["additions:\n", "additions: []\n"])
def test_an_entry_that_was_deleted_may_come_again(chain: Chain, left: str) -> None:
    (chain.folder / "a.csv").write_text(ROWS)
    run(chain, str(chain.folder / "a.csv"))
    path = chain.config / "additions/tiny.yaml"
    entry = read_yaml(path)
    path.write_text(left)
    assert open_experiment("tiny", chain.config).datasets["tiny"].additions == []
    run(chain, str(chain.folder / "a.csv"))
    assert read_yaml(path) == entry


def own_stream(chain: Chain) -> list[str]:
    """Write an experiment on a file of one's own that nothing is prepared of."""
    (chain.folder / "own.csv").write_text(ROWS)
    data = {"files": ["own.csv"], "order": {"seed": 1, "tasks": 1}}
    write_yaml(chain.folder / "mine.yaml", {
        "title": "Mine", "datasets": {"topics": data}, "models": ["tiny"], "methods": ["finetune"],
    })  # fmt: skip
    return ["--experiment", str(chain.folder / "mine.yaml")]


def test_the_streams_own_file_is_no_new_task(chain: Chain) -> None:
    mine = own_stream(chain)
    line = stopped(chain, str(chain.folder / "own.csv"), *mine, "--shared", dataset="topics")
    assert "own.csv: the stream has this very file already (base)" in line


def test_classes_of_ones_own_files_are_known_before_anything_is_made(
    chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = own_stream(chain)
    (chain.folder / "a.csv").write_text(ROWS.replace("w", "x"))
    line = stopped(chain, str(chain.folder / "a.csv"), *mine, dataset="topics")
    assert "class late0: the stream has it" in line
    (chain.folder / "a.csv").write_text(ROWS.replace("late", "new"))
    run(chain, str(chain.folder / "a.csv"), *mine, dataset="topics")
    assert "not all known yet" not in capsys.readouterr().out
    read = (chain.folder / "own.csv").rename(chain.folder / "away.csv")
    assert read.is_file()
    (chain.folder / "b.csv").write_text(ROWS.replace("late", "newer"))
    run(chain, str(chain.folder / "b.csv"), *mine, dataset="topics")
    assert "the stream's are not all known yet" in capsys.readouterr().out


def test_a_class_that_labels_make_is_of_the_stream(chain: Chain) -> None:
    data = {"files": ["tiny.csv"], "labels": {"w0": "late0"}}
    mine = chain.folder / "mine.yaml"
    write_yaml(mine, {
        "title": "Mine", "datasets": {"topics": data}, "models": ["tiny"], "methods": ["finetune"],
    })  # fmt: skip
    (chain.folder / "a.csv").write_text(ROWS)
    line = stopped(chain, str(chain.folder / "a.csv"), "--experiment", str(mine), dataset="topics")
    assert "class late0: the stream has it" in line


def test_texts_that_duplicates_drop_are_none_to_learn_from(chain: Chain) -> None:
    mine = chain.folder / "mine.yaml"
    data = {"files": ["tiny.csv"], "duplicates": "drop"}
    write_yaml(mine, {
        "title": "Mine", "datasets": {"topics": data}, "models": ["tiny"], "methods": ["finetune"],
    })  # fmt: skip
    samples = [Sample(f"b{i}", f"w{i} a", "old") for i in range(0, 20, 2)]
    write_samples(chain.results / "data/topics/base/samples.parquet", samples)
    (chain.folder / "a.csv").write_text(ROWS)
    line = stopped(chain, str(chain.folder / "a.csv"), "--experiment", str(mine), dataset="topics")
    assert "'late0' has no sample in the data" in line


NAMES = ["25921e05", "null", "yes", "1_000", "0777", "2024-01-02", "~", "a: b", "# x", "it's", "ü"]


OWN = {"files": ["m.csv"], "classes": ["m"]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# ours\nadditions:\n  - {files: [m.csv], classes: ['m']}  # mine\n\n# the rest\n",
        "additions: [{files: [m.csv], classes: [m]}]  # mine\n",
    ],
)
def test_class_names_stay_text_and_comments_stay(chain: Chain, text: str) -> None:
    path = chain.config / "additions/tiny.yaml"
    if text:
        path.parent.mkdir()
        path.write_text(text)
    rows = [f'"w{i} a","{name}"\n' for name in NAMES for i in range(10)]
    (chain.folder / "a.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
    run(chain, str(chain.folder / "a.csv"))
    *others, added = read_yaml(path)["additions"]
    assert added["classes"] == NAMES
    assert others == ([OWN] if text else [])
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    kept = path.read_text(encoding="utf-8")
    assert all(f"#{comment}\n" in kept for comment in comments)
    # quoted, so a reader of YAML 1.1 takes them for text as well
    assert all(f"'{name}'" in kept for name in NAMES if "'" not in name)
    assert open_experiment("tiny", chain.config).datasets["tiny"].parts()[-1].startswith("add")


@pytest.mark.parametrize("text", ["", "[]", "additions: {}", "more: 1"])
def test_a_file_of_additions_that_is_none(chain: Chain, text: str) -> None:
    (chain.config / "additions").mkdir()
    (chain.config / "additions/tiny.yaml").write_text(text)
    (chain.folder / "a.csv").write_text(ROWS)
    line = stopped(chain, str(chain.folder / "a.csv"))
    assert f"{chain.config}/additions/tiny.yaml: " in line
    assert "\n" not in line


def test_an_old_class_is_refused(chain: Chain) -> None:
    (chain.folder / "a.csv").write_text(ROWS)
    write_json(chain.results / "data/tiny/base/prepare.json", {"labels": {"late1": 3}})
    line = stopped(chain, str(chain.folder / "a.csv"))
    assert "class late1: the stream has it: a task brings new classes only" in line


@pytest.mark.parametrize("value", [[], {}, {"labels": 3}])
def test_a_report_of_another_form(chain: Chain, value: Any) -> None:
    (chain.folder / "a.csv").write_text(ROWS)
    write_json(chain.results / "data/tiny/base/prepare.json", value)
    assert "prepare.json: says no labels: delete" in stopped(chain, str(chain.folder / "a.csv"))


def test_rows_that_are_left_out_are_told(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    (chain.folder / "a.csv").write_text(f"{ROWS},late0\n")
    run(chain, str(chain.folder / "a.csv"))
    out = capsys.readouterr().out
    assert "a new task of 2 classes" in out
    assert "left out: 1 rows, empty text: a.csv: line 22" in out


def test_a_text_of_nothing_to_be_seen_is_none(
    chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    (chain.folder / "a.csv").write_text(f"{ROWS}\u200b\u00ad,late0\n")
    run(chain, str(chain.folder / "a.csv"))
    assert "left out: 1 rows, empty text: a.csv: line 22" in capsys.readouterr().out


def test_texts_that_the_stream_has_are_told(
    chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    (chain.folder / "a.csv").write_text(ROWS)
    part = chain.results / "data/tiny/base"
    part.mkdir(parents=True, exist_ok=True)
    there = [Sample("1", "w3 a", "other"), Sample("2", "w4 a", "late0"), Sample("3", "b", "other")]
    write_samples(part / "samples.parquet", there)
    run(chain, str(chain.folder / "a.csv"))
    said = "texts that stand in the stream already: 2 of 20, 1 of them with another label alone"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "content", "line"),
    [
        (["none.csv"], None, "none.csv: no such file"),
        (["a.csv"], b"body,label\nx,y\n", "a.csv: line 1: column 'text' is not among the columns"),
        (
            ["a.csv"],
            b"message,category\nx,y\nz,y\n",
            "cut at each comma): give --option text=message --option label=category, or --option "
            "header=false where line 1 is a sample",
        ),
        (["a.csv"], b"text,label\ncaf\xe9,late0\n", "a.csv: line 2: not UTF-8"),
        (["a.csv"], b"text,label\n", "a.csv: no sample left (0 dropped)"),
        (["a.csv"], b"text,label\n,late0\n", "a.csv: no sample left (1 dropped)"),
        (["a.csv"], b"", "a.csv: line 1: the file is empty"),
        (["a.csv", "--format", "tables"], ROWS.encode(), "format 'tables': unknown"),
        (["a.csv", "--option", "txt=body"], ROWS.encode(), "option txt"),
        (
            ["a.csv"],
            b"text,label\na,b\n",
            "a.csv: class b: 1 sample, none to train on: give each class 6 samples or more",
        ),
        (
            ["a.csv"],
            f"{ROWS}x,one\n".encode(),
            "a.csv: class one: 1 sample, none to train on: give",
        ),
        (["a.csv"], b"text,label\n" + b"a,b\n" * 5, "a.csv: no validation sample in the new task"),
        (["a.csv", "--option", "text"], ROWS.encode(), "--option text: give KEY=VALUE"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing(
    words: list[str], content: bytes | None, line: str, chain: Chain
) -> None:
    if content is not None:
        (chain.folder / "a.csv").write_bytes(content)
    message = stopped(chain, str(chain.folder / words[0]), *words[1:])
    assert line in message
    assert "split.shares" not in message  # other tasks are cut by them already
    assert "\n" not in message
