"""YAML 1.2 as plain values, and what is refused: each in one line, at once."""

from __future__ import annotations

import time
from typing import Any

import pytest

from conpet.config.plain_yaml import MAX_ALIASED, MAX_DEPTH, parse
from conpet.errors import UserError
from tests.conftest import ROOT

PLAIN = {dict, list, str, int, float, bool, type(None)}


def types(value: Any) -> set[type]:
    """Return the types of a value and of all that it holds."""
    found = {type(value)}
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        found = found.union(*map(types, inner))
    return found


def refused(text: str) -> str:
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        parse(text)
    assert time.process_time() - start < 10
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("[yes, no, on, off, y, N]", ["yes", "no", "on", "off", "y", "N"]),
        ("[true, False, TRUE]", [True, False, True]),
        ("[null, ~, ]", [None, None]),
        ("[0777, 0o777, 0x1F, 0b11]", [777, 0o777, 0x1F, 0b11]),
        ("[1_000, 2024_01]", [1000, 202401]),
        ("[1e-3, 25921e05, .5, 1.]", [0.001, 2592100000.0, 0.5, 1.0]),
        ("[2024-01-02, 2020-13-45, 2001-12-14t21:59:43Z]",
         ["2024-01-02", "2020-13-45", "2001-12-14t21:59:43Z"]),
        ("[12:30:45, 1:30, 1.2.3, =]", ["12:30:45", "1:30", "1.2.3", "="]),
        ("{2: a, 2.5: b, true: c, =: e}", {2: "a", 2.5: "b", True: "c", "=": "e"}),
        ("!!str 1", "1"),
        ("", None),
    ],
)  # fmt: skip
def test_what_a_word_means(written: str, value: Any) -> None:
    found = parse(written)
    assert found == value
    assert repr(found) == repr(value)  # 1 == True == 1.0
    assert types(found) <= PLAIN


def test_every_shipped_file_holds_plain_values() -> None:
    paths = [*(ROOT / "config").rglob("*.yaml"), *(ROOT / "profiles").rglob("*.yaml")]
    assert len(paths) > 50
    for path in paths:
        assert types(parse(path.read_text(encoding="utf-8"))) <= PLAIN, path


def test_merge_keys() -> None:
    shared = "a: &a {x: 1, y: {z: 1}}\nb: &b {x: 2, w: 3}\n"
    assert parse(shared + "c: {<<: [*a, *b], v: 4}")["c"] == {"x": 1, "y": {"z": 1}, "w": 3, "v": 4}
    assert parse(shared + "c: &c {<<: *a, x: 9}\nd: {<<: *c}")["d"] == {"x": 9, "y": {"z": 1}}
    twice = "line 3, column 19: not valid YAML: the key 'x' is given twice: keep one"
    assert refused(shared + "c: {<<: *a, x: 5, x: 7}") == twice
    assert "the key '<<' is given twice" in refused(shared + "c: {<<: *a, <<: *b}")


def test_an_anchor_may_be_given_again(recwarn: pytest.WarningsRecorder) -> None:
    assert parse("a: &x 1\nb: &x 2\nc: *x") == {"a": 1, "b": 2, "c": 2}
    assert not recwarn.list


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\n'a': 2", "line 2, column 1: not valid YAML: the key 'a' is given twice: keep one"),
        ("1: x\n1.0: y", "line 2, column 1: not valid YAML: found duplicate key"),
        ("{? [a] : 1}", "line 1, column 4: not valid YAML: a list or a mapping cannot be a key"),
        ("a: &a [*a]", "line 1, column 8: not valid YAML: *a stands inside what it names"),
        ("a: &a {b: {<<: *a}}", "line 1, column 16: not valid YAML: *a stands inside"),
        ("a: *b", "line 1, column 4: not valid YAML: found undefined alias 'b'"),
        ("a: !!set {x}", "line 1, column 4: not valid YAML: could not determine a constructor"),
        ("a: !!omap [x: 1]", "line 1, column 4: not valid YAML: could not determine a constructor"),
        ("a: !!binary aGk=", "line 1, column 4: not valid YAML: could not determine a constructor"),
        ("a: !!bool x", "not valid YAML: 'x'"),
        (
            "a: 1\nb: [c,\nd: 1\ne: 2",
            "line 4, column 2: not valid YAML: expected ',' or ']', but got "
            "':', in what begins at line 2, column 4",
        ),
        ("a: [b", "line 1, column 6: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\n---\nb: 2", "line 2, column 1: not valid YAML: but found another document"),
        ("a: " + "9" * 5000, "not valid YAML: Exceeds the limit"),
    ],
)
def test_what_is_refused(text: str, line: str) -> None:
    assert refused(text).startswith(line)


def doubled(first: str, again: str, levels: int) -> str:
    """Return a text of ``levels`` lines, each of which names the one before."""
    lines = [f"a{i}: &a{i} {again.replace('*', f'*a{i - 1}')}\n" for i in range(1, levels)]
    return f"a0: &a0 {first}\n" + "".join(lines)


@pytest.mark.parametrize(
    ("first", "again", "levels"),
    [
        ("[x, x, x]", "[*, *, *, *, *, *, *, *, *]", 10),  # a billion laughs
        ("{x: 1}", "{<<: [*, *]}", 40),
        ("[x]", "[*]", 3000),  # as deep as it is long
    ],
)
def test_aliases_stand_for_so_many_values(first: str, again: str, levels: int) -> None:
    message = refused(doubled(first, again, levels))
    assert f"not valid YAML: aliases stand for more than {MAX_ALIASED} values" in message
    assert message.startswith("line ")
    parse(doubled(first, again, 4))


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 3000 + "]" * 3000,
        "{a: " * 3000 + "1" + "}" * 3000,
        "- " * 3000 + "x",
        "".join(" " * level + "a:\n" for level in range(3000)),
    ],
)
def test_deep_nesting_is_one_line(text: str) -> None:
    assert f"not valid YAML: nested deeper than {MAX_DEPTH} levels" in refused(text)
    parse("- " * (MAX_DEPTH - 1) + "x")
