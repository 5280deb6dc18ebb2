"""The card's measurement, on a tiny model and the CPU: that it runs, and what it counts."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.gpu import markdown, measure

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return measure("tiny-llama", "cpu", 2, 3, tmp_path_factory.mktemp("gpu"))


def test_both_ways_are_measured(found: dict[str, Any]) -> None:
    rates = found["tokens_per_second"]
    assert set(rates["samples_per_second"]) == {"ours", "plain"}
    for name, median in rates["samples_per_second"].items():
        assert 0 < min(rates["rounds"][name]) <= median <= max(rates["rounds"][name])
    assert found["share_of_matmul"] > 0


def test_what_an_expert_and_ten_models_take(found: dict[str, Any]) -> None:
    # rank 4 on two maps 32 -> 32 in each of two layers, float32
    assert found["expert_kb"] == 2 * 2 * 2 * 4 * 32 * 4 / 1024
    assert found["mb_ten_models"] == 10 * 2 * found["parameters"] / 2**20


def test_the_table_has_a_line_a_shape(found: dict[str, Any]) -> None:
    lines = markdown([found], "CPU").splitlines()
    assert lines[0].startswith("CPU; 10 tasks")
    assert lines[-1].startswith("| tiny-llama | ")
    assert lines[-1].count("|") == lines[-3].count("|")
