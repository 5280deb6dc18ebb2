"""What clinc150 and users' own formats become, and the checks that all formats share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conpet.data import readers
from conpet.data.readers import FORMATS, check_options
from conpet.data.report import Report
from conpet.data.schema import Sample
from conpet.errors import UserError
from tests.data.readers.reading import marked, read_files


def test_clinc150_keeps_out_of_scope_only_when_asked(tmp_path: Path) -> None:
    parts = {key: [["hi there", "greet"]] for key in ("val", "train", "test")}
    text = json.dumps(parts | {"oos_val": [["what", "oos"], ["why", "oos"]]})
    samples, report = read_files(tmp_path, "clinc150", {"data.json": text})
    assert [(s.id, s.split) for s in samples] == [
        ("data:val:0", "valid"),
        ("data:train:0", "train"),
        ("data:test:0", "test"),
    ]
    assert report.as_dict()["notes"] == {"out_of_scope_skipped": 2}
    samples, report = read_files(tmp_path, "clinc150", {"data.json": text}, oos=True)
    assert [s.split for s in samples if s.label == "oos"] == ["valid", "valid"]
    assert "out_of_scope_skipped" not in report.as_dict()["notes"]


def test_table_reads_columns_splits_and_quotes(tmp_path: Path) -> None:
    text = '\ufeffn;say;what;part\r\n7;"a ""b"";\nc";x;train\r\n8;d;y;dev\r\n\r\n9;e;x;'
    names = {"text": "say", "label": "what", "split": "part", "id": "n", "delimiter": ";"}
    samples, report = read_files(tmp_path, "table", {"own.csv": text}, **names)
    assert samples == [
        Sample("7", 'a "b";\nc', "x", "train"),
        Sample("8", "d", "y", "valid"),
        Sample("9", "e", "x", ""),
    ]
    notes = report.as_dict()["notes"]
    assert notes["own.csv: last line"] == "has no line end: complete?"
    samples, _ = read_files(tmp_path, "table", {"own.tsv": "text\tlabel\na\tb\n"}, "test")
    assert samples == [Sample("own:2", "a", "b", "test")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text,label\na,b,c\n", "line 2: 3 values where the header has 2"),
        ('text,label\na,b\n"c,d\ne,f\n', "line 3: not CSV"),
        ("text,label,part\na,b,holdout\n", "line 2: unknown split 'holdout'"),
        ("text,text,label,part\na,a,b,test\n", "line 1: column 'text' is twice in"),
        ("text,label,part\na,b,test\nc,d,test\r\n", "line 3: ends in"),
    ],
)
def test_table_refuses(tmp_path: Path, text: str, message: str) -> None:
    split = {"split": "part"} if "part" in text else {}
    with pytest.raises(UserError) as caught:
        read_files(tmp_path, "table", {"own.csv": text}, **split)
    assert str(caught.value).startswith(f"own.csv: {message}")


def test_marked_takes_the_markers_out(tmp_path: Path) -> None:
    lines = [
        {"text": "<e2> Rome </e2>, where <e1>Ana</e1> and <e1>Bo</e1> met", "label": "in"},
        {"text": "see <e>Oslo</e>", "label": "city", "id": "k"},
        {"text": "no marker", "label": "city"},
        {"text": "only <e1>one</e1>", "label": "in"},
        {"text": "empty <e></e>", "label": "city"},
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    samples, report = read_files(tmp_path, "marked", {"own.jsonl": text}, "train")
    assert samples[0].text == " Rome , where Ana and Bo met"
    assert sorted(marked(samples[0])) == [("head", "Ana"), ("head", "Bo"), ("tail", "Rome")]
    assert (samples[1].id, samples[1].split, samples[1].text) == ("k", "train", "see Oslo")
    assert [s.id for s in samples] == ["own:1", "k"]
    dropped = report.as_dict()["dropped"]
    assert {reason: drop["count"] for reason, drop in dropped.items()} == {
        "marker missing": 2,
        "span outside the text": 1,
    }


def test_a_marked_record_says_its_split_where_its_file_says_none(tmp_path: Path) -> None:
    text = json.dumps({"text": "see <e>Oslo</e>", "label": "city", "split": "dev"})
    samples, _ = read_files(tmp_path, "marked", {"own.jsonl": text}, "")
    assert samples[0].split == "valid"
    with pytest.raises(UserError, match=r"its split is 'dev', but files says split: test of own"):
        read_files(tmp_path, "marked", {"own.jsonl": text}, "test")


def test_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="format 'conll': unknown: use one of fewrel"):
        check_options("conll", {})
    for format in FORMATS:
        with pytest.raises(UserError, match=f"^format {format}: option no_such_option: unknown"):
            check_options(format, {"no_such_option": 1})
    with pytest.raises(UserError, match="format clinc150: option oos: Input should be a valid b"):
        check_options("clinc150", {"oos": "perhaps"})


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^a\.csv: no sample left \(2 dropped\)"):
        read_files(tmp_path, "table", {"a.csv": "text,label\n ,x\ny, \n"})


def test_files_whose_ids_would_be_the_same_are_refused(tmp_path: Path) -> None:
    files = {"a.csv": "text,label\na,x\n", "a.tsv": "text\tlabel\nb\tx\n"}
    with pytest.raises(UserError, match=r"^a\.tsv: line 2: duplicate id 'a:2' \(first at a\.csv: "):
        read_files(tmp_path, "table", files)


def test_escaped_zero_bytes_and_half_characters_are_refused(tmp_path: Path) -> None:
    for escape, what in (("\\u0000", "zero byte"), ("\\ud83d", "half a surrogate pair")):
        with pytest.raises(UserError, match=rf"^a\.jsonl: line 1: {what}"):
            read_files(tmp_path, "table", {"a.jsonl": f'{{"text": "a{escape}", "label": "x"}}\n'})


def test_an_error_about_a_name_with_a_line_break_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_files(tmp_path, "table", {"a.csv": 'text,"the\nlabel"\na,x\n'})
    assert str(caught.value).startswith("a.csv: line 1: column 'label' is not among")
    assert len(str(caught.value).splitlines()) == 1


STRAY = "".join(f"text {i}\tlabel{i % 3}\n" for i in range(2, 122))
STRAY = "text\tlabel\n" + STRAY.replace("text 16", '"text 16').replace(
    "text 24\tlabel0", 'text 24"\tlabel0'
)


def test_rows_that_stray_quotes_join_are_counted_and_shown(tmp_path: Path) -> None:
    samples, report = read_files(tmp_path, "table", {"a.tsv": STRAY})
    assert len(samples) == 112
    note = report.as_dict()["notes"]["a.tsv: rows that seem to hold others"]
    assert note.startswith("1, the first at line 16 with 9 lines ('text 16\\tlabel1\\ntext 17")
    assert note.endswith("say quotes: false in options (--option quotes=false)")
    samples, report = read_files(tmp_path, "table", {"a.tsv": STRAY}, quotes=False)
    assert len(samples) == 120
    assert samples[14].text == '"text 16'
    assert report.as_dict()["notes"] == {}


def test_a_field_may_be_long(tmp_path: Path) -> None:
    samples, _ = read_files(tmp_path, "table", {"a.csv": f"text,label\n{'a ' * 90_000},x\n"})
    assert len(samples[0].text) == 180_000


def test_lines_without_names_that_may_be_one_column_or_two_are_asked_about(tmp_path: Path) -> None:
    """Training cuts such a file by its labels; asked about alone, its texts would hold both."""
    (tmp_path / "q.csv").write_text("what is my balance;banking\nplay some jazz;music\n")
    bare = {"header": False, "text": "1"}
    with pytest.raises(
        UserError, match=r"q\.csv: line 1: one column, or 2 cut at each .*';', or ','"
    ):
        readers.read_texts(tmp_path / "q.csv", bare, Report())
    cut = readers.read_texts(tmp_path / "q.csv", {**bare, "delimiter": ";"}, Report())
    assert cut == ["what is my balance", "play some jazz"]
    whole = readers.read_texts(tmp_path / "q.csv", {**bare, "delimiter": ","}, Report())
    assert whole == ["what is my balance;banking", "play some jazz;music"]
    (tmp_path / "q.csv").write_text("what is my balance\nplay; some jazz\n")
    assert len(readers.read_texts(tmp_path / "q.csv", bare, Report())) == 2


def test_a_kept_column_of_half_a_letter_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"text": "hi", "id": "x\\ud800"}\n')
    with pytest.raises(UserError, match=r"q\.jsonl: line 1: id: half a surrogate pair"):
        readers.read_columns(tmp_path / "q.jsonl", {}, ["id"])
