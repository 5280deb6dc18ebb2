"""Figures: same bytes, nothing overlapping, something to see when runs are missing."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from conpet.reporting.collect import Results, collect
from conpet.reporting.figures import FIGURES, write_figure
from conpet.reporting.style import looks
from tests.reporting.synthetic import about, cells

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_figure_twice_the_same(name: str, results: Results, tmp_path: Path) -> None:
    first = write_figure(FIGURES[name][0](results), tmp_path / "a" / name)
    second = write_figure(FIGURES[name][0](results), tmp_path / "b" / name)
    assert [p.suffix for p in first] == [".svg", ".png"]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert first[1].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert b"<dc:date>" not in first[0].read_bytes()


@pytest.mark.parametrize("name", list(FIGURES))
def test_no_panel_or_legend_overlaps_another(name: str, two: Results, tmp_path: Path) -> None:
    figure = FIGURES[name][0](two)
    write_figure(figure, tmp_path / name)
    boxes = [ax.get_tightbbox() for ax in figure.axes if ax.axison]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    for one, other in combinations(boxes, 2):
        width = min(one.x1, other.x1) - max(one.x0, other.x0)
        height = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(width, height) < 1.5


@pytest.mark.parametrize("name", list(FIGURES))
def test_nothing_finished_is_said_not_raised(name: str, tmp_path: Path) -> None:
    nothing = collect("demo", tmp_path, cells(methods=("emr", "dynamic"), n_tasks=3))
    figure = FIGURES[name][0](nothing)
    words = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert any("finished" in word or "pending" in word for word in words)
    write_figure(figure, tmp_path / name)


def test_lines_are_the_means(results: Results) -> None:
    figure = FIGURES["accuracy"][0](results)
    shown = {tuple(np.round(line.get_ydata(), 9)) for line in figure.axes[0].lines}
    runs = results.of("demo", "minilm", "emr")
    means = np.mean([[100 * m["whole_accuracy"] for m in run.metrics] for run in runs], axis=0)
    assert tuple(np.round(means, 9)) in shown


def test_every_shipped_method_has_a_look_of_its_own() -> None:
    shown = [method.look for method in about().values()]
    assert None not in shown
    assert len({(look.color, look.line) for look in shown if look}) == len(shown)
    assert len({(look.marker, look.filled) for look in shown if look}) == len(shown)


def test_methods_without_a_look_get_different_ones(tmp_path: Path) -> None:
    matrix = cells(methods=[f"mine_{i}" for i in range(20)], seeds=(1,), n_tasks=1)
    found = looks(collect("demo", tmp_path, matrix)).values()
    assert len({(look.color, look.line) for look in found}) == 20


def test_variants_of_one_method_are_told_apart_and_others_keep_their_looks(tmp_path: Path) -> None:
    shipped = about()
    methods = {"a": shipped["emr"], "b": shipped["emr"], "dynamic": shipped["dynamic"]}
    results = collect("demo", tmp_path, cells(methods=list(methods)), about=methods)
    found = looks(results)
    assert found["dynamic"] == shipped["dynamic"].look
    assert found["a"].color != found["b"].color
    assert shipped["emr"].look not in found.values()
