"""Every table: its numbers by hand, its marks, what it says of what is missing, its bytes."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from conpet.files import read_json, sha256, write_json
from conpet.reporting.collect import Results, collect, short_titles
from conpet.reporting.numbers import DASH, number, percent, spread
from conpet.reporting.render import markdown
from conpet.reporting.table_parts import rank
from conpet.reporting.tables import TABLES, Table, tables_for, terminal, write_table
from tests.reporting.synthetic import cells


def table(name: str, results: Results) -> Table:
    return TABLES[name][0](results)


def row(frame: pd.DataFrame, **keys: object) -> pd.Series:
    for column, value in keys.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


@pytest.mark.parametrize("name", list(TABLES))
def test_every_table_in_every_form(name: str, results: Results, tmp_path: Path) -> None:
    made = table(name, results)
    assert all(len(cells) == len(made.columns) for cells in made.rows)
    paths = write_table(made, tmp_path / name, "c0ffee")
    assert [p.suffix for p in paths] == [".csv", ".md", ".tex", ".json"]
    record = read_json(paths[3])
    assert record["config_sha256"] == "c0ffee"
    assert record["outputs"][f"{name}.csv"] == sha256(paths[0])
    assert record["inputs"] == {k: sha256(results.root / k) for k in record["inputs"]}
    assert record["inputs"]
    assert record["threads"] == [1]
    assert record["packages"]["numpy"] == np.__version__
    tex = paths[2].read_text()
    assert r"Demo\_1 \& 100 \%" in tex
    assert r"\toprule" in tex
    assert "±" not in tex
    assert terminal(made).count("\n") > len(made.rows)
    again = write_table(table(name, results), tmp_path / "again" / name, "c0ffee")
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in paths]


def test_a_record_names_the_cards_that_trained(results: Results, tmp_path: Path) -> None:
    assert "cards" not in read_json(write_table(table("main", results), tmp_path / "cpu")[3])
    first, *others = results.runs
    task, *more = first.tasks
    timing = {**task.learner.timing, "device": "cuda (One)"}
    one = replace(task, learner=replace(task.learner, timing=timing))
    asked = replace(results, runs=[replace(first, tasks=[one, *more]), *others])
    for name in TABLES:
        record = read_json(write_table(table(name, asked), tmp_path / name)[3])
        assert record.get("cards") == ["cuda (One)"], name


def test_csv_has_full_precision_and_no_time(results: Results, tmp_path: Path) -> None:
    path = write_table(table("main", results), tmp_path / "main")[0]
    frame = pd.read_csv(path, float_precision="round_trip")
    runs = results.of("demo", "minilm", "emr")
    values = [run.metrics[-1]["whole_accuracy"] for run in runs]
    found = row(frame, method="emr")
    assert found["whole_accuracy_mean"] == float(np.mean(values))
    assert found["whole_accuracy_std"] == float(np.std(values, ddof=1))
    assert found["n"] == 3
    assert not any("second" in column for column in frame)


def test_main_has_macro_f1_the_newest_task_and_the_gap_that_is_closed(results: Results) -> None:
    made = table("main", results)
    assert [name for _, name in made.columns[1:]] == [
        "Whole", "Average", "Macro F1", "Newest", "Gap", "Seeds",
    ]  # fmt: skip
    frame, runs = made.data, results.of("demo", "minilm", "emr")
    found = row(frame, method="emr")
    last = [run.metrics[-1] for run in runs]
    assert found["macro_f1_mean"] == pytest.approx(np.mean([m["macro_f1"] for m in last]))
    newest = [m["task_accuracy"][-1] for m in last]
    assert found["newest_task_mean"] == pytest.approx(np.mean(newest))
    assert found["newest_task_std"] == pytest.approx(np.std(newest, ddof=1))
    whole = {m: row(frame, method=m)["whole_accuracy_mean"] for m in results.methods}
    gap = (whole["emr"] - whole["finetune"]) / (whole["joint"] - whole["finetune"])
    assert found["gap_closed"] == pytest.approx(gap)
    assert made.rows[1][5] == f"{100 * gap:.1f}"
    assert [
        cells[5] for cells in made.rows if cells[0] in ("Fine-tuning", "Joint (upper bound)")
    ] == ["0.0", "100.0"]


def test_the_gap_is_of_seeds_that_all_have_and_only_where_there_is_one(results: Results) -> None:
    def without(*dropped: tuple[str, int]) -> Results:
        kept = [r for r in results.runs if (r.key.method, r.key.seed) not in dropped]
        return replace(results, runs=kept)

    def whole(method: str, *seeds: int) -> float:
        runs = results.of("demo", "minilm", method)
        return float(np.mean([r.summary["whole_accuracy"] for r in runs if r.key.seed in seeds]))

    some = table("main", without(("joint", 100), ("finetune", 200)))
    low, high = whole("finetune", 300), whole("joint", 300)
    expected = (whole("emr", 300) - low) / (high - low)
    assert row(some.data, method="emr")["gap_closed"] == pytest.approx(expected)
    none = table("main", without(*(("joint", seed) for seed in (100, 200, 300))))
    assert "Gap" not in [name for _, name in none.columns]
    assert not [note for note in none.footnotes if note.startswith("Gap")]


def test_main_does_not_depend_on_times(results: Results, tmp_path: Path) -> None:
    first = write_table(table("main", results), tmp_path / "a" / "main")
    shutil.copytree(results.root, tmp_path / "other")
    for path in (tmp_path / "other").rglob("timing.json"):
        write_json(path, {**read_json(path), "seconds": 1.0, "peak_memory_mb": 2.0})
    shared = {"title": results.title, "about": results.about, "titles": results.titles}
    copy = collect("demo", tmp_path / "other", {r.key: 4 for r in results.runs}, **shared)
    second = write_table(table("main", copy), tmp_path / "b" / "main")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_main_marks_the_best_and_leaves_bounds_out(results: Results) -> None:
    made = table("main", results)
    whole = {
        m: {r.key.seed: r.summary["whole_accuracy"] for r in results.of("demo", "minilm", m)}
        for m in results.methods
        if m != "joint"
    }
    assert max(map(len, whole.values())) == 3
    first, second = rank(list(whole.values()), [True] * len(whole))
    assert {r for r, c in made.best if c == 1} == first
    assert {r for r, c in made.second if c == 1} == second
    assert results.methods[-1] == "joint"
    assert any("Not ranked" in note and "Joint" in note for note in made.footnotes)


def test_partial_matrix_has_dashes_and_says_so(two: Results) -> None:
    made = table("main", two)
    emr = made.rows[1]
    assert emr[:6] == ["EMR", "…", "…", "…", "…", "…"]
    assert "±" not in emr[6]  # one seed of tacred
    assert emr[11] == "0–1"
    note = next(note for note in made.footnotes if note.startswith("… pending"))
    assert "EMR on demo (seed 100, 200)" in note
    assert "EMR on tacred (seed 200)" in note
    assert row(made.data, dataset="demo", method="emr")["status"] == "pending"
    assert math.isnan(row(made.data, dataset="demo", method="emr")["whole_accuracy_mean"])


def test_curve_takes_what_partial_runs_have(two: Results) -> None:
    made = table("curve", two).data
    assert row(made, dataset="tacred", method="emr", task=2)["n"] == 2
    assert row(made, dataset="tacred", method="emr", task=3)["n"] == 1
    assert row(made, dataset="demo", method="emr", task=1)["n"] == 0


def test_forgetting_prefers_less(results: Results) -> None:
    made = table("forgetting", results)
    values = [
        {r.key.seed: r.summary["forgetting"] for r in results.of("demo", "minilm", m)}
        for m in results.methods[:4]
    ]
    first, _ = rank(values, [True] * 4, higher=False)
    assert {r for r, c in made.best if c == 1} == first


def test_forgetting_of_a_single_task_is_a_dash(tmp_path: Path) -> None:
    from tests.reporting.synthetic import build

    matrix = cells(methods=("emr", "dynamic"), seeds=(100,), n_tasks=1)
    made = table("forgetting", build(tmp_path, matrix, per_class=3))
    assert made.rows[0][1:3] == ["–", "–"]
    assert made.rows[0][3] != "–"


def test_selector_has_only_methods_with_one(results: Results) -> None:
    made = table("selector", results)
    assert [cells[0] for cells in made.rows] == ["Dynamic ConPET"]
    last = row(made.data, task=4)
    expected = [
        run.metrics[-1]["selector_accuracy"]["1"] for run in results.of("demo", "minilm", "dynamic")
    ]
    assert last["top1_mean"] == pytest.approx(np.mean(expected))
    assert list(made.data["task"]) == [2, 3, 4]


def learnt_with(results: Results, settings: dict[str, Any]) -> Results:
    """Return results whose methods have these settings."""
    places = [run.key.cell for run in results.runs]
    return replace(results, settings={cell: settings[cell[2]] for cell in places})


def test_ablation_names_what_differs(results: Results) -> None:
    settings = {m: {"replay": m, "training": {"lr": 1e-3}} for m in results.methods}
    made = table("ablation", learnt_with(results, settings))
    assert ("Setting", "replay") in made.columns
    assert ("Setting", "lr") not in made.columns
    deltas = [
        a.summary["whole_accuracy"] - b.summary["whole_accuracy"]
        for a, b in zip(
            results.of("demo", "minilm", "emr"),
            results.of("demo", "minilm", "finetune"),
            strict=True,
        )
    ]
    assert row(made.data, method="emr")["difference_mean"] == pytest.approx(np.mean(deltas))
    assert math.isnan(row(made.data, method="finetune")["difference_mean"])


def test_ablation_takes_settings_from_the_configuration(results: Results) -> None:
    settings = {m: {"tuning": {"config": {"r": r}}} for r, m in enumerate(results.methods)}
    made = table("ablation", learnt_with(results, settings))
    assert made.columns[1] == ("Setting", "r")
    assert list(made.data["tuning.config.r"]) == ["0", "1", "2", "3", "4"]


def test_ablation_shows_a_head_the_same_way_however_it_was_written(results: Results) -> None:
    written = ["grow", "softmax", "lda", {"type": "lda", "samples": "kept"}, "ncm"]
    settings = {m: {"head": h} for m, h in zip(results.methods, written, strict=True)}
    made = table("ablation", learnt_with(results, settings))
    assert made.columns[1:3] == [("Setting", "type"), ("Setting", "samples")]
    assert list(made.data["head.type"]) == ["softmax", "softmax", "lda", "lda", "ncm"]
    assert list(made.data["head.samples"]) == [DASH, DASH, "plan", "kept", "plan"]


def test_ablations_are_shown_where_methods_are_variants(results: Results) -> None:
    assert "ablation" not in tables_for(results)
    variant = results.about["emr"].model_copy(update={"options": {"x": 1}})
    twice = replace(results, about={**results.about, "finetune": variant})
    assert "ablation" in tables_for(twice)


def test_an_upper_bound_is_not_the_best_of_an_ablation(results: Results) -> None:
    found = results.only(["finetune", "joint"])
    made = table("ablation", found)
    assert made.best == frozenset()
    assert any(note.startswith("Not ranked, trained on the whole") for note in made.footnotes)


def test_rank_marks_what_seeds_tell_apart() -> None:
    def near(value: float) -> dict[int, float]:
        return {1: value - 0.011, 2: value + 0.01, 3: value}

    a, b, c = near(0.9), {1: 0.70, 2: 0.71, 3: 0.72}, near(0.5)
    assert rank([a, b, c], [True] * 3) == ({0}, {1})
    assert rank([a, b, c], [True] * 3, higher=False) == ({2}, {1})
    assert rank([a, {1: 0.9, 2: 0.9, 3: 0.91}, c], [True] * 3) == (set(), set())
    assert rank([a, c, {1: 0.5, 2: 0.5, 3: 0.51}], [True] * 3) == ({0}, set())
    assert rank([a, b, c], [False, True, True]) == ({1}, set())
    assert rank([a, a, c], [True] * 3) == (set(), set())
    assert rank([{1: 0.9}, {1: 0.1}], [True] * 2) == (set(), set())
    assert rank([a, {}], [True] * 2) == (set(), set())
    assert rank([a], [True]) == (set(), set())


def test_no_two_rows_have_one_name() -> None:
    long = "A title that is longer than a legend (of one kind)"
    assert short_titles({"a": "LDA", "b": "LDA"}) == {"a": "LDA (a)", "b": "LDA (b)"}
    assert short_titles({"a": long, "b": "B"})["a"] == "A title that is longer than a legend"


def test_numbers_as_shown() -> None:
    assert percent(0.12345, 0.01) == "12.35 ± 1.00"
    assert percent(math.nan) == "–"
    assert percent(-0.000001) == "0.00"
    assert number(12345.678) == "12,345.7"
    assert spread([0.2, None, 0.4]) == (pytest.approx(0.3), pytest.approx(0.141421356), 2)


def test_markdown_is_a_table_even_with_bars(results: Results) -> None:
    made = table("main", results)
    odd = Table(**{**vars(made), "rows": [["a|b_c", "<1", "2", "3"]], "best": frozenset({(0, 1)})})
    line = next(line for line in markdown(odd).splitlines() if "b\\_c" in line)
    assert line == r"| a\|b\_c | **\<1** | 2 | 3 |"


def test_terminal_marks_and_aligns(results: Results) -> None:
    marked = replace(table("main", results), best=frozenset({(2, 1)}))
    lines = terminal(marked).splitlines()
    body = [line for line in lines[1:] if " ± " in line]
    assert len(body) == 5
    assert len({line.index("±") for line in body}) == 1
    assert sum("*" in line for line in body) >= 1
    assert all(len(line) <= 100 for line in lines)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex with booktabs")
def test_latex_compiles(results: Results, two: Results, tmp_path: Path) -> None:
    names = []
    for source in (results, two):
        for name in TABLES:
            prefix = tmp_path / f"{source.experiment}-{name}"
            write_table(table(name, source), prefix)
            names.append(prefix.name)
    inputs = "\n".join(rf"\input{{{name}.tex}}" for name in names)
    (tmp_path / "all.tex").write_text(
        "\\documentclass{article}\n\\usepackage{booktabs}\n\\usepackage{graphicx}\n"
        f"\\begin{{document}}\n{inputs}\n\\end{{document}}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "all.pdf").stat().st_size > 1000


def test_provenance_is_plain_json_without_a_date(results: Results, tmp_path: Path) -> None:
    path = write_table(table("main", results), tmp_path / "main")[3]
    record = json.loads(path.read_text())
    assert not [key for key in record if "time" in key or "date" in key]
    assert str(results.root) not in path.read_text()


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([("", "Method"), ("CLINC150", "Whole"), ("", "Seeds")], "| Method | Whole | Seeds |"),
        ([("A", "Whole"), ("B", "Whole")], "| A: Whole | B: Whole |"),
        ([("", "Method"), ("After task", "1"), ("After task", "2")],
         "| Method | After task 1 | After task 2 |"),
    ],
)  # fmt: skip
def test_two_lines_of_a_head_in_one(columns: list[tuple[str, str]], expected: str) -> None:
    made = Table("main", "e", "c", pd.DataFrame(), columns, [])
    assert markdown(made).splitlines()[2] == expected
