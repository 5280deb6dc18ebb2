"""The bad files of the formats with entities."""

from __future__ import annotations

import json
from typing import Any

from tests.data.readers.cases import (
    MISSING,
    NO_LABEL,
    OUTSIDE,
    OVERLAP,
    TEST_ONLY,
    TRUNCATED,
    TWICE,
    Drop,
    Error,
    Format,
    Never,
    Note,
    edit,
    line_of,
    position,
    text_faults,
    to_json,
)


def fewrel() -> Format:
    sample = {
        "tokens": ["Ana", "left", "the", "café", "."],
        "h": ["ana", "Q1", [[0]]],
        "t": ["café", "Q2", [[2, 3]]],
    }
    value = {"P1": [sample, sample], "P2": [sample]}
    text = to_json(value)
    bad = text_faults(text) | {
        TRUNCATED: (text[:100].encode(), Error(line_of(text, 100), "not JSON")),
        NO_LABEL: (to_json({"": [sample]}).encode(), Drop(": [0]", "empty label")),
        OUTSIDE: (
            edit(value, lambda v: v["P1"][1]["t"].__setitem__(2, [[4, 5]])),
            Drop("P1[1]", "span outside the text"),
        ),
        OVERLAP: (
            edit(value, lambda v: v["P1"][1]["h"].__setitem__(2, [[3]])),
            Drop("P1[1]", "overlapping spans"),
        ),
        MISSING: (edit(value, lambda v: v["P2"][0].pop("t")), Error("P2[0]", "t: missing")),
        TWICE: (
            text.replace("P2", "P1").encode(),
            Error(line_of(text, text.index("P2")), "'P1' stands twice"),
        ),
        TEST_ONLY: (text.replace("P2", "P3").encode(), Note(("P3",))),
    }
    return Format("json", text.encode(), bad)


def fewnerd() -> Format:
    text = "Ana\tperson-actor\nBo\tperson-actor\n\nthe\tO\ncafé\tbuilding-other\n.\tO\n\n"
    bad = text_faults(text) | {
        TRUNCATED: (text[: text.index("\tbuilding")].encode(), Error("line 5", "missing tag")),
        NO_LABEL: (text.replace("building-other", "").encode(), Drop("line 5", "empty label")),
        OUTSIDE: Never("a mention is its own tokens"),
        OVERLAP: Never("a token has one tag"),
        MISSING: (text.replace("the\tO", "the").encode(), Error("line 4", "missing tag")),
        TWICE: position("file and line"),
        TEST_ONLY: (text.replace("-actor", "-other").encode(), Note(("person-other",))),
    }
    return Format("txt", text.encode(), bad)


def crossner() -> Format:
    text = "Ana\tB-person\nBo\tI-person\n\nthe\tO\ncafé\tB-place\n.\tO\n\n"
    bad = text_faults(text) | {
        TRUNCATED: (text[: text.index("\tB-place")].encode(), Error("line 5", "missing tag")),
        NO_LABEL: (text.replace("B-place", "B-").encode(), Drop("line 5", "empty label")),
        OUTSIDE: (
            text.replace("the\tO", "the\tI-place").encode(),
            Drop("line 4", "I- tag without a mention to continue"),
        ),
        OVERLAP: Never("a token has one tag"),
        MISSING: (text.replace("the\tO", "the").encode(), Error("line 4", "missing tag")),
        TWICE: position("file and line"),
        TEST_ONLY: (text.replace("place", "country").encode(), Note(("country",))),
    }
    return Format("txt", text.encode(), bad)


def typing() -> Format:
    text = "0\t1\tAna left\t/person\n2\t3\tin the café\t/place /place/bar\n1\t2\tin Rome\t/place\n"
    bad = text_faults(text) | {
        TRUNCATED: (text[: text.index("\t/place /")].encode(), Error("line 2", "missing labels")),
        NO_LABEL: (text.replace("/person", "").encode(), Drop("line 1", "empty label")),
        OUTSIDE: (text.replace("1\t2", "2\t3").encode(), Drop("line 3", "span outside the text")),
        OVERLAP: Never("a line has one span"),
        MISSING: (text.replace("1\t2\t", "1\t").encode(), Error("line 3", "missing labels")),
        TWICE: position("file and line"),
        TEST_ONLY: (text.replace("/person", "/other").encode(), Note(("/other",))),
    }
    return Format("txt", text.encode(), bad)


