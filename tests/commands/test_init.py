"""What `conpet init` makes of files by their names and folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conpet.commands import main
from conpet.commands.checks import open_experiment
from conpet.config.strict import read_yaml
from tests.conftest import ROOT


def rows(each: int) -> str:
    return "text,label\n" + "".join(f"w{i} {n} x,{n}\n" for n in "abcd" for i in range(each))


def init(folder: Path, *files: tuple[str, int]) -> dict[str, object]:
    for name, each in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(rows(each))
    out = folder / "out"
    out.mkdir()
    paths = [str(folder / name) for name, _ in files]
    config = ["--config-dir", str(ROOT / "config")]
    main(["init", *paths, "--name", "begun", "--out", str(out), *config])
    (found,) = read_yaml(out / "begun.yaml")["datasets"].values()
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize("names", [("train/a.csv", "test/a.csv"), ("a_train.csv", "a_test.csv")])
def test_train_and_test_are_one_thing(names: tuple[str, str], tmp_path: Path) -> None:
    data = init(tmp_path, (names[0], 8), (names[1], 3))
    assert [file["split"] for file in data["files"]] == ["train", "test"]  # type: ignore[attr-defined]
    assert data["split"] == {"scheme": "official"}


@pytest.mark.parametrize("mark", ["", "_"])
def test_a_number_behind_the_split_is_the_tasks(mark: str, tmp_path: Path) -> None:
    files = [(f"{split}{mark}{n}.csv", 6) for n in (1, 2) for split in ("train", "test")]
    data: dict[str, Any] = init(tmp_path, *files)
    assert len(data["tasks"]) == 2
    assert [file["split"] for task in data["tasks"] for file in task["files"]] == [
        "train", "test", "train", "test",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["a#b.csv", "what?.csv", "data:topics.csv", "a%20b.csv"])
def test_a_path_may_hold_any_letter(name: str, tmp_path: Path) -> None:
    data: dict[str, Any] = init(tmp_path, (name, 8))
    assert data["files"] == [f"../{name}"]
    about = open_experiment(str(tmp_path / "out/begun.yaml"), ROOT / "config")
    ((file,),) = [d.part("base").sources() for d in about.datasets.values()]
    assert file.name == name
    assert str(file.local_path()) == str(tmp_path / "out" / ".." / name)


def test_white_space_round_a_tasks_name_is_none_of_it(tmp_path: Path) -> None:
    lines = [f"w{i} x, {task},{n}" for task in ("shop", "film") for n in "ab" for i in range(8)]
    (tmp_path / "a.csv").write_text("\n".join(["text,domain,label", *lines]) + "\n")
    config = ["--config-dir", str(ROOT / "config")]
    main(["init", str(tmp_path / "a.csv"), "--out", str(tmp_path), *config])
    (data,) = read_yaml(tmp_path / "a.yaml")["datasets"].values()
    assert data["order"] == {"names": ["shop", "film"]}


def test_files_that_become_tasks_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = init(tmp_path, ("one/texts.csv", 8), ("two/texts.csv", 8))
    assert len(data["tasks"]) == 2  # type: ignore[arg-type]
    told = "each is a task, in the order given, with shared labels"
    assert told in capsys.readouterr().out


def test_what_is_trained_is_compared_with_what_is_not(tmp_path: Path) -> None:
    init(tmp_path, ("one/texts.csv", 8), ("two/texts.csv", 8))  # shared labels: not for all methods
    methods = open_experiment(str(tmp_path / "out" / "begun.yaml"), ROOT / "config").methods
    assert {"lda", "finetune", "static_emr", "static_plus", "joint"} <= methods.keys()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("method: [ncm]", "method: unknown key"),
        ("methods: ncm", "methods: "),
        ("methods: [ncm]\nseeds: 5", "seeds: "),
    ],
)
def test_describe_tells_what_is_wrong_beside_the_data(key: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(rows(8))
    path = tmp_path / "mine.yaml"
    path.write_text(
        "title: Mine\ndatasets:\n  mine: {files: [a.csv], order: {seed: 1, tasks: 2}}\n"
        f"models: [minilm]\n{key}\n"
    )
    with pytest.raises(SystemExit) as stopped:
        main(["describe", str(path), "--config-dir", str(ROOT / "config")])
    assert f"{path}: {said}" in str(stopped.value.code)


def said_of(folder: Path, name: str, text: str, capsys: pytest.CaptureFixture[str]) -> str:
    (folder / name).write_text(text)
    config = ["--config-dir", str(ROOT / "config")]
    main(["init", str(folder / name), "--name", "mine", "--out", str(folder), *config])
    return capsys.readouterr().out


def test_rows_that_a_stray_quote_swallows_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swallowing = rows(40).replace("w20 a x", '"w20 a x').replace("w39 a x", 'w39 a x"')
    said = said_of(tmp_path, "a.csv", swallowing, capsys)
    assert (
        "mine: a.csv: rows that seem to hold others: 1, the first at line 22 with 20 lines" in said
    )
    assert "where quotes are letters, say quotes: false in options" in said


def test_a_quote_that_nothing_closes_is_a_letter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = said_of(tmp_path, "a.csv", rows(40).replace("w20 a x", '"w20 a x'), capsys)
    assert "quotes are letters" in said
    assert '"quotes": false' in (tmp_path / "mine.yaml").read_text()


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("{own}k", "mine: every row has a label of its own: is 'label' the labels' column?"),
        ("same", "mine: nothing to tell apart: is 'label' the labels' column?"),
    ],
)
def test_labels_that_tell_nothing_are_doubted(
    label: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (f"sentence {i} x,{label.format(own=i)}\n" for i in range(40))
    assert said in said_of(tmp_path, "a.csv", "comment,label\n" + "".join(rows), capsys)


def test_the_folder_is_no_file() -> None:
    with pytest.raises(SystemExit, match=r"--out mine.yaml: give the folder alone, and --name mi"):
        main(["init", "a.csv", "--out", "mine.yaml"])


def begun(folder: Path, *files: Path) -> dict[str, Any]:
    main(["init", *map(str, files), "--name", "begun", "--out", str(folder), "--config-dir",
          str(ROOT / "config")])  # fmt: skip
    (found,) = read_yaml(folder / "begun.yaml")["datasets"].values()
    return dict(found)


def write_lines(path: Path, form: str, rows: int = 12) -> Path:
    texts = [form.format(i=i) for i in range(rows)]
    value = [{"sentence": text, "label": "yn"[i % 2]} for i, text in enumerate(texts)]
    path.write_text(json.dumps(value))
    return path


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("sentence 1: a {i}\nsentence 2: b", ["sentence_1", "sentence_2"]),
        ("a {i}\nb\nc", ["line_1", "line_2", "line_3"]),
        ("head: a {i}\ntail: b", ["line_1", "line_2"]),  # names that have a meaning already
        ("one line {i}", []),
    ],
)
def test_lines_that_every_text_has_are_its_fields(
    form: str, fields: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = begun(tmp_path, write_lines(tmp_path / "a.json", form))
    assert data["options"].get("lines", []) == fields
    told = f"every text has {len(fields)} lines, taken for its fields {', '.join(fields)}"
    assert (told in capsys.readouterr().out) == bool(fields)
    named = "".join(f"{{{name}}} " for name in fields)
    assert data["template"] == (f"{named}The answer is {{mask}}." if fields else
                                "The topic is {mask}.")  # fmt: skip


def test_lines_that_not_all_texts_have_are_no_fields(tmp_path: Path) -> None:
    few = write_lines(tmp_path / "few.json", "a {i}\nb", rows=4)
    assert "lines" not in begun(tmp_path, few)["options"]
    (tmp_path / "begun.yaml").unlink()
    files = [write_lines(tmp_path / "a.json", "a {i}\nb"), write_lines(tmp_path / "b.json", "{i}")]
    data = begun(tmp_path, *files)  # one template is for all tasks
    assert all("lines" not in task["options"] for task in data["tasks"])


def test_instructions_that_differ_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"instruction": f"Is it {i % 3}?", "input": f"p {i}\nq", "output": "yn"[i % 2]}
            for i in range(12)]  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps({"Instances": rows}))
    data = begun(tmp_path, tmp_path / "a.json")
    assert data["options"] == {"lines": ["line_1", "line_2"]}
    said = capsys.readouterr().out
    assert "instructions that are not read: 3 of them, 'Is it 0?' and at" in said


def test_tasks_are_those_of_all_rows(tmp_path: Path) -> None:
    """A file sorted by its tasks has the last ones below what is looked at for columns."""
    names = ["shop", "film", "book", "food"]
    lines = [f"t{i} x,{'ab'[i % 2]},{name}" for name in names for i in range(900)]
    (tmp_path / "all.csv").write_text("\n".join(["text,label,domain", *lines]) + "\n")
    config = ["--config-dir", str(ROOT / "config")]
    main(["init", str(tmp_path / "all.csv"), "--name", "begun", "--out", str(tmp_path), *config])
    (data,) = read_yaml(tmp_path / "begun.yaml")["datasets"].values()
    assert data["order"] == {"names": names}


def test_one_class_is_doubted_by_describe_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said_of(tmp_path, "a.csv", "text,label\n" + "some words,same\n" * 40, capsys)
    main(["describe", str(tmp_path / "mine.yaml"), "--results", str(tmp_path / "none")])
    assert "one class, same: nothing to tell apart" in capsys.readouterr().out


def test_a_line_that_tells_excel_the_delimiter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sep=;\n" + rows(8).replace(",", ";"))
    line = r"a\.csv: line 1: sep=; tells Excel the delimiter, and is no row: take the line out"
    with pytest.raises(SystemExit, match=line):
        main(["init", str(tmp_path / "a.csv"), "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match=line):
        main(["describe", str(tmp_path / "a.csv"), "--option", "text=text"])


def test_a_task_of_one_small_class_is_told_what_leaves_it_out(tmp_path: Path) -> None:
    text = "title: t\ndatasets: {d: {files: [a.csv], order: {seed: 1, tasks: 5}}}\nmethods: [lda]\n"
    (tmp_path / "a.csv").write_text(rows(12) + "alone x,e\n")
    (tmp_path / "d.yaml").write_text(text)
    with pytest.raises(SystemExit, match=r"\(e\): no training sample: .* out by split\.least"):
        main(["describe", str(tmp_path / "d.yaml"), "--results", str(tmp_path / "none")])


@pytest.mark.parametrize("name", ["manifest.json", "back\\slash.csv", "a\nb.csv", "caf\udce9.csv"])
def test_a_name_that_no_yaml_can_have_is_told(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(rows(8))
    with pytest.raises(SystemExit) as stopped:
        main(["init", str(file), "--out", str(tmp_path), "--config-dir", str(ROOT / "config")])
    line = str(stopped.value)
    assert line.startswith("conpet: error: ")
    assert line.endswith(": rename it")
    assert line.isprintable()
    assert name.partition(".")[0].encode("unicode_escape").decode()[:3] in line
    assert not [*tmp_path.glob("*.yaml")]


def test_a_name_with_an_unusual_space_is_one(tmp_path: Path) -> None:
    data = init(tmp_path, ("at\u202f9\u00a0h ü.csv", 8))
    assert data["files"] == ["../at\u202f9\u00a0h ü.csv"]


def test_a_file_whose_name_begins_like_somebodys_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("~x.csv").write_text(rows(8))
    config = ["--config-dir", str(ROOT / "config")]
    main(["init", "~x.csv", "--name", "begun", *config])
    main(["describe", "begun.yaml", *config])
    (data,) = read_yaml(Path("begun.yaml"))["datasets"].values()
    assert data["files"] == ["./~x.csv"]
