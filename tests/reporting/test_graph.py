"""The workflow's picture: a box a rule, nothing on top of anything else, no arrow too many."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from conpet.errors import UserError
from conpet.files import write_json
from conpet.reporting.graph import Rule, draw, read_rules
from conpet.reporting.layers import chains, place, rows
from conpet.reporting.style import write_figure

RULES = [
    Rule("fetch", 1, 0, (), "Raw files"),
    Rule("model", 1, 0, ()),
    Rule("prepare", 1, 1, ("fetch",)),
    Rule("encode", 2, 2, ("fetch", "model", "prepare")),
    Rule("select", 3, 3, ("encode", "model", "select")),
    Rule("train", 1200, 3, ("encode", "model", "select", "train"), "One task is learnt"),
    Rule("test", 20, 4, ("encode", "select", "train")),
    Rule("table", 8, 9, ("select", "test", "train")),
    Rule("page", 1, 10, ("table", "test", "train")),
]


def test_a_box_a_rule_and_none_on_another_or_outside() -> None:
    figure = draw(RULES)
    (axes,) = figure.axes
    boxes = [p.get_bbox() for p in axes.patches if isinstance(p, FancyBboxPatch)]
    assert len(boxes) == len(RULES)
    for one, other in combinations(boxes, 2):
        assert abs(one.x0 - other.x0) > one.width or abs(one.y0 - other.y0) > one.height
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    assert all(left < b.x0 and b.x1 < right and low < b.y0 and b.y1 < high for b in boxes)
    words = {text.get_text() for text in axes.texts}
    assert {"train × 1,200", "One task is learnt", "page × 1"} <= words


def test_what_waits_is_below_and_arrows_that_follow_are_left_out() -> None:
    after = {
        "a": (), "b": ("a",), "c": ("a", "b"), "d": ("a", "c"), "late": (), "e": ("b", "d", "late")
    }  # fmt: skip
    row = rows(after)
    assert row == {"a": 0, "b": 1, "c": 2, "d": 3, "late": 3, "e": 4}
    found = chains(after, row)
    assert sorted((way[0], way[-1]) for way in found) == [
        ("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("late", "e")
    ]  # fmt: skip


def test_a_long_way_passes_beside_the_boxes_between() -> None:
    after = {"a": (), "b": ("a",), "c": ("b",), "x": ("a",), "end": ("c", "x")}
    row = rows(after)
    ways = chains(after, row)
    (long,) = (way for way in ways if way[0] == "x" and len(way) > 2)
    assert long == ["x", ("x", "end", 2), "end"]
    where = place(row, ways)
    assert where["x", "end", 2][1] == where["c"][1] == 2
    assert abs(where["x", "end", 2][0] - where["c"][0]) >= 0.6  # half a box and a bit


def test_the_same_rules_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_figure(draw(RULES), tmp_path / name, ["svg"])[0] for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_later_jobs_are_dashed() -> None:
    arrows = [p for p in draw(RULES).axes[0].patches if isinstance(p, FancyArrowPatch)]
    # train and select for themselves, train for select: a first job waits for none of these
    assert sum(arrow.get_linestyle() != "solid" for arrow in arrows) == 3
    assert len(arrows) == 3 + 9


def test_rules_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    assert read_rules(path) == []
    entry = {"jobs": 2, "level": 3, "after": ["train"], "meaning": "Test"}
    write_json(path, {"test": entry})
    assert read_rules(path) == [Rule("test", 2, 3, ("train",), "Test")]
    path.write_text("{")
    with pytest.raises(UserError, match=r"rules\.json: not a JSON file"):
        read_rules(path)