def tacred() -> Format:
    def entry(key: str, relation: str) -> dict[str, Any]:
        ends = {"subj_start": 0, "subj_end": 1, "obj_start": 3, "obj_end": 3}
        return {"id": key, "relation": relation, "token": ["Ana", "Bo", "of", "café"]} | ends

    good = to_json([entry("g1", "per:title"), entry("g2", "org:founded")])
    value = [entry("b1", "per:title"), entry("b2", "no_relation"), entry("b3", "org:founded")]
    text = to_json(value)
    bad = text_faults(text) | {
        TRUNCATED: (text[:60].encode(), Error("line 6", "not JSON")),
        NO_LABEL: (edit(value, lambda v: v[0].update(relation="")), Drop("[0]", "empty label")),
        OUTSIDE: (
            edit(value, lambda v: v[0].update(obj_end=4)),
            Drop("[0]", "span outside the text"),
        ),
        OVERLAP: (
            edit(value, lambda v: v[0].update(subj_end=3)),
            Drop("[0]", "overlapping spans"),
        ),
        MISSING: (edit(value, lambda v: v[2].pop("obj_end")), Error("[2]", "obj_end: missing")),
        TWICE: (text.replace("b3", "b1").encode(), Error("[2]", "duplicate id 'b1'")),
        TEST_ONLY: (text.replace("per:title", "per:age").encode(), Note(("person age",))),
    }
    return Format("json", good.encode(), bad)


def ace() -> Format:
    tokens = ["Ana", "of", "the", "café"]
    document = {"sentences": [tokens, tokens], "relations": [[], [[4, 4, 6, 7, "Employment"]]]}
    relation = {"id": "r", "tokens": tokens, "head": [0, 1], "tail": [3, 4], "relation": "A:Near"}

    def lines(*change: tuple[str, str], last: dict[str, Any] | None = None) -> bytes:
        text = "".join(
            json.dumps(v, ensure_ascii=False) + "\n" for v in [document, last or relation]
        )
        for old, new in change:
            text = text.replace(old, new)
        return text.encode()

    text = lines().decode()
    without = {key: value for key, value in relation.items() if key != "tail"}
    good = lines(('"id": "r"', '"id": "g"'))
    bad = text_faults(text) | {
        TRUNCATED: (text[:-20].encode(), Error("line 2", "not JSON")),
        NO_LABEL: (lines(("A:Near", "A:")), Drop("line 2", "empty label")),
        OUTSIDE: (
            lines(("[4, 4, 6, 7", "[3, 3, 6, 7")),
            Drop("relations[1][0]", "span outside the text"),
        ),
        OVERLAP: (lines(("[0, 1]", "[2, 4]")), Drop("line 2", "overlapping spans")),
        MISSING: (lines(last=without), Error("line 2", "tail: missing")),
        TWICE: (lines(('"r"', '"g"')), Error("line 2", "duplicate id 'g'")),
        TEST_ONLY: (lines(("Near", "Located")), Note(("Located",))),
    }
    return Format("jsonl", good, bad)


def authors() -> Format:
    sentence = "[unused0] Ana [unused1] left the [unused2] café [unused3] ."
    full = f"{sentence} In this sentence, café is the [MASK] of Ana."
    nested = "[unused0] Ana [unused2] and [unused1] Bo [unused3] ran ."
    value = [[["test-0-0", 0, full]], [["test-1-1", 1, full]]]
    text = to_json(value)
    bad = text_faults(text) | {
        TRUNCATED: (text[:60].encode(), Error("line 6", "not JSON")),
        NO_LABEL: (
            edit(value, lambda v: v[1][0].__setitem__(1, 3)),
            Drop("[1][0]", "empty label"),
        ),
        OUTSIDE: (
            edit(value, lambda v: v[1][0].__setitem__(2, full.replace(" [unused3]", ""))),
            Drop("[1][0]", "marker not closed"),
        ),
        OVERLAP: (
            edit(value, lambda v: v[1][0].__setitem__(2, nested)),
            Drop("[1][0]", "overlapping spans"),
        ),
        MISSING: (edit(value, lambda v: v[0][0].pop()), Error("[0][0]", "missing value")),
        TWICE: (text.replace("1-1", "0-0").encode(), Error("[1][0]", "duplicate id 'test-0-0'")),
        TEST_ONLY: (edit(value, lambda v: v[1][0].__setitem__(1, 2)), Note(("dies in",))),
    }
    good = text.replace("test", "train").encode()
    return Format("json", good, bad, options={"labels": ["born in", "lives in", "dies in", ""]})
