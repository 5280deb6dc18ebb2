"""The tests behind the claims."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from conpet.config import Method
from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.reporting.collect import Results, collect
from conpet.reporting.predictions import last_predictions
from conpet.reporting.significance import comparison, paired_bootstrap, pairs
from conpet.reporting.table_parts import bound_note, rank
from conpet.reporting.tables import TABLES
from conpet.reporting.told_apart import paired_t, t_interval, told_apart
from conpet.reporting.verdict import verdicts
from conpet.seeds import derive
from tests.reporting.synthetic import build, cells, known


def test_paired_t_against_scipy() -> None:
    a, b = np.array([0.8, 0.85, 0.9]), np.array([0.7, 0.8, 0.78])
    assert paired_t(a - b) == pytest.approx(stats.ttest_rel(a, b).pvalue)


def test_paired_t_without_a_spread_says_nothing() -> None:
    assert math.isnan(paired_t(np.array([0.1])))
    assert math.isnan(paired_t(np.array([0.1, 0.1, 0.1])))


def test_seeds_tell_means_apart_where_they_agree() -> None:
    far, near = {1: 0.80, 2: 0.85, 3: 0.90}, {1: 0.79, 2: 0.86, 3: 0.88}
    low = {seed: value - 0.2 for seed, value in near.items()}
    assert told_apart(far, low)
    assert told_apart(low, far)
    assert not told_apart(far, near)
    assert not told_apart({1: 0.9}, {1: 0.1})  # one seed says nothing
    assert not told_apart(far, {4: 0.1})
    assert told_apart(far, {seed: value - 0.1 for seed, value in far.items()})
    assert not told_apart(far, far)
    assert not told_apart({1: 0.9, 2: 0.8}, {1: 0.88, 2: 0.78})  # two agree by chance


def test_two_seeds_that_agree_have_no_interval() -> None:
    assert math.isnan(t_interval(0.02, 0.0, 2)[0])
    assert t_interval(0.02, 0.0, 3) == (0.02, 0.02)


def test_no_mark_goes_to_what_is_worse_on_the_seeds_that_both_have() -> None:
    alone, shared = {100: 0.50, 200: 0.51, 300: 0.90}, {100: 0.60, 200: 0.61}
    assert rank([alone, shared], [True, True]) == (set(), set())
    third = {100: 0.60, 200: 0.611, 300: 0.602}
    behind = {100: 0.50, 200: 0.51, 300: 0.505}
    assert rank([third, behind], [True, True]) == ({0}, set())


def test_bootstrap_is_that_of_resampling_the_samples() -> None:
    rng = np.random.default_rng(0)
    differences = rng.choice(
        [-1.0, -1 / 3, 0.0, 1 / 3, 1.0], size=300, p=[0.05, 0.1, 0.6, 0.15, 0.1]
    )
    p, low, high = paired_bootstrap(differences, seed=1, resamples=20_000)
    drawn = rng.choice(differences, size=(20_000, 300)).mean(axis=1)
    assert low == pytest.approx(np.quantile(drawn, 0.025), abs=0.004)
    assert high == pytest.approx(np.quantile(drawn, 0.975), abs=0.004)
    assert p == pytest.approx(2 * (drawn <= 0).mean(), abs=0.01)
    assert paired_bootstrap(differences, seed=1) == paired_bootstrap(differences, seed=1)


def test_bootstrap_at_the_ends() -> None:
    assert paired_bootstrap(np.zeros(50), seed=1) == (1.0, 0.0, 0.0)
    p, low, high = paired_bootstrap(np.ones(50), seed=1)
    assert (low, high) == (1.0, 1.0)
    assert p == pytest.approx(2 / 10_001)


def test_pairs_are_the_claims(results: Results) -> None:
    assert list(pairs(results, "demo", "minilm")) == [
        ("static_emr", "emr"),
        ("dynamic", "static_emr"),
    ]


def test_comparison_reads_both_runs(results: Results) -> None:
    fact = comparison(results, "demo", "minilm", "static_emr", "emr")
    expected = [
        a.metrics[-1]["whole_accuracy"] - b.metrics[-1]["whole_accuracy"]
        for a, b in zip(
            results.of("demo", "minilm", "static_emr"),
            results.of("demo", "minilm", "emr"),
            strict=True,
        )
    ]
    assert fact["difference_mean"] == pytest.approx(np.mean(expected))
    assert fact["seeds"] == 3
    assert fact["samples"] == 4 * 4 * 5
    assert fact["low"] <= fact["difference_mean"] <= fact["high"]


def _changed(results: Results, folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Any:
    """Return the comparison where the predictions of one run were changed."""
    shutil.copytree(results.runs[0].folder.root.parents[3], folder)
    path = folder / "demo/minilm/static_emr/seed200/task04/predictions.parquet"
    change(pd.read_parquet(path)).to_parquet(path)
    found = collect("demo", folder.parent, cells(n_tasks=4), **known())
    return comparison(found, "demo", "minilm", "static_emr", "emr")


def test_predictions_of_another_run_are_one_line(tmp_path: Path, results: Results) -> None:
    other = results.of("demo", "minilm", "finetune")[0].folder.predictions(4)
    with pytest.raises(UserError, match=r"seed200/task04/predictions.parquet: \d+ of \d+ are"):
        _changed(results, tmp_path / "demo", lambda _: pd.read_parquet(other))


def test_predictions_of_other_samples_are_one_line(tmp_path: Path, results: Results) -> None:
    with pytest.raises(UserError, match=r"not of the test samples of .*: evaluate both again"):
        _changed(results, tmp_path / "demo", lambda frame: frame.assign(row=frame["row"] + 1))


@pytest.mark.parametrize(
    ("key", "kind"), [("encoded_sha256", "data"), ("snapshot_sha256", "model files")]
)
def test_runs_of_other_data_do_not_stand_side_by_side(
    key: str, kind: str, tmp_path: Path, results: Results
) -> None:
    shutil.copytree(results.runs[0].folder.root.parents[3], tmp_path / "demo")
    for method in ("emr", "static_emr"):
        path = tmp_path / f"demo/demo/minilm/{method}/seed200/task03/state/state.json"
        write_json(path, read_json(path) | {key: method})
    line = rf"static_emr/seed200/task03: learnt from other {kind} than .*/task03: not to be compa"
    with pytest.raises(UserError, match=line.replace("static_emr", r"\w+")):
        collect("demo", tmp_path, cells(n_tasks=4), **known())


def test_unfinished_seeds_are_left_out(two: Results) -> None:
    frame = TABLES["significance"][0](two).data
    demo = frame[(frame["dataset"] == "demo") & (frame["method"] == "static_emr")].iloc[0]
    tacred = frame[(frame["dataset"] == "tacred") & (frame["method"] == "static_emr")].iloc[0]
    assert demo["seeds"] == 0
    assert math.isnan(demo["difference_mean"])
    assert tacred["seeds"] == 1
    assert math.isnan(tacred["t_test_p"])
    assert 0 < tacred["bootstrap_p"] <= 1


def test_main_names_the_tests(results: Results) -> None:
    notes = " ".join(TABLES["main"][0](results).footnotes)
    assert "paired t-test over seeds; paired bootstrap" in notes
    assert "Static ConPET (EMR) over EMR" in notes


OWN = {
    "finetune": Method(title="Fine-tuning", learner="linear", replay="none"),
    "own": Method(title="My own", learner="mine", replay="none"),
}


def two_methods(folder: Path, **keys: Any) -> Results:
    own = OWN["own"].model_copy(update=keys)
    matrix = cells(methods=list(OWN), seeds=(1, 2), n_tasks=3)
    titles = {name: method.title for name, method in OWN.items()}
    return build(folder, matrix, per_class=3, about={**OWN, "own": own}, titles=titles)


def test_an_empty_table_says_why_and_what_to_write(tmp_path: Path, results: Results) -> None:
    made = TABLES["significance"][0](two_methods(tmp_path))
    assert list(made.rows) == []
    (note,) = [note for note in made.footnotes if note.startswith("Nothing is compared")]
    assert "write `against: [finetune]` into the YAML" in note
    assert not any("The best" in note for note in made.footnotes)
    notes = TABLES["significance"][0](results).footnotes
    assert not any("Nothing is compared" in note for note in notes)
    assert any("The best static is the one with the highest mean here" in note for note in notes)


def test_a_method_of_ones_own_is_tested_and_judged_as_ours_are(tmp_path: Path) -> None:
    keys = {"against": ["finetune"], "ahead": {"finetune": 10.0}, "flat_cost": True, "bound": True}
    found = two_methods(tmp_path, **keys)
    assert list(pairs(found, "demo", "minilm")) == [("own", "finetune")]
    assert [cells[:2] for cells in TABLES["significance"][0](found).rows] == [
        ["My own", "Fine-tuning"]
    ]
    assert list(TABLES["claims"][0](found).data["claim"]) == [
        "My own above Fine-tuning",
        "My own above Fine-tuning by 10 points",
        "Training samples per task of My own do not grow",
        "Equivalent samples per task of My own do not grow",
    ]
    assert found.bound("own")
    assert bound_note(found) == ["Not ranked, bound: true: My own."]


def test_why_a_method_is_not_ranked(results: Results) -> None:
    whole = "Not ranked, trained on the whole history at every task: Joint (upper bound)."
    assert bound_note(results) == [whole]
    mine = results.about["emr"].model_copy(update={"bound": True})
    other = replace(results, about={**results.about, "emr": mine})
    assert bound_note(other) == ["Not ranked, bound: true: EMR.", whole]
    assert "EMR, not ranked (bound: true), comes to" in " ".join(
        line for verdict in verdicts(other.only(["finetune", "emr"])) for line in verdict.more
    )


def test_a_family_is_met_by_its_best_but_not_by_the_method_itself(results: Results) -> None:
    family = {m: results.about[m].model_copy(update={"family": "f"}) for m in results.methods}
    rivals = results.about["emr"].model_copy(update={"family": "f", "against": ["f", "emr"]})
    met = replace(results, about={**family, "emr": rivals})
    found = [baseline for method, baseline in pairs(met, "demo", "minilm") if method == "emr"]
    means = {
        m: np.mean([run.summary["whole_accuracy"] for run in results.of("demo", "minilm", m)])
        for m in results.methods
        if m != "emr"
    }
    assert found == [max(means, key=lambda m: means[m])]


def test_what_is_worse_is_told_as_surely_as_what_is_better() -> None:
    assert paired_bootstrap(-np.ones(50), seed=1)[0] == pytest.approx(2 / 10_001)


def test_texts_are_drawn_of_the_means_over_all_seeds(results: Results) -> None:
    of = ("demo", "minilm", "static_emr", "emr")
    fact = comparison(results, *of)
    ours, theirs = (results.of("demo", "minilm", method) for method in of[2:])
    each = [
        last_predictions(a)["correct"].astype(float) - last_predictions(b)["correct"].astype(float)
        for a, b in zip(ours, theirs, strict=True)
    ]
    mean = (sum(each) / len(each)).round(9).to_numpy()
    expected = paired_bootstrap(mean, derive("significance", results.experiment, *of))
    assert (fact["bootstrap_p"], fact["low"], fact["high"]) == expected
