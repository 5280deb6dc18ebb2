"""Texts of several fields: read, encoded, cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conpet.data.fields import cut_longest
from conpet.data.readers import check_options, kind_of
from conpet.data.schema import Mention, Sample
from conpet.data.template import CannotFitError, encode, vocabulary
from conpet.errors import UserError
from tests.data.readers.reading import read_files

PAIR = ["premise", "hypothesis"]
CSV = "premise,hypothesis,label\na man sleeps, he rests ,yes\na dog,,no\n"
ROW = {"p": "a man sleeps", "h": "he rests", "label": "yes"}


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.csv", CSV, {"text": PAIR}),
        ("a.json", json.dumps([ROW]), {"text": {"premise": "p", "hypothesis": "h"}}),
        ("a.jsonl", '{"s": "a man sleeps\\nhe rests\\n", "label": "yes"}\n{"s": "a", "label": "b"}',
         {"text": "s", "lines": PAIR}),
    ],
)  # fmt: skip
def test_fields_are_read(name: str, content: str, options: dict[str, Any], tmp_path: Path) -> None:
    (sample,), report = read_files(tmp_path, "table", {name: content}, **options)
    assert sample.text == "a man sleeps\nhe rests"
    assert sample.mentions == (Mention("premise", 0, 12), Mention("hypothesis", 13, 21))
    assert sample.has_fields
    assert report.dropped == (name != "a.json")
    assert kind_of("table", options) == "fields"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"text": ["a", "a"]}, "give fields of different names"),
        ({"text": ["the premise", "b"]}, "say {NAME: COLUMN}"),
        ({"text": ["head", "b"]}, "has a meaning already"),
        ({"text": ["a", "b"], "lines": ["c", "d"]}, "lines goes with one column"),
        ({"text": []}, "give fields of different names"),
        ({"text": 5.5}, "option text: give a column, a list of columns, or {field: column, ...}"),
        ({"text": "a", "label": "a"}, "text and label are one column, 'a': the answer is read"),
        ({"delimiter": "||"}, "option delimiter: '||': give one character"),
        ({"txt": "a"}, "option txt: unknown: there are text, label, split"),
    ],
)
def test_fields_that_no_template_can_name(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=r"format table: ") as caught:
        check_options("table", options)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("lengths", "room", "kept"),
    [
        ([5, 3], 8, [5, 3]),
        ([9, 3], 8, [5, 3]),
        ([9, 9], 7, [4, 3]),
        ([2, 9, 8], 10, [2, 4, 4]),
        ([9, 1, 1], 3, [1, 1, 1]),
        ([9, 1], 1, None),
    ],
)
def test_the_longest_is_cut(lengths: list[int], room: int, kept: list[int] | None) -> None:
    assert cut_longest(lengths, room) == kept


def sample(premise: str, hypothesis: str) -> Sample:
    end = len(premise)
    mentions = (
        Mention("premise", 0, end),
        Mention("hypothesis", end + 1, end + 1 + len(hypothesis)),
    )
    return Sample("x", f"{premise}\n{hypothesis}", "yes", mentions=mentions)


def test_a_template_is_filled_and_cut_for_every_tokenizer(tokenizer: Any) -> None:
    vocab = vocabulary(tokenizer)
    template = "{premise} So {hypothesis} Is it {mask} ?"
    pair = sample("a man sleeps", "he rests")
    whole, at = encode(pair, template, tokenizer, vocab, 400)
    assert whole[at] == vocab.mask[-1]
    inside = whole[len(vocab.prefix) : len(whole) - len(vocab.suffix)]
    before = inside[: at + 1 - len(vocab.prefix) - len(vocab.mask)]
    said = tokenizer.decode(before).replace(" ", "")
    assert said == "amansleepsSoherestsIsit".lower() or said == "amansleepsSoherestsIsit"
    short, there = encode(sample("a man sleeps " * 40, "he rests"), template, tokenizer, vocab,
                          len(whole))  # fmt: skip
    assert len(short) == len(whole)
    assert short[there] == vocab.mask[-1]
    # what is short stays whole
    assert short[-(len(whole) - at) - 3 :] == whole[-(len(whole) - at) - 3 :]
    with pytest.raises(CannotFitError):
        encode(pair, template, tokenizer, vocab, len(vocab.mask) + 2)


def test_a_field_that_the_sample_lacks(tokenizer: Any) -> None:
    with pytest.raises(UserError, match="no field claim, but the template names it"):
        encode(sample("a", "b"), "{claim} {mask}", tokenizer, vocabulary(tokenizer), 99)


@pytest.mark.parametrize(
    ("content", "options", "texts", "noted"),
    [
        ("a b;x\nc;y\n", {"header": False}, ["a b", "c"], "a.csv: delimiter"),
        ("x,a b\ny,c\n", {"header": False, "text": 2, "label": 1}, ["a b", "c"], ""),
        ("a b|x\nc|y\n", {"header": "false"}, ["a b", "c"], "a.csv: delimiter"),
        ("text;label\na, b;x\n", {}, ["a, b"], "a.csv: delimiter"),
        ("text\tlabel\na\tx\n", {}, ["a"], ""),
    ],
)
def test_no_header_and_other_delimiters(
    content: str, options: dict[str, Any], texts: list[str], noted: str, tmp_path: Path
) -> None:
    samples, report = read_files(tmp_path, "table", {"a.csv": content}, **options)
    assert [s.text for s in samples] == texts
    assert {s.label for s in samples} <= {"x", "y"}
    assert [*report.as_dict()["notes"]] == ([noted] if noted else [])


def test_a_file_without_header_is_told_how_to_say_so(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_files(tmp_path, "table", {"a.csv": "a b,x\nc,y\n"})
    assert str(caught.value) == (
        "a.csv: line 1: column 'text' is not among the columns (a b, x, cut at each comma): name "
        "the right one, or options: {header: false} where line 1 is a sample"
    )


def test_instructions(tmp_path: Path) -> None:
    rows = [
        {"instruction": "Good or bad?", "input": "a film", "output": "good"},
        {"instruction": "a book", "input": "", "output": ["bad"], "options": ["good", "bad"]},
        {"input": "a play", "output": "fine", "options": "Options:\n- good\n- bad"},
        {"input": "a song", "output": ["good", "bad"]},
    ]
    for name, content in (
        ("a.json", json.dumps(rows)),
        ("a.jsonl", "\n".join(map(json.dumps, rows))),
        ("b.json", json.dumps({"Definition": ["d"], "Instances": rows})),
    ):
        samples, report = read_files(tmp_path, "instructions", {name: content})
        assert [(s.text, s.label) for s in samples] == [("a film", "good"), ("a book", "bad")]
        assert {*report.as_dict()["dropped"]} == {
            "output that is none of the options", "not one output",
        }  # fmt: skip
    with pytest.raises(UserError, match=r"a.json: holds Instances: say format: instructions"):
        read_files(tmp_path, "table", {"a.json": json.dumps({"Instances": rows})})


def instances(*rows: tuple[str, str, str]) -> str:
    keys = ("instruction", "input", "output")
    return json.dumps({"Instances": [dict(zip(keys, row, strict=True)) for row in rows]})


def test_fields_of_instructions(tmp_path: Path) -> None:
    content = instances(("Why?", "a cat\nan animal", "yes"), ("Why?", "a dog", "no"))
    samples, report = read_files(
        tmp_path, "instructions", {"a.json": content}, lines=["premise", "hypothesis"]
    )
    (pair,) = samples
    spans = {m.role: pair.text[m.start : m.end] for m in pair.mentions}
    assert spans == {"premise": "a cat", "hypothesis": "an animal"}
    assert {*report.as_dict()["dropped"]} == {"text of other than 2 lines"}
    for options in ({"lines": ["a", "a"]}, {"lines": ["head"]},
                    {"lines": ["instruction", "b"], "instruction": True}):  # fmt: skip
        with pytest.raises(UserError, match=r"^format instructions: "):
            read_files(tmp_path, "instructions", {"a.json": content}, **options)


def test_instructions_that_differ_are_told(tmp_path: Path) -> None:
    same = [("Good?", "a film", "yes"), ("Good?", "a book", "no")]
    content = instances(*same, ("A film?", "a film", "yes"), ("Long?", "", "no"))
    samples, report = read_files(tmp_path, "instructions", {"a.json": content})
    assert [s.text for s in samples] == ["a film", "a book", "a film", "Long?"]
    assert report.as_dict()["notes"] == {
        "a.json: instructions that are not read": (
            "2 of them, 'Good?' and at a.json: Instances[2] 'A film?': where they ask other "
            "things, say instruction: true in options, and name {instruction} in template"
        )
    }
    _, report = read_files(tmp_path, "instructions", {"a.json": instances(*same)})
    assert report.as_dict()["notes"] == {}
    samples, report = read_files(tmp_path, "instructions", {"a.json": content}, instruction=True)
    assert [s.text for s in samples] == ["Good?\na film", "Good?\na book", "A film?\na film"]
    assert [m.role for m in samples[0].mentions] == ["instruction", "input"]
    assert (report.as_dict()["notes"], report.dropped) == ({}, 1)


def test_lines_of_an_instruction_that_is_the_text(tmp_path: Path) -> None:
    rows = [
        {"instruction": "p\nq", "output": "yes"},
        {"input": " ", "instruction": "p\nq", "output": "yes"},
        {"input": "p\nq", "output": "yes"},
    ]
    content = {"a.json": json.dumps(rows)}
    samples, report = read_files(tmp_path, "instructions", content, lines=["first", "second"])
    assert [s.text for s in samples] == ["p\nq"] * 3
    assert [[m.role for m in s.mentions] for s in samples] == [["first", "second"]] * 3
    assert report.as_dict()["notes"] == {}


@pytest.mark.parametrize(
    "said",
    [
        "good, bad",
        "Options: good, bad",
        "good;bad",
        "Options:\ngood|bad",
        "Options are: good, bad",
        "options (choose one): good, bad",
        "Option 1: good\nOption 2: bad",
    ],
)
def test_options_on_one_line(said: str, tmp_path: Path) -> None:
    rows = [{"input": f"a {o}", "output": o, "options": said} for o in ("good", "bad", "fine")]
    samples, report = read_files(tmp_path, "instructions", {"a.json": json.dumps(rows)})
    assert [s.label for s in samples] == ["good", "bad"]
    assert report.dropped == 1


def test_a_format_without_options_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_files(tmp_path, "fewrel", {"a.json": "{}"}, lines=["a"])
    assert str(caught.value) == "format fewrel: option lines: unknown: it has none"
