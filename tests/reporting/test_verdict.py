"""The verdict and the answers: from the numbers, and no more than they say."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from types import SimpleNamespace

import pandas as pd
import pytest

from conpet.files import read_json, write_json
from conpet.reporting import answers
from conpet.reporting.claims import FAILS, HOLDS, OPEN, difference, found_claims
from conpet.reporting.collect import Results, collect
from conpet.reporting.cost import by_task
from conpet.reporting.numbers import duration, percent, spread
from conpet.reporting.table_view import numeric, view
from conpet.reporting.tables import TABLES
from conpet.reporting.verdict import pending, ranking, told, verdicts
from tests.reporting.synthetic import build, cells, known

pytestmark = pytest.mark.slow


def _mean(results: Results, method: str, metric: str = "whole_accuracy") -> str:
    runs = results.of("demo", "minilm", method)
    return percent(*spread(run.summary[metric] for run in runs)[:2])


def test_the_best_is_the_highest_that_is_no_bound(results: Results) -> None:
    (verdict,) = verdicts(results)
    order = ranking(results, "demo", "minilm")
    assert "joint" not in order
    means = [spread(r.summary["whole_accuracy"] for r in results.of("demo", "minilm", m))[0]
             for m in order]  # fmt: skip
    assert means == sorted(means, reverse=True)
    best = results.name(order[0])
    assert verdict.headline.startswith(best)
    assert ", the upper bound apart: " in verdict.headline
    assert _mean(results, order[0]) in verdict.headline
    assert verdict.headline.endswith("(mean ± sd over 3 seeds).")
    assert verdict.more[-1].startswith("Joint (upper bound), trained on the whole history")
    assert verdict.where == ""


@pytest.mark.parametrize("method", ["finetune", "static_emr"])
def test_best_is_said_only_where_seeds_and_texts_tell(results: Results, method: str) -> None:
    pair = results.only(["emr", method])
    (verdict,) = verdicts(pair)
    first, second = ranking(pair, "demo", "minilm")
    holds = difference(pair, "demo", "minilm", first, second).verdict == HOLDS
    assert ("is the most accurate method" in verdict.headline) == holds
    assert ("has the highest mean accuracy" in verdict.headline) == (not holds)
    assert ("are not told apart" in verdict.more[0]) == (not holds)
    assert (method == "finetune") <= holds


def test_the_best_is_told_from_all_others_not_from_the_second_alone(tmp_path: Path) -> None:
    matrix = cells(methods=("finetune", "emr", "static_emr"), n_tasks=1)
    right = {"finetune": (50, 60, 95), "emr": (75, 76, 76), "static_emr": (90, 91, 91)}
    for run in build(tmp_path, matrix, per_class=25).runs:
        n = right[run.key.method][(100, 200, 300).index(run.key.seed)]
        frame = pd.read_parquet(run.folder.predictions(1))
        frame["correct"] = [i < n for i in range(len(frame))]
        frame.to_parquet(run.folder.predictions(1))
        shares = dict.fromkeys(("whole_accuracy", "average_accuracy"), n / 100)
        told_so = read_json(run.folder.metrics(1)) | shares | {"task_accuracy": [n / 100]}
        write_json(run.folder.metrics(1), told_so)
    (verdict,) = verdicts(collect("demo", tmp_path, matrix, **known()))
    assert "has the highest mean accuracy: 90.67" in verdict.headline
    second, third = verdict.more
    assert "points above EMR: seeds and test texts agree" in second
    assert third.startswith("Static ConPET (EMR) and Fine-tuning are not told apart (+22.3")


def test_one_method_and_one_seed(tmp_path: Path) -> None:
    results = build(tmp_path, cells(methods=("emr",), seeds=(100,), n_tasks=2), per_class=2)
    (verdict,) = verdicts(results)
    assert verdict.headline.endswith("(one seed).")
    assert verdict.more == []
    assert pending(results) == ""


def test_datasets_are_named_where_there_are_several(two: Results) -> None:
    assert [verdict.where for verdict in verdicts(two)] == ["demo", "tacred"]
    assert pending(two) == (
        "3 of 20 runs are pending: EMR on demo (seed 100, 200); EMR on tacred (seed 200)."
    )


def test_models_are_named_where_there_are_several(tmp_path: Path) -> None:
    matrix = cells(models=("minilm", "bert"), methods=("emr", "static_emr"), n_tasks=2)
    said = list(told(build(tmp_path, matrix, per_class=2)))
    assert [line.partition(": ")[0] for line in said] == ["minilm", "bert"]


def test_what_has_not_run_has_no_verdict(tmp_path: Path) -> None:
    matrix = cells(methods=("emr", "joint"), seeds=(100,), n_tasks=2)
    build(tmp_path, matrix, per_class=2)
    rmtree(tmp_path / "demo/demo/minilm/emr")
    results = collect("demo", tmp_path, matrix, **known())
    assert verdicts(results) == []
    assert pending(results) == "1 of 2 runs is pending: EMR on demo (seed 100)."


@pytest.mark.parametrize(
    ("seeds", "texts", "said"),
    [
        ((-1, 2), (1, 3), "clear over test texts, not over seeds."),
        ((1, 2), (-1, 3), "clear over seeds, not over test texts."),
        ((-1, 2), (-1, 3), "clear neither over seeds nor over test texts."),
        ((1, 2), (-3, -1), "seeds say one thing, test texts another."),
        ((1, 2), (math.nan, math.nan), "the answers to the test texts are not there to compare."),
    ],
)
def test_what_does_not_tell_is_named(
    results: Results, seeds: tuple[float, float], texts: tuple[float, float], said: str
) -> None:
    claim = replace(
        next(c for c in found_claims(results) if (c.method, c.baseline) == ("static_emr", "emr")),
        verdict=OPEN, seeds_low=seeds[0], seeds_high=seeds[1], low=texts[0], high=texts[1],
    )  # fmt: skip
    (sentence,) = told(results, [claim])
    assert sentence.endswith(said)
    assert list(told(results, [replace(claim, baseline="finetune")])) == []


def test_methods_that_name_no_other_here_are_compared_all_the_same(results: Results) -> None:
    pair = results.only(["finetune", "static_emr"])
    (said,) = told(pair)
    (verdict,) = verdicts(pair)
    assert said == verdict.more[0]
    assert said.startswith(f"{results.name('static_emr')} is ")
    assert list(told(results.only(["emr"]))) == []


def test_claims_measured_once_say_the_same(results: Results) -> None:
    assert list(told(results, found_claims(results))) == list(told(results))
    assert list(told(results, [])) == []


def test_who_forgets(results: Results) -> None:
    (said,) = answers.forgotten(results)
    assert f"Fine-tuning most ({_mean(results, 'finetune', 'forgetting')} points)" in said
    least = min(
        ranking(results, "demo", "minilm"),
        key=lambda m: spread(r.summary["forgetting"] for r in results.of("demo", "minilm", m))[0],
    )
    assert said.startswith(f"{results.name(least)} forgets least")
    best = ranking(results, "demo", "minilm")[0]
    ends = [run.metrics[-1]["task_accuracy"] for run in results.of("demo", "minilm", best)]
    means = [sum(task) / len(ends) for task in zip(*ends, strict=True)]
    assert f"ends weakest on task {means.index(min(means)) + 1} (" in said


def test_what_it_costs(results: Results) -> None:
    (said,) = answers.spent(results)
    samples = {
        m: spread(by_task(results.of("demo", "minilm", m), "samples"))[0] for m in results.methods
    }
    most = max(samples, key=lambda m: samples[m])
    assert said.startswith(
        f"Fewest samples trained on per task: Fine-tuning, {samples['finetune']:,.0f}; "
        f"most: {results.name(most)}, {samples[most]:,.0f}. "
    )
    assert answers.trained(results).endswith(
        f"{sum(len(run.trainings) for run in results.runs)} trainings"
    )


def test_which_claims_hold(results: Results) -> None:
    claim = found_claims(results)[0]
    four = [replace(claim, verdict=verdict) for verdict in (HOLDS, HOLDS, FAILS, OPEN, "")]
    assert answers.tested(four) == (
        "Of 4 claims measured, 2 hold, 1 does not hold and 1 is undecided."
    )
    assert answers.tested(four[:1]) == "Of 1 claim measured, 1 holds."
    assert answers.tested([]) == ""


def test_changes_not_committed_are_said() -> None:
    assert answers.code({"a": 3}) == "All trainings are of one commit."
    assert answers.code({"a": 3, "a + changes 1f": 1, "b": 2}) == (
        "The trainings are of 2 commits, 1 of 6 with changes not committed."
    )
    assert answers.code({"a + changes 1f": 1, "a + changes 2e": 3}) == (
        "All trainings are of one commit, 4 of 4 with changes not committed, which were not the "
        "same for all (2 versions)."
    )
    assert answers.code({}) == ""


def test_trainings_that_came_to_nothing_are_said(tmp_path: Path) -> None:
    matrix = cells(methods=("emr", "dynamic"), seeds=(100,), n_tasks=2)
    made = build(tmp_path, matrix, per_class=2)
    assert answers.thrown_away(made) == ""
    path = made.runs[1].folder.selector(2) / "state.json"
    write_json(path, read_json(path) | {"best_epoch": -1})
    other = made.runs[1].folder.state(2) / "state.json"  # of the same task
    write_json(other, read_json(other) | {"best_epoch": -1})
    untrained = made.runs[0].folder.state(2) / "state.json"  # one that takes no step
    write_json(untrained, read_json(untrained) | {"best_epoch": -1, "steps": 0})
    assert answers.thrown_away(collect("demo", tmp_path, matrix, **known())) == (
        "2 of 4 trainings came to nothing, as validation was best before the first epoch: "
        "Dynamic ConPET, seed 100, task 2."
    )


def test_a_figure_without_numbers_of_its_own_is_described(results: Results) -> None:
    said = answers.alternative(results, "newest", "dots by day", [])
    assert said == "Drawing of dots by day (5 methods on demo)."


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"), (1.26, "1.3 s"), (42.4, "42 s"), (59.7, "1 min"), (144, "2 min 24 s"),
        (3599.6, "1 h"), (18720, "5 h 12 min"), (36e6, "10,000 h"), (float("nan"), "–"),
    ],
)  # fmt: skip
def test_times_are_said_in_units_that_fit(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_columns_of_numbers() -> None:
    assert numeric(["1", "–", "…", "", "-1.5 ± 2", "[+1.00, -2.00]", "< 0.001", "0.95 ×", "−3"])
    assert not numeric(["1", "holds"])


def test_a_table_on_the_page(two: Results) -> None:
    shown = view(TABLES["main"][0](two), two.caption, "Heading")
    top, below = shown.heads
    assert [(head.text, head.across, head.down) for head in top] == [
        ("Method", 1, 2), ("demo", 5, 1), ("tacred", 5, 1), ("Seeds", 1, 2),
    ]  # fmt: skip
    assert sorted(h.column for h in [*top, *below] if h.column is not None) == list(range(12))
    assert shown.caption.startswith("Accuracy (%)")
    assert shown.key == 0
    assert view(TABLES["curve"][0](two), "", "").key == 1  # the dataset comes before the method


def test_means_stand_below_means(results: Results) -> None:
    table = TABLES["forgetting"][0](results)
    rows = [["a", "1.00 ± 2.00", "x"], ["b", "10.00 ± 12.00", "x"], ["c", "…", "x"]]
    shown = view(replace(table, rows=rows, columns=table.columns[:3]), "", "")
    assert shown.parts(0, 1) == ("1.00 ± ", 1, "2.00")
    assert shown.parts(1, 1) == ("10.00 ± ", 0, "12.00")
    assert shown.parts(2, 1) == ("…", 0, "")


def test_tasks_that_end_alike_are_not_called_weakest_and_strongest(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    alike = SimpleNamespace(metrics=[{"task_accuracy": [1.0, 1.0]}])
    monkeypatch.setattr(answers, "_finished", lambda *_: [alike])
    found = answers._weakest(results, "demo", "minilm", "emr")
    assert found == f"The most accurate, {results.name('emr')}, ends at 100.0 % on each task."
