"""The card's measurement, on a tiny model and the CPU: that it runs, and what it counts."""

from __future__ import annotations

import pytest
import torch

from tests.gpu import measure

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    return measure.measure("tiny", torch.device("cpu"), rounds=2, steps=3)


def test_both_ways_are_measured(found: dict[str, object]) -> None:
    for way in ("ours", "plain"):
        low, high = found[way]["range"]  # type: ignore[index]
        assert 0 < low <= found[way]["tokens_per_second"] <= high  # type: ignore[index]
        assert found[way]["share_of_matmul"] > 0  # type: ignore[index]


def test_what_an_expert_and_ten_models_take(found: dict[str, object]) -> None:
    # rank 4 on two maps 32 -> 32 in each of two layers, float32
    assert found["expert_kb"] == 2 * 2 * 2 * 4 * 32 * 4 / 1024
    assert found["mb_ten_models"] == round(10 * 2 * int(str(found["parameters"])) / 2**20, 1)


def test_the_table_has_a_line_a_shape(found: dict[str, object]) -> None:
    lines = measure.markdown([found], "CPU").splitlines()
    assert lines[0].startswith("CPU; 10 tasks")
    assert lines[-1].startswith("| tiny | ")
    assert lines[-1].count("|") == lines[-3].count("|")
