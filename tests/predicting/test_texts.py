"""The texts of a file are read as for training, and each row is one text."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conpet.card import Card
from conpet.config.dataset import Outside
from conpet.data.report import Report
from conpet.errors import UserError
from conpet.predicting.outside import read_outside, read_texts

STRAY = 'text\tlabel\na\tx\n"b\ty\nc\tx\nd"\ty\ne\tx\n'


def texts(folder: Path, name: str, content: bytes | str, **options: Any) -> list[str]:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_texts(folder / name, options, Report())


def parquet(values: list[str | None]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array(values, pa.string())}), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "options", "expected"),
    [
        ("a.csv", "text\na\nNA\nnull\n1\n", {}, ["a", "NA", "null", "1"]),
        ("a.csv", 'text,label\n"a, b",x\n', {}, ["a, b"]),
        ("a.csv", 'text\n"a ""b"" c"\n', {}, ['a "b" c']),
        ("a.csv", "body;n\na, b;1\n", {"text": "body", "delimiter": ";"}, ["a, b"]),
        ("a.csv", "text\na\n\n\n", {}, ["a"]),
        ("a.CSV", "\ufefftext\r\na\r\n", {}, ["a"]),
        ("a.tsv", STRAY, {"quotes": "false"}, ["a", '"b', "c", 'd"', "e"]),
        ("a.jsonl", '{"text": "a"}\n{"text": 3}\n\n', {}, ["a", "3"]),
        ("a.parquet", parquet(["a", "b"]), {}, ["a", "b"]),
        ("a.txt", "a\nb\u2028c\x0cd\x85e\nf\n\n", {}, ["a", "b\u2028c\x0cd\x85e", "f"]),
        ("a.txt", "a\r\nb", {}, ["a", "b"]),
    ],
)  # fmt: skip
def test_a_text_a_row(
    name: str, content: bytes | str, options: dict[str, Any], expected: list[str], tmp_path: Path
) -> None:
    assert texts(tmp_path, name, content, **options) == expected


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.csv", "text,label\na, b,x\n", "a.csv: line 2: 3 values where the header has 2: put"),
        ("a.csv", "text\na, b\n", "a.csv: line 2: 2 values where the header has 1: put quotes"),
        ("a.csv", "text,label\na\n", "a.csv: line 2: label: missing: found 1 of 2 values"),
        ("a.csv", "text\na\n\nb\n", "a.csv: line 4: a blank line before it: take it out"),
        ("a.csv", "text,n\na,1\n,2\n", "a.csv: line 3: no text in column text: give every"),
        ("a.csv", "text\na\nb\r\n", "a.csv: line 3: ends in"),
        ("a.tsv", 'text\n"a\nb\n', "a.tsv: line 2: not CSV (unexpected end of data)"),
        ("a.tsv", 'text\n"a" b\n', "a.tsv: line 2: not CSV"),
        ("a.csv", b"text\na\0\n", "a.csv: line 2: zero byte"),
        ("a.csv", "text,text\na,b\n", "a.csv: line 1: column 'text' is twice in"),
        ("a.jsonl", '{"text": "a"}\n\n{"text": "b"}\n', "a.jsonl: line 3: a blank line before"),
        ("a.jsonl", '{"text": null}\n', "a.jsonl: line 1: no text in column text"),
        ("a.jsonl", '{"body": "a"}\n', "a.jsonl: line 1: text: missing: found body"),
        ("a.jsonl", "[1]\n", "a.jsonl: line 1: not this format: expected an object"),
        ("a.parquet", parquet(["a", None]), "a.parquet: row 1: no text in column text"),
        ("a.parquet", b"PAR1", "a.parquet: not a readable Parquet file"),
        ("a.txt", "a\n\nb\n", "a.txt: line 2: empty: take it out"),
        ("a.xls", "a", "a.xls: give .csv, .tsv, .txt, .json, .jsonl or .parquet"),
        ("a\\b.csv", "text\na\n", "name: must be a plain relative path"),
    ],
)  # fmt: skip
def test_what_training_refuses_and_what_would_shift_rows(
    name: str, content: bytes | str, line: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        texts(tmp_path, name, content)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_that_span_lines_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(STRAY)
    report = Report()
    assert len(read_texts(tmp_path / "a.tsv", {}, report)) == 3
    assert "line 3 with 3 lines" in report.as_dict()["notes"]["a.tsv: rows that span lines"]


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ([], "oos: missing: the dataset's outside.key names it"),
        ({"oos": {}}, "oos: missing"),
        ({"oos": ["a", []]}, "oos[1]: expected a text, or a list that begins so"),
        ({"oos": [[3]]}, "oos[0]: expected a text"),
    ],
)
def test_texts_of_no_class(value: Any, line: str, tmp_path: Path) -> None:
    rule = Outside(file="o.json", key="oos")
    (tmp_path / "o.json").write_text(json.dumps({"oos": ["a", ["b", "oos"]]}))
    assert read_outside(tmp_path, rule) == ["a", "b"]
    (tmp_path / "o.json").write_text(json.dumps(value))
    with pytest.raises(UserError) as caught:
        read_outside(tmp_path, rule)
    assert line in str(caught.value)


def test_a_field_that_the_template_names_twice_is_one() -> None:
    card = Card.model_construct(kind="fields", template="{a}, {b}: {a} is {mask}")
    assert card.fields == ["a", "b"]
