"""The bad files of clinc150 and of users' own formats."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.data.readers.cases import (
    EMPTY,
    ENCODING,
    LINE_ENDS,
    MISSING,
    NO_LABEL,
    NO_SPANS,
    OUTSIDE,
    OVERLAP,
    TEST_ONLY,
    TRUNCATED,
    TWICE,
    ZERO,
    Drop,
    Error,
    Format,
    Never,
    Note,
    Outcome,
    edit,
    line_of,
    text_faults,
    to_json,
)


def clinc150() -> Format:
    value = {"train": [["a café", "food"]], "val": [["a tea", "food"]], "test": [["tea", "food"]]}
    text = to_json(value)
    bad = text_faults(text) | {
        TRUNCATED: (text[:60].encode(), Error("line 9", "not JSON")),
        NO_LABEL: (
            edit(value, lambda v: v["test"][0].__setitem__(1, " ")),
            Drop("test[0]", "empty label"),
        ),
        OUTSIDE: NO_SPANS,
        OVERLAP: NO_SPANS,
        MISSING: (edit(value, lambda v: v["test"][0].pop()), Error("test[0]", "missing intent")),
        TWICE: (text.replace('"val"', '"train"').encode(), Error("line 8", "'train' stands twice")),
        TEST_ONLY: (edit(value, lambda v: v["test"].append(["x", "new"])), Note(("new",))),
    }
    return Format("json", text.encode(), bad)


def csv() -> Format:
    good = "key,text,label\ng1,a café,food\ng2,tea,drink\n"
    text = "key,text,label\nb1,a café,food\nb2,tea,drink\n"
    bad = text_faults(text) | {
        TRUNCATED: (text[: text.index(",drink")].encode(), Error("line 3", "label: missing")),
        NO_LABEL: (text.replace("drink", "").encode(), Drop("line 3", "empty label")),
        OUTSIDE: NO_SPANS,
        OVERLAP: NO_SPANS,
        MISSING: (text.replace("label", "class").encode(), Error("line 1", "column 'label'")),
        TWICE: (text.replace("b2", "b1").encode(), Error("line 3", "duplicate id 'b1'")),
        TEST_ONLY: (text.replace("drink", "dish").encode(), Note(("dish",))),
    }
    return Format("csv", good.encode(), bad, "table", {"id": "key"})


def table_jsonl() -> Format:
    good = '{"key": "g1", "text": "a café", "label": "food"}\n{"key": 2, "text": "t", "label": 7}\n'
    text = good.replace("g1", "b1").replace("2", "3")
    bad = text_faults(text) | {
        TRUNCATED: (text[:-4].encode(), Error("line 2", "not JSON")),
        NO_LABEL: (text.replace("7", "null").encode(), Drop("line 2", "empty label")),
        OUTSIDE: NO_SPANS,
        OVERLAP: NO_SPANS,
        MISSING: (text.replace(', "label": 7', "").encode(), Error("line 2", "label: missing")),
        TWICE: (text.replace("3", '"b1"').encode(), Error("line 2", "duplicate id 'b1'")),
        TEST_ONLY: (text.replace("7", "8").encode(), Note(("8",))),
    }
    return Format("jsonl", good.encode(), bad, "table", {"id": "key"})


def table_json() -> Format:
    value: list[dict[str, Any]] = [
        {"key": "b1", "text": "a café", "label": "food"},
        {"key": "b2", "text": "tea", "label": 7},
    ]
    text = to_json(value)
    bad = text_faults(text) | {
        TRUNCATED: (text[:60].encode(), Error(line_of(text, 60), "not JSON")),
        NO_LABEL: (edit(value, lambda v: v[1].update(label=None)), Drop("[1]", "empty label")),
        OUTSIDE: NO_SPANS,
        OVERLAP: NO_SPANS,
        MISSING: (edit(value, lambda v: v[1].pop("label")), Error("[1]", "label: missing")),
        TWICE: (edit(value, lambda v: v[1].update(key="b1")), Error("[1]", "duplicate id 'b1'")),
        TEST_ONLY: (edit(value, lambda v: v[1].update(label=8)), Note(("8",))),
    }
    good = text.replace('"b', '"g')
    return Format("json", good.encode(), bad, "table", {"id": "key"})


def instructions() -> Format:
    value: dict[str, Any] = {
        "Instances": [
            {"id": "b1", "input": "a café", "output": ["food"], "options": ["food", "drink"]},
            {"id": "b2", "instruction": "tea", "input": "", "output": "drink"},
        ]
    }
    text = to_json(value)

    def second(change: dict[str, Any]) -> bytes:
        return edit(value, lambda v: v["Instances"][1].update(change))

    bad = text_faults(text) | {
        TRUNCATED: (text[:60].encode(), Error(line_of(text, 60), "not JSON")),
        NO_LABEL: (second({"output": " "}), Drop("Instances[1]", "empty label")),
        OUTSIDE: NO_SPANS,
        OVERLAP: NO_SPANS,
        MISSING: (
            edit(value, lambda v: v["Instances"][1].pop("output")),
            Error("Instances[1]", "output: missing"),
        ),
        TWICE: (second({"id": "b1"}), Error("Instances[1]", "duplicate id 'b1'")),
        TEST_ONLY: (second({"output": "dish"}), Note(("dish",))),
    }
    return Format("json", text.replace('"b', '"g').encode(), bad, "instructions")


def parquet(keys: list[str], texts: Any, labels: list[str | None], name: str = "label") -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"key": keys, "text": texts, name: labels}), out)
    return out.getvalue()


def table_parquet() -> Format:
    texts, labels = ["a café", "tea"], ["food", "drink"]
    latin = pa.array(["a café".encode("latin-1"), b"tea"], pa.binary()).view(pa.string())
    good, keys = parquet(["g1", "g2"], texts, [*labels]), ["b1", "b2"]
    bad: dict[str, tuple[bytes, Outcome] | Never] = {
        TRUNCATED: (good[:-30], Error("", "not a readable Parquet file")),
        ENCODING: (parquet(keys, latin, [*labels]), Error("row 0", "not UTF-8")),
        NO_LABEL: (parquet(keys, texts, ["food", None]), Drop("row 1", "empty label")),
        OUTSIDE: NO_SPANS,
        OVERLAP: NO_SPANS,
        MISSING: (parquet(keys, texts, [*labels], "class"), Error("", "column 'label'")),
        TWICE: (parquet(["b1", "b1"], texts, [*labels]), Error("row 1", "duplicate id 'b1'")),
        TEST_ONLY: (parquet(keys, texts, ["food", "dish"]), Note(("dish",))),
        LINE_ENDS: Never("a binary file has no lines"),
        ZERO: (parquet(keys, ["a\0b", "c"], [*labels]), Error("row 0", "zero byte")),
        EMPTY: (b"", Error("", "not a readable Parquet file")),
    }
    return Format("parquet", good, bad, "table", {"id": "key"})


def marked() -> Format:
    relation = '{"id": "r", "text": "<e1>Ana</e1> of <e2>a café</e2>", "label": "works_at"}\n'
    entity = '{"text": "in <e>Rome</e>", "label": "city"}\n'
    text, good = relation + entity, relation.replace('"r"', '"g"') + entity
    bad = text_faults(text) | {
        TRUNCATED: (text[:-5].encode(), Error("line 2", "not JSON")),
        NO_LABEL: (text.replace("city", "").encode(), Drop("line 2", "empty label")),
        OUTSIDE: (text.replace("</e>", "").encode(), Drop("line 2", "marker not closed")),
        OVERLAP: (
            text.replace("</e1> of <e2>", " of <e2>").replace("</e2>", "</e1></e2>").encode(),
            Drop("line 1", "overlapping spans"),
        ),
        MISSING: (
            text.replace(', "label": "city"', "").encode(),
            Error("line 2", "label: missing"),
        ),
        TWICE: (text.replace('"r"', '"g"').encode(), Error("line 1", "duplicate id 'g'")),
        TEST_ONLY: (text.replace("city", "town").encode(), Note(("town",))),
    }
    return Format("jsonl", good.encode(), bad)
