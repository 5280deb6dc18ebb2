"""Figures: same bytes, nothing overlapping, something to see when runs are missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from conpet.files import read_json, write_json
from conpet.reporting.accuracy_curves import _Place
from conpet.reporting.claims import found_claims
from conpet.reporting.collect import Results, collect
from conpet.reporting.families import TOGETHER
from conpet.reporting.figures import FIGURES, write_figure
from conpet.reporting.heatmaps import _title, columns
from conpet.reporting.kept import kept_samples
from conpet.reporting.pareto import _scale
from conpet.reporting.style import _COLORS, FAINT, drawing, folded, looks, plain_ticks
from tests.reporting.synthetic import SHIPPED, about, build, cells, known

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_figure_twice_the_same(name: str, results: Results, tmp_path: Path) -> None:
    first = write_figure(FIGURES[name][0](results), tmp_path / "a" / name)
    second = write_figure(FIGURES[name][0](results), tmp_path / "b" / name)
    assert [p.suffix for p in first] == [".svg", ".png"]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert first[1].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert b"<dc:date>" not in first[0].read_bytes()


@pytest.mark.parametrize("name", ["accuracy", "heatmap"])
def test_a_picture_is_small_and_looks_as_it_was_drawn(
    name: str, every: Results, tmp_path: Path
) -> None:
    figure = FIGURES[name][0](every)
    _, small = write_figure(figure, tmp_path / name)  # lays it out too
    with drawing():
        figure.savefig(tmp_path / "drawn.png", format="png")
    with Image.open(small) as kept, Image.open(tmp_path / "drawn.png") as drawn:
        assert kept.info["dpi"] == drawn.info["dpi"]
        assert kept.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        one, other = (np.asarray(image.convert("RGB"), dtype=int) for image in (kept, drawn))
    assert np.abs(one - other).max() <= 32
    assert 2 * small.stat().st_size < (tmp_path / "drawn.png").stat().st_size


@pytest.mark.parametrize("which", ["two", "every"])
@pytest.mark.parametrize("name", list(FIGURES))
def test_no_panel_or_legend_overlaps_another(
    name: str, which: str, request: pytest.FixtureRequest
) -> None:
    figure = FIGURES[name][0](request.getfixturevalue(which))
    with drawing():
        figure.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in figure.axes if ax.axison]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    for one, other in combinations(boxes, 2):
        width = min(one.x1, other.x1) - max(one.x0, other.x0)
        height = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(width, height) < 1.5


@pytest.mark.parametrize(
    "prices", [[0, 1500, 15_000, 18_000], [0, 780, 4458, 5015], [380, 1000, 17_000, 22_000]]
)
def test_no_tick_is_written_over_another(prices: list[float]) -> None:
    with drawing():
        figure = Figure(figsize=(2.2, 2.4), layout="constrained")
        ax = figure.subplots()  # as narrow as it is where names stand beside
        _scale(ax, prices)
        figure.draw_without_rendering()
        low, high = ax.bbox.x0 - 1, ax.bbox.x1 + 1
        boxes = [t.get_window_extent() for t in ax.get_xticklabels() if t.get_text()]
        shown = sorted((b for b in boxes if low <= (b.x0 + b.x1) / 2 <= high), key=lambda b: b.x0)
    assert len(shown) >= 2
    assert all(b.x0 - a.x1 > 2 for a, b in pairwise(shown))


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


def test_cost_names_every_line_once_per_dataset_and_quantity(every: Results) -> None:
    figure = FIGURES["cost"][0](every)
    named = Counter(text.get_text() for ax in figure.axes for text in ax.texts)
    assert named == {folded(every.name(method)): 2 for method in every.methods}
    for ax in figure.axes:
        read = [line for line in ax.lines if line.get_color() != FAINT]
        assert len(read) == len(ax.texts) <= TOGETHER
        assert len(read) < len(every.methods) == len(ax.lines)


@pytest.mark.parametrize("name", ["accuracy", "cost"])
def test_names_hide_no_other_and_leave_the_panels_their_width(name: str, every: Results) -> None:
    long = max((every.name(method) for method in every.methods), key=len)
    assert "\n" in folded(long)
    figure = FIGURES[name][0](every)
    with drawing():
        figure.draw_without_rendering()
    for ax in figure.axes:
        boxes = [Text.get_window_extent(text) for text in ax.texts]  # without what leads to it
        for one, other in combinations(boxes, 2):
            sideways = min(one.x1, other.x1) - max(one.x0, other.x0)
            assert min(sideways, min(one.y1, other.y1) - max(one.y0, other.y0)) < 2
        if ax.axison:
            assert ax.bbox.width > 0.45 * figure.bbox.width / 2


def test_what_trains_nothing_is_named_below_the_axis(tmp_path: Path) -> None:
    matrix = cells(methods=("emr", "lda"), seeds=(1,), n_tasks=2)
    made = build(tmp_path, matrix, per_class=2)
    for method, passed in (("lda", (0, 0)), ("emr", (4800, 100))):
        for task, samples in enumerate(passed, start=1):
            folder = made.of("demo", "minilm", method)[0].folder.task(task)
            state = folder / "state" / "state.json"
            write_json(state, read_json(state) | {"samples_passed": samples})
    figure = FIGURES["cost"][0](collect("demo", tmp_path, matrix, **known()))
    with drawing():
        figure.draw_without_rendering()
    (said,) = (text for text in figure.axes[0].texts if text.get_text().startswith("0 in every"))
    assert said.get_window_extent().y1 < figure.axes[0].xaxis.label.get_window_extent().y0


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("EMR", "EMR"),
        ("Static ConPET plus, three layers", "Static ConPET\nplus, three layers"),
        ("y" * 27 + " x", "y" * 27 + " x"),  # one letter more would be a second line
        ("z" * 40, "z" * 30 + "\n" + "z" * 10),
        ("", ""),
    ],
)
def test_a_long_name_takes_lines_of_about_one_length(name: str, shown: str) -> None:
    assert folded(name) == shown


def test_points_of_a_panel_are_told_apart_by_their_shapes(every: Results) -> None:
    figure = FIGURES["pareto"][0](every)
    legends = [legend for ax in figure.axes if (legend := ax.get_legend())]
    named = Counter(text.get_text() for legend in legends for text in legend.get_texts())
    assert named == {folded(every.name(method)): 1 for method in every.methods}
    for legend in legends:
        marks = [
            (line.get_marker(), line.get_markerfacecolor() == "white")
            for line in legend.get_lines()
        ]
        assert len({*marks}) == len(marks) <= TOGETHER


def test_the_best_bound_is_one_that_has_come_as_far(tmp_path: Path) -> None:
    matrix = cells(methods=("emr", "joint", "limitless"), seeds=(100,), n_tasks=4)
    made = build(tmp_path, matrix, per_class=2)
    for far in ("joint", "limitless"):
        short = "limitless" if far == "joint" else "joint"
        (run,) = made.of("demo", "minilm", short)
        for task in (2, 3, 4):
            run.folder.task(task).rename(tmp_path / f"{short}{task}")
        found = collect("demo", tmp_path, matrix, **known())
        assert _Place(found, "demo", "minilm", 2.9).bound == far
        for task in (2, 3, 4):
            (tmp_path / f"{short}{task}").rename(run.folder.task(task))


def test_kinds_share_the_axis_of_a_quantity(every: Results) -> None:
    axes = FIGURES["cost"][0](every).axes
    for quantity in (axes[::2], axes[1::2]):
        assert len({(ax.get_ylim(), ax.get_yscale()) for ax in quantity}) == 1


def test_every_shipped_method_has_a_look_of_its_own() -> None:
    shown = [method.look for method in about(*SHIPPED).values()]
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


def test_a_method_without_a_look_gets_none_that_another_has(tmp_path: Path) -> None:
    shipped = about()
    methods = {"mine": shipped["emr"].model_copy(update={"look": None}), **shipped}
    found = looks(collect("demo", tmp_path, cells(methods=list(methods)), about=methods))
    mine = found.pop("mine")
    assert (mine.color, mine.line) not in {(look.color, look.line) for look in found.values()}


def luminance(color: str) -> float:
    """Relative luminance of "#RRGGBB" (WCAG 2)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    parts = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return float(np.dot((0.2126, 0.7152, 0.0722), parts))


