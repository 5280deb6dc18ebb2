"""What `python -m benchmarks scale` measures, on a stream of a few tasks."""

from __future__ import annotations

import pytest

from benchmarks.scale import Row, markdown, measure, near

pytestmark = pytest.mark.slow

Found = dict[str, list[Row]]


@pytest.fixture(scope="module")
def found() -> Found:
    return measure([2, 6], ["dynamic", "emr"])


def test_a_flat_methods_tasks_pass_alike_and_a_growing_ones_do_not(found: Found) -> None:
    # tasks between are stood in for; a growing method learns as many as the fewest asked for
    assert [row.task for row in found["dynamic"]] == [1, 2, 4, 5, 6]
    assert [row.task for row in found["emr"]] == [1, 2]
    # the selector passes every batch; the expert half of each, and what else is given to it
    assert all(256 < row.samples_passed <= 512 for row in found["dynamic"][1:])
    assert found["emr"][1].samples_passed > found["emr"][0].samples_passed
    assert found["dynamic"][4].stored_kb < 1.1 * found["dynamic"][1].stored_kb
    assert all(row.train_seconds > 0 and row.train_peak_mb > 10 for row in found["dynamic"])
    assert found["dynamic"][4].text_milliseconds
    assert found["dynamic"][3].text_milliseconds is None


def test_the_table_has_a_line_for_each_number_reached(found: Found) -> None:
    lines = markdown(found, [2, 6]).splitlines()
    assert [line.split(" | ")[:2] for line in lines[2:]] == [
        ["| dynamic", "2"],
        ["| dynamic", "6"],
        ["| emr", "2"],
    ]


def test_a_figure_is_the_median_of_the_last_jobs() -> None:
    rows = [Row(task, train_seconds=value) for task, value in enumerate((9, 1, 2, 60), 1)]
    assert near(rows, 4, "train_seconds") == 2
    assert near(rows, 2, "train_seconds") == 1  # the first task is no other's
