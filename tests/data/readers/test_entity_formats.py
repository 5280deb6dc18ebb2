"""What the readers of formats with entities make of good files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conpet.data.schema import Sample
from conpet.errors import UserError
from tests.data.readers.reading import marked, read_files


def test_fewrel_keeps_every_span_and_the_file_order(tmp_path: Path) -> None:
    entry: dict[str, Any] = {"tokens": ["Bo", "and", "Bo", "in", "New", " ", "York"]}
    entry |= {"h": ["bo", "Q1", [[0], [2]]], "t": ["new york", "Q2", [[4, 5, 6]]]}
    text = json.dumps({"P9": [entry], "P1": [entry, entry]})
    samples, report = read_files(tmp_path, "fewrel", {"wiki.json": text}, "train")
    assert [s.id for s in samples] == ["wiki:P9:0", "wiki:P1:0", "wiki:P1:1"]
    assert [s.label for s in samples] == ["P9", "P1", "P1"]
    assert samples[0].text == "Bo and Bo in New   York"
    assert marked(samples[0]) == [("head", "Bo"), ("head", "Bo"), ("tail", "New   York")]
    assert samples[0].mentions[1].start == 7
    assert {s.split for s in samples} == {"train"}
    assert report.as_dict() == {"dropped": {}, "notes": {}}


@pytest.mark.parametrize("span", [[], [[]], [[0, 2]], [[1, 0]]])
def test_fewrel_refuses_spans_that_are_no_runs(tmp_path: Path, span: list[Any]) -> None:
    entry: dict[str, Any] = {
        "tokens": ["a", "b", "c"],
        "h": ["a", "Q", span],
        "t": ["c", "Q", [[2]]],
    }
    with pytest.raises(UserError, match=r"^w\.json: P1\[0\]: .*head"):
        read_files(tmp_path, "fewrel", {"w.json": json.dumps({"P1": [entry]})})


def test_fewnerd_joins_neighbours_of_one_tag(tmp_path: Path) -> None:
    text = "New\tloc-a\nYork\tloc-a\nSun\torg-b\nsays\tO\nBo\tloc-a\n\n\nOslo\tloc-a\n\n"
    samples, _ = read_files(tmp_path, "fewnerd", {"train.txt": text}, "train")
    assert [(s.id, s.label, marked(s)[0][1]) for s in samples] == [
        ("train:1", "loc-a", "New York"),
        ("train:3", "org-b", "Sun"),
        ("train:5", "loc-a", "Bo"),
        ("train:8", "loc-a", "Oslo"),
    ]
    assert samples[0].text == "New York Sun says Bo"


@pytest.mark.parametrize("format", ["fewnerd", "crossner"])
def test_a_sentence_that_breaks_off_is_dropped(tmp_path: Path, format: str) -> None:
    tag = "loc-a" if format == "fewnerd" else "B-loc"
    text = f"Oslo\t{tag}\n\nin\tO\nRome\t{tag[:-1]}"
    samples, report = read_files(tmp_path, format, {"a.txt": text})
    assert [s.text for s in samples] == ["Oslo"]
    assert report.as_dict()["dropped"] == {
        "last line without line end": {"count": 1, "first": ["a.txt: line 4"]}
    }


def test_crossner_separates_neighbours_and_domains(tmp_path: Path) -> None:
    text = "Ana\tB-person\nBo\tB-person\nLee\tI-person\nSun\tI-org\n\n"
    files = {"ai/train.txt": text, "music/train.txt": text}
    samples, report = read_files(tmp_path, "crossner", files)
    assert [s.id for s in samples][1:3] == ["ai/train:2", "music/train:1"]
    assert [marked(s) for s in samples[:2]] == [[("entity", "Ana")], [("entity", "Bo Lee")]]
    assert report.dropped == 2
    with pytest.raises(UserError, match=r"a\.txt: line 1: tag 'Bperson'"):
        read_files(tmp_path, "crossner", {"a.txt": "Ana\tBperson\n"})


@pytest.mark.parametrize(
    ("labels", "label"),
    [
        ("/person", "/person"),
        ("/person /person/artist/music /person/artist", "/person/artist/music"),
        ("/person /personal/item", None),
        ("/person/artist /location", None),
    ],
)
def test_typing_takes_the_deepest_label_of_one_path(
    tmp_path: Path, labels: str, label: str | None
) -> None:
    text = f"1\t3\tby Ana Bo\t{labels}\tfeatures\n\n0\t1\tRome\t/city\n"
    samples, report = read_files(tmp_path, "typing", {"dev.txt": text}, "valid")
    assert samples[-1] == Sample("dev:3", "Rome", "/city", "valid", samples[-1].mentions)
    if label is None:
        assert len(samples) == 1
        assert report.as_dict()["dropped"]["labels on several paths"]["count"] == 1
    else:
        assert samples[0].label == label
        assert marked(samples[0]) == [("entity", "Ana Bo")]


def test_typing_refuses_what_is_no_index_and_drops_an_unended_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^a\.txt: line 1: end: 'x' is not a token index"):
        read_files(tmp_path, "typing", {"a.txt": "0\tx\tRome\t/city\n"})
    samples, report = read_files(tmp_path, "typing", {"a.txt": "0\t1\tRome\t/c\n0\t1\tBo\t/pers"})
    assert len(samples) == 1
    assert report.dropped == 1


def test_ace_reads_documents_and_single_relations(tmp_path: Path) -> None:
    document: dict[str, Any] = {
        "doc_key": "d",
        "sentences": [["Hi", "."], ["Ana", "of", "the", "bank"]],
    }
    document["relations"] = [[], [[2, 2, 4, 5, "ORG-AFF.Employment"]]]
    single = {"text": "Ana near Rome", "head": [0, 3], "tail": [9, 13], "relation": "PHYS:Near"}
    text = json.dumps(document) + "\n" + json.dumps(single) + "\n"
    samples, _ = read_files(tmp_path, "ace", {"ace.jsonl": text})
    assert [(s.id, s.label) for s in samples] == [("ace:1:1:0", "Employment"), ("ace:2", "Near")]
    assert marked(samples[0]) == [("head", "Ana"), ("tail", "the bank")]
    assert marked(samples[1]) == [("head", "Ana"), ("tail", "Rome")]


def test_ace_refuses_a_relation_without_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^a\.jsonl: line 1: tokens or text: missing"):
        value = {"head": [0, 1], "tail": [1, 2], "relation": "Near"}
        read_files(tmp_path, "ace", {"a.jsonl": json.dumps(value)})
    with pytest.raises(UserError, match=r"one list for each sentence"):
        read_files(tmp_path, "ace", {"a.jsonl": '{"sentences": [["a"]], "relations": []}'})


def test_authors_files_lose_markers_and_cloze_and_keep_their_split(tmp_path: Path) -> None:
    relation = "In this sentence, [unused2] x [unused3] led [unused0] Ana B [unused1] ."
    typing = "by [unused0] Ana [unused1] . In this sentence, Ana is a [MASK]."
    cloze = " In this sentence, x is the [MASK] of Ana B."
    tasks = [[["train-0-0", 1, relation + cloze]], [["train-1-1", 0, typing]], []]
    files = {"demo_split_train_dataset_p10_key.json": json.dumps(tasks)}
    samples, report = read_files(tmp_path, "authors", files, "train")
    assert [(s.id, s.text, s.label, s.split) for s in samples] == [
        ("train-0-0", "In this sentence, x led Ana B .", "class_1", "train"),
        ("train-1-1", "by Ana .", "class_0", "train"),
    ]
    assert marked(samples[0]) == [("tail", "x"), ("head", "Ana B")]
    assert marked(samples[1]) == [("entity", "Ana")]
    assert report.as_dict()["notes"]["tasks"] == [["class_1"], ["class_0"], []]
    samples, report = read_files(tmp_path, "authors", files, "train", labels=["a", "b"])
    assert [s.label for s in samples] == ["b", "a"]
    assert report.as_dict()["notes"]["tasks"] == [["b"], ["a"], []]
    with pytest.raises(UserError, match=r"key\.json: \[0\]\[0\]: class index 1: .* 1 names"):
        read_files(tmp_path, "authors", files, "train", labels=["a"])