def test_every_colour_stands_out_on_white() -> None:
    used = {look.color for method in about(*SHIPPED).values() if (look := method.look)} | {*_COLORS}
    contrast = {color: 1.05 / (luminance(color) + 0.05) for color in used}
    assert min(contrast.values()) >= 3, contrast


def test_lines_say_how_history_comes_back() -> None:
    shown = {"none": "dotted", "memory": "dashed", "logits": "dashed", "dynamic": "solid"}
    for name, method in about(*SHIPPED).items():
        all_again = method.replay == "full" or "_history" in name or name == "finetune_lda"
        assert method.look
        assert method.look.line == ("dashdot" if all_again else shown[method.replay]), name


def test_bars_are_as_long_as_what_is_forgotten_from_where_it_is_now(results: Results) -> None:
    (ax,) = FIGURES["forgetting"][0](results).axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    lengths = dict(zip(names, [bar.get_width() for bar in ax.patches], strict=True))
    starts = dict(zip(names, [bar.get_x() for bar in ax.patches], strict=True))
    for method in results.methods:
        runs = results.of("demo", "minilm", method)
        expected = 100 * np.mean([run.summary["forgetting"] for run in runs])
        assert lengths[results.name(method)] == pytest.approx(expected)
        now = 100 * np.mean([run.metrics[-1]["task_accuracy"][:-1] for run in runs])
        assert starts[results.name(method)] == pytest.approx(now)
    assert list(lengths.values()) == sorted(lengths.values())


