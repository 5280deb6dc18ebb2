"""A labelled file of new classes becomes the next task, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from conpet.commands import main
from conpet.config.strict import read_yaml
from conpet.files import read_json, write_json
from tests.chain import Chain

ROWS = "text,label\n" + "".join(f"w{i} a,late{i % 2}\n" for i in range(20))


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(tmp_path)


def run(chain: Chain, *words: str) -> None:
    folders = ["--config-dir", str(chain.config), "--results", str(chain.results)]
    main(["extend", "tiny", *words, *folders])


def stopped(chain: Chain, *words: str) -> str:
    before = (chain.config / "datasets/tiny.yaml").read_bytes()
    with pytest.raises(SystemExit) as error:
        run(chain, *words)
    assert (chain.config / "datasets/tiny.yaml").read_bytes() == before
    return str(error.value.code)


def test_two_files_become_two_tasks(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    path = chain.config / "datasets/tiny.yaml"
    path.write_text("# ours\n" + path.read_text())
    for name, label in (("a.csv", "late"), ("b.csv", "later")):
        (chain.folder / name).write_text(ROWS.replace("late", label))
        run(chain, str(chain.folder / name))
    assert "a new task of 2 classes: late0, late1" in capsys.readouterr().out
    assert path.read_text().startswith("# ours\n")
    first, second = read_yaml(path)["additions"]
    assert (first["classes"], second["classes"]) == (["late0", "late1"], ["later0", "later1"])
    assert first["files"][0]["url"] == "../../a.csv"
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


NAMES = ["25921e05", "null", "yes", "1_000", "0777", "2024-01-02", "~", "a: b", "# x", "it's", "ü"]


@pytest.mark.parametrize(
    "end",
    [
        "",
        "additions: []  # later\n",
        "additions:\n  - {files: [m.csv], classes: ['m']}  # mine\n\n# the rest\nlicence: '1e5'\n",
        "additions: [{files: [m.csv], classes: [m]}]\nlicence: >-\n  of\n  ours\n",
    ],
)
def test_class_names_stay_text_and_comments_stay(chain: Chain, end: str) -> None:
    path = chain.config / "datasets/tiny.yaml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("licence")]
    rest = "" if "licence" in end else "licence: none\n"
    text = "# ours\n" + "\n".join(lines) + f"  # here\n{rest}{end}"
    path.write_text(text)
    before = read_yaml(path)
    rows = [f'"w{i} a","{name}"\n' for name in NAMES for i in range(10)]
    (chain.folder / "a.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
    run(chain, str(chain.folder / "a.csv"))
    after = read_yaml(path)
    *others, added = after.pop("additions")
    assert added["classes"] == NAMES
    assert others == (before.pop("additions", None) or [])
    assert after == before
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    kept = path.read_text(encoding="utf-8")
    assert all(f"#{comment}\n" in kept for comment in comments)
    # quoted, so a reader of YAML 1.1 takes them for text as well
    assert all(f"'{name}'" in kept for name in NAMES if "'" not in name)


def test_an_old_class_is_refused(chain: Chain) -> None:
    (chain.folder / "a.csv").write_text(ROWS)
    write_json(chain.results / "data/tiny/base/prepare.json", {"labels": {"late1": 3}})
    line = stopped(chain, str(chain.folder / "a.csv"))
    assert "class late1: the stream has it: a task brings new classes only" in line


def test_rows_that_are_left_out_are_told(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    (chain.folder / "a.csv").write_text(f"{ROWS},late0\n")
    run(chain, str(chain.folder / "a.csv"))
    out = capsys.readouterr().out
    assert "a new task of 2 classes" in out
    assert "left out: 1 rows, empty text: a.csv: line 22" in out


@pytest.mark.parametrize(
    ("words", "content", "line"),
    [
        (["none.csv"], None, "none.csv: no such file"),
        (["a.csv"], b"body,label\nx,y\n", "a.csv: line 1: column 'text' is not among the columns"),
        (["a.csv"], b"text,label\ncaf\xe9,late0\n", "a.csv: line 2: not UTF-8"),
        (["a.csv"], b"text,label\n", "a.csv: no sample left (0 dropped)"),
        (["a.csv"], b"text,label\n,late0\n", "a.csv: no sample left (1 dropped)"),
        (["a.csv"], b"", "a.csv: line 1: the file is empty"),
        (["a.csv", "--format", "tables"], ROWS.encode(), "format 'tables': unknown"),
        (["a.csv", "--option", "txt=body"], ROWS.encode(), "option txt"),
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
    assert "\n" not in message
