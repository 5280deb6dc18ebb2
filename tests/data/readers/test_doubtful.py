"""What a file holds that is not what it seems: refused with the reason, never taken for data."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from conpet.config.raw import RawFile
from conpet.data.readers import has_marks, read
from conpet.data.report import Report
from conpet.errors import UserError

ROWS = "text,label\n" + "".join(f"a text {n},{'ab'[n % 2]}\n" for n in range(6))


def refused(folder: Path, name: str, content: bytes, format: str = "table") -> str:
    (folder / name).write_bytes(content)
    with pytest.raises(UserError) as said:
        read(format, folder, [RawFile(name=name)], {}, Report())
    return str(said.value)


def test_two_files_in_one_have_two_headers(tmp_path: Path) -> None:
    line = refused(tmp_path, "a.csv", (ROWS + ROWS).encode())
    assert line == "a.csv: line 8: the header once more: of two files in one, take it out"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gzip.compress(ROWS.encode(), mtime=0), "is packed (gzip): unpack it first"),
        (
            b"PK\x03\x04\x14\x00\x00",
            "is packed (zip, or a workbook): unpack it, or save it as text",
        ),
        (ROWS.encode("utf-16"), "not UTF-8 but UTF-16: convert the file to UTF-8"),
    ],
)
def test_a_file_of_another_kind_is_called_so(content: bytes, kind: str, tmp_path: Path) -> None:
    assert refused(tmp_path, "a.csv", content) == f"a.csv: {kind}"


def test_truth_values_are_no_labels(tmp_path: Path) -> None:
    line = refused(tmp_path, "a.jsonl", b'{"text": "x", "label": true}\n')
    assert line == (
        'a.jsonl: line 1: label: True is neither text nor a whole number: write it as text, "True"'
    )


def test_lines_of_json_in_a_file_of_one_value(tmp_path: Path) -> None:
    line = refused(tmp_path, "a.json", b'{"text": "x", "label": "a"}\n{"text": "y"}\n')
    assert line.endswith("one value is expected: a file of one per line is called .jsonl")


ONE = '{"text": "x", "label": "a"}'


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE},\n{ONE}\n",
        f"[{ONE},\n{ONE}]\n",
        f"[\n{ONE},\n{ONE}\n]\n",
        '{\n "text": "x",\n "label": "a"\n}\n',
    ],
)
def test_a_list_or_spanning_objects_in_a_file_of_lines(text: str, tmp_path: Path) -> None:
    said = refused(tmp_path, "a.jsonl", text.encode())
    assert said.startswith("a.jsonl: line 1: ")
    assert "one object per line is expected, and nothing else: no comma behind it" in said


def test_a_last_line_that_breaks_off_is_damage(tmp_path: Path) -> None:
    said = refused(tmp_path, "a.jsonl", f"{ONE}\n{ONE[:20]}".encode())
    assert said.endswith("truncated or damaged: get the file again")


def test_header_false_is_not_advised_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    for options, advised in (({"text": "word"}, True), ({"header": False, "text": -1}, False)):
        with pytest.raises(UserError) as said:
            read("table", tmp_path, [RawFile(name="a.csv")], options, Report())
        assert "name the right one" in str(said.value)
        assert ("or options: {header: false}" in str(said.value)) == advised


def test_a_file_and_its_column_are_of_one_split(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label,fold\nx y,a,train\nz,b,dev\n")
    for own in ("train", "test"):
        with pytest.raises(UserError, match=f"files says split: {own} of a.csv: take one"):
            file = RawFile(name="a.csv", split=own)
            read("table", tmp_path, [file], {"split": "fold"}, Report())
    assert read("table", tmp_path, [RawFile(name="a.csv")], {"split": "fold"}, Report())


@pytest.mark.parametrize("text", ["<E1>x</E1> y", "&lt;e1&gt;x&lt;/e1&gt;", "x"])
def test_marks_that_are_none_are_told(text: str, tmp_path: Path) -> None:
    line = refused(tmp_path, "a.jsonl", f'{{"text": "{text}", "label": "a"}}\n'.encode(), "marked")
    assert "(1 dropped): 1 marker missing, first a.jsonl: line 1: check the format" in line


@pytest.mark.parametrize(
    ("text", "found"),
    [("a <e1>b</e1>", True), ("<e>b</e>", True), ("a < b <e> c", False), ("</e>", False)],
)
def test_marks_are_known_by_their_pair(text: str, found: bool) -> None:
    assert has_marks(text) is found


def test_what_is_said_of_no_class_is_no_class(tmp_path: Path) -> None:
    line = refused(tmp_path, "a.csv", ROWS.replace(",b", ",none of the seen classes").encode())
    assert line == (
        "a.csv: line 3: 'none of the seen classes' is what is said of a text below a threshold: "
        "call the class otherwise"
    )


OTHER_LETTERS = "文本\t标签\n" + "".join(
    f"这是第一个很长的句子\t{'甲乙'[n % 2]}\n" for n in range(6)
)


@pytest.mark.parametrize(
    ("text", "code", "order"),
    [
        (ROWS, "utf-16-le", "little-endian"),
        (ROWS, "utf-16-be", "big-endian"),
        (OTHER_LETTERS, "utf-16-le", "little-endian"),
        (OTHER_LETTERS, "utf-16-be", "big-endian"),
    ],
)
def test_utf16_without_a_mark_is_called_so(
    text: str, code: str, order: str, tmp_path: Path
) -> None:
    assert refused(tmp_path, "a.tsv", text.encode(code)) == (
        f"a.tsv: looks like UTF-16 ({order}) without a mark at its start, not UTF-8: convert the "
        "file to UTF-8"
    )


@pytest.mark.parametrize("zeros", [b"\0", b"\0" * 40])
def test_zero_bytes_are_damage_in_a_file_of_utf8(zeros: bytes, tmp_path: Path) -> None:
    said = refused(tmp_path, "a.csv", ROWS.encode().replace(b"text 3", b"text" + zeros + b"3"))
    assert said == "a.csv: line 5: zero byte: the file is damaged: get it again"


NFC, NFD = "catégorie", "cate\u0301gorie"


def accented(folder: Path, suffix: str, column: str) -> str:
    """Write two rows, texts and labels with accents of their own, in each kind of table."""
    rows = [{"texte": NFD, column: "e\u0301"}, {"texte": NFC, column: "b"}]
    frame = pd.DataFrame(rows)
    path = folder / f"a{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix.startswith(".json"):
        frame.to_json(path, orient="records", lines=suffix == ".jsonl", force_ascii=False)
    else:
        frame.to_csv(path, index=False, sep=";" if suffix == ".csv" else "\t")
    return path.name


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
@pytest.mark.parametrize(("column", "asked"), [(NFD, NFC), (NFC, NFD)])
def test_a_columns_name_is_found_however_its_accents_are_coded(
    column: str, asked: str, suffix: str, tmp_path: Path
) -> None:
    file = RawFile(name=accented(tmp_path, suffix, column))
    found = read("table", tmp_path, [file], {"text": "texte", "label": asked}, Report())
    assert [(s.text, s.label) for s in found] == [(NFD, "e\u0301"), (NFC, "b")]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_names_that_only_accents_tell_apart_are_refused(suffix: str, tmp_path: Path) -> None:
    content = f"text,{NFC},{NFD}\na,b,c\n"
    if suffix == "jsonl":
        content = f'{{"text": "a", "{NFC}": "b", "{NFD}": "c"}}\n'
    (tmp_path / f"a.{suffix}").write_text(content)
    with pytest.raises(UserError, match=r"is twice in the columns|two keys are one name"):
        read("table", tmp_path, [RawFile(name=f"a.{suffix}")], {"label": NFC}, Report())