def test_every_claim_has_a_row_and_its_verdict_s_colour(results: Results) -> None:
    found = found_claims(results)
    figure = FIGURES["claims"][0](results)
    rows = [label.get_text() for ax in figure.axes for label in ax.get_yticklabels()]
    units = ["points", "samples", "equivalent"]  # a panel each
    assert rows == [claim.claim for claim in sorted(found, key=lambda c: units.index(c.unit))]
    means = [line for ax in figure.axes for line in ax.lines if line.get_markersize() == 5.5]
    hollow = [line.get_markerfacecolor() == "white" for line in means]
    assert sum(hollow) == sum(claim.verdict == "undecided" for claim in found)


def test_what_training_keeps_is_a_price(results: Results) -> None:
    kept = {m: kept_samples(results, results.of("demo", "minilm", m)[0]) for m in results.methods}
    stream = read_json(results.root / "demo/demo/base.tasks.json")["tasks"]
    everything = sum(len(task["train"]) for task in stream)
    assert kept["finetune"] == 0
    assert kept["static_emr"] == kept["dynamic"] == kept["joint"] == everything
    assert 0 < kept["emr"] < everything


@pytest.mark.parametrize(("count", "across"), [(0, 1), (3, 3), (5, 5), (7, 4), (12, 6), (27, 6)])
def test_panels_leave_few_places_empty(count: int, across: int) -> None:
    assert columns(count) == across


@pytest.mark.parametrize(
    ("low", "high", "most", "found"),
    [
        (50, 30_000, 4, [100, 1000, 10_000]),
        (160, 1300, 3, [200, 500, 1000]),
        (2.5, 8, 4, [3, 5]),
        (1, 1e9, 3, [1, 1e4, 1e8]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, most: int, found: list[float]) -> None:
    assert plain_ticks(low, high, most) == pytest.approx(found)


def test_titles_of_heat_maps_do_not_run_into_each_other(results: Results) -> None:
    long = replace(results, titles={"emr": "Static ConPET (EMR) + LDA (history)"})
    assert _title(long, "demo", "minilm", "emr") == "Static ConPET (EMR)\n+ LDA (history)"
