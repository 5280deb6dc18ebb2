"""The workflow's picture: as many jobs as there are, nothing on top of anything else."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree

from conpet.config import load_experiment
from conpet.reporting.graph import EDGES, drawn_edges, job_counts, svg
from tests.conftest import ROOT


def test_picture_is_xml_with_a_box_a_rule() -> None:
    picture = svg(job_counts(load_experiment("demo", ROOT / "config")))
    root = ElementTree.fromstring(picture)
    boxes = [box.attrib for box in root.iter("rect")]
    assert len(boxes) == len(EDGES)
    corners = [(float(b["x"]), float(b["y"])) for b in boxes]
    width, height = float(boxes[0]["width"]), float(boxes[0]["height"])
    _, _, right, bottom = map(float, root.attrib["viewBox"].split())
    for (x0, y0), (x1, y1) in combinations(corners, 2):
        assert abs(x0 - x1) >= width or abs(y0 - y1) >= height
    assert all(x + width <= right and y + height <= bottom for x, y in corners)
    assert "train × 20" in picture


def test_rules_without_jobs_are_left_out() -> None:
    picture = svg({"encode": 1, "train": 4, "select": 0, "evaluate": 4})
    assert len(re.findall("<rect", picture)) == 3
    assert "select" not in picture
    assert "next task" not in picture


def test_drawn_edges_say_all_that_the_full_ones_say() -> None:
    found = drawn_edges()

    def before(rule: str) -> set[str]:
        return {b for r, need in found if r == rule for b in (need, *before(need))}

    for rule, needs in EDGES.items():
        # the last task's exemplars, and what waits for itself, are told by other means
        assert set(needs) - {rule, "remember"} <= before(rule)
