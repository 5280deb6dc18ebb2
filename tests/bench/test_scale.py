"""What `conpet scale` measures, on a stream of a few tasks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conpet.bench.scale import Curve, Row, measure, near
from conpet.bench.scale_report import markdown, write
from conpet.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def curves() -> list[Curve]:
    return measure([2, 4], ["dynamic", "joint"])


def test_a_flat_methods_tasks_pass_alike_and_a_growing_ones_do_not(curves: list[Curve]) -> None:
    dynamic, joint = curves
    assert [row.task for row in dynamic.rows] == [1, 2, 3, 4]
    assert [row.task for row in joint.rows] == [1, 2]  # up to the fewest tasks only
    # the selector passes every batch; the expert half of each, and what else is given to it
    assert all(256 < row.samples_passed <= 512 for row in dynamic.rows[1:])
    assert joint.rows[1].samples_passed == 2 * joint.rows[0].samples_passed
    assert dynamic.rows[3].stored_kb < 1.1 * dynamic.rows[1].stored_kb
    assert all(row.train_seconds > 0 and row.train_peak_mb > 10 for row in dynamic.rows)
    assert dynamic.rows[3].text_milliseconds and dynamic.rows[2].text_milliseconds is None


def test_the_table_has_a_line_for_each_number_reached(curves: list[Curve], tmp_path: Path) -> None:
    lines = markdown(curves, [2, 4]).splitlines()
    assert [line.split(" | ")[:2] for line in lines[2:]] == [
        ["| dynamic", "2"],
        ["| dynamic", "4"],
        ["| joint", "2"],
    ]
    write(curves, [2, 4], tmp_path / "deep" / "scale")
    assert (tmp_path / "deep" / "scale.md").read_text() == markdown(curves, [2, 4])
    kept = json.loads((tmp_path / "deep" / "scale.json").read_text())
    assert [len(curve["rows"]) for curve in kept["curves"]] == [4, 2]


def test_a_figure_is_the_median_of_the_last_jobs() -> None:
    rows = [Row(task, train_seconds=value) for task, value in enumerate((9, 1, 2, 60), 1)]
    assert near(Curve("x", rows), 4, lambda r: r.train_seconds) == 2
    assert near(Curve("x", rows), 2, lambda r: r.train_seconds) == 1  # the first task is no other's


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--tasks", "1"], "2 tasks or more"), (["--methods", "dynamc"], "did you mean 'dynamic'")],
)
def test_a_mistake_is_one_line(words: list[str], said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        main(["scale", *words])
