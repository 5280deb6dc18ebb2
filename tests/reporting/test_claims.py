"""The claims: measured rightly, and judged so that each verdict can come out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conpet.files import read_json, write_json
from conpet.reporting.claims import (
    FAILS,
    HOLDS,
    OPEN,
    difference,
    found_claims,
    independent,
    verdict,
)
from conpet.reporting.collect import Results, collect
from conpet.reporting.cost import Slope, run_costs
from conpet.reporting.figures import FIGURES
from conpet.reporting.significance import finished_mean
from conpet.reporting.tables import TABLES
from conpet.reporting.told_apart import paired_t, t_interval
from tests.reporting.synthetic import build, cells, known


def test_every_verdict() -> None:
    assert verdict(0.02, (0.01, 0.03)) == HOLDS
    assert verdict(0.02, (-0.01, 0.05)) == OPEN
    assert verdict(-0.02, (-0.05, 0.01)) == OPEN  # worse, but the samples do not tell
    assert verdict(0.02, (math.nan, math.nan)) == OPEN
    assert verdict(-0.02, (-0.03, -0.01)) == FAILS
    assert verdict(0.0, (0.0, 0.0)) == OPEN
    assert verdict(math.nan, (math.nan, math.nan)) == ""
    assert verdict(0.04, (0.03, 0.049), above=0.05) == FAILS


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.0, 0.0, 0.0, HOLDS),
        (0.5, -0.2, 0.9, HOLDS),  # less than 1 % of a task's 100
        (3.0, -1.0, 7.0, OPEN),  # may be 7 % a task
        (-3.0, -60.0, 54.0, OPEN),  # want of evidence is none
        (-3.0, -4.0, -2.0, HOLDS),
        (3.0, 1.0, 5.0, FAILS),
        (0.5, 0.2, 0.8, FAILS),
        (3.0, math.nan, math.nan, OPEN),
        (math.nan, math.nan, math.nan, ""),
    ],
)
def test_growth_is_none_only_where_that_is_measured(
    value: float, low: float, high: float, said: str
) -> None:
    assert independent(Slope(value, low, high), 100.0) == said


def test_seeds_and_samples_must_agree() -> None:
    """FewRel's Static above EMR: +2.32 points, seeds' std 3.40, samples [+0.89, +3.78]."""
    seeds = t_interval(0.0232, 0.0340, 3)
    assert seeds == pytest.approx((-0.0613, 0.1077), abs=1e-4)
    assert verdict(0.0232, (0.0089, 0.0378), seeds) == OPEN
    assert verdict(0.0232, (0.0089, 0.0378), t_interval(0.0232, 0.0010, 3)) == HOLDS
    assert verdict(-0.0232, (-0.0378, -0.0089), t_interval(-0.0232, 0.0010, 3)) == FAILS
    assert verdict(0.0232, (0.0089, 0.0378), t_interval(0.0232, math.nan, 1)) == OPEN


def test_the_interval_over_seeds_is_that_of_the_t_test() -> None:
    for differences in ([0.01, 0.02, 0.06], [0.03, 0.04, 0.06]):
        values = np.array(differences)
        low, high = t_interval(values.mean(), values.std(ddof=1), 3)
        assert (low > 0 or high < 0) == (paired_t(values) < 0.05)


def test_claims_of_a_finished_matrix(results: Results) -> None:
    found = {claim.claim: claim for claim in found_claims(results)}
    static = found["Static ConPET (EMR) above EMR"]
    emr, ours = results.of("demo", "minilm", "emr"), results.of("demo", "minilm", "static_emr")
    deltas = [
        a.summary["whole_accuracy"] - b.summary["whole_accuracy"]
        for a, b in zip(ours, emr, strict=True)
    ]
    assert static.value == pytest.approx(sum(deltas) / 3)
    passed = [sum(task.total("samples_passed") for task in run.tasks) for run in (ours[0], emr[0])]
    assert static.samples_ratio == pytest.approx(passed[0] / passed[1])
    assert found["Static ConPET (EMR) above Fine-tuning by 5 points"].verdict == HOLDS
    flat = found["Training samples per task of Dynamic ConPET do not grow"]
    assert (flat.value, flat.low, flat.high, flat.verdict) == (0.0, 0.0, 0.0, HOLDS)
    assert not [name for name in found if "of Joint (upper bound) do not grow" in name]
    assert set(TABLES["claims"][0](results).data["claim"]) == set(found)


def test_growing_cost_does_not_hold(tmp_path: Path) -> None:
    matrix = cells(methods=("static_emr",), seeds=(100,), n_tasks=5)
    run = build(tmp_path, matrix, per_class=2).runs[0]
    for task in range(1, 6):
        path = run.folder.state(task) / "state.json"
        write_json(path, {**read_json(path), "samples_passed": 1000 * task + task % 2})
    claims = found_claims(collect("demo", tmp_path, matrix, **known()))
    assert claims[0].value == pytest.approx(1000, abs=1)
    assert [claim.verdict for claim in claims] == [FAILS, FAILS]


@pytest.mark.parametrize(("grows", "said"), [(90, FAILS), (0, HOLDS)])
def test_a_cost_that_grows_by_forward_passes_does_not_hold(
    grows: int, said: str, tmp_path: Path
) -> None:
    matrix = cells(methods=("static_emr",), seeds=(100,), n_tasks=5)
    run = build(tmp_path, matrix, per_class=2).runs[0]
    for task in range(1, 6):
        path = run.folder.state(task) / "state.json"
        write_json(path, {**read_json(path), "forward_samples": 600 + grows * task})
    trained, whole = found_claims(collect("demo", tmp_path, matrix, **known()))
    assert (trained.unit, trained.value, trained.verdict) == ("samples", 0.0, HOLDS)
    assert whole.claim == "Equivalent samples per task of Static ConPET (EMR) do not grow"
    assert (whole.unit, whole.verdict) == ("equivalent", said)
    assert whole.value == pytest.approx(grows / 3)


def test_what_is_not_finished_is_pending(two: Results) -> None:
    made = TABLES["claims"][0](two)
    row = next(r for r in made.rows if r[:2] == ["demo", "Static ConPET (EMR) above EMR"])
    assert row[2:] == ["…", "…", "…", "…", "…", "0", "…"]


def test_growth_over_too_few_tasks_is_unknown_not_pending(tmp_path: Path) -> None:
    short = build(tmp_path, cells(methods=("static_emr",), seeds=(100,), n_tasks=2), per_class=2)
    rows = TABLES["claims"][0](short).rows
    assert [row[1:] for row in rows] == [["–", "–", "–", "–", "–", "1", "–"]] * 2


def test_every_against_has_its_row_and_none_has_two(results: Results) -> None:
    """By its own name and as the best of a family is one comparison."""
    found = {**results.about}
    found["dynamic"] = found["dynamic"].model_copy(
        update={"against": ["finetune", "static", "static_emr", "joint", "not_here"]}
    )
    named = [
        (c.method, c.baseline)
        for c in found_claims(replace(results, about=found))
        if c.unit == "points" and "by 5 points" not in c.claim
    ]
    assert named == [
        ("static_emr", "emr"),
        ("dynamic", "finetune"),
        ("dynamic", "static_emr"),
        ("dynamic", "joint"),
    ]


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """EMR and LwF as if they trained nothing, and fine-tuning hardly anything."""
    root = tmp_path_factory.mktemp("frozen")
    matrix = cells(methods=("finetune", "lwf", "emr", "static_emr", "joint"), n_tasks=3)
    none = {"trainable_parameters": 0, "samples_passed": 0, "forward_samples": 300}
    changes = {"emr": none, "lwf": none, "finetune": {"samples_passed": 500}}
    for run in build(root, matrix, per_class=4).runs:
        for task in range(1, 4):
            path = run.folder.state(task) / "state.json"
            write_json(path, {**read_json(path), **changes.get(run.key.method, {})})
    return collect("demo", root, matrix, **known())


_SAYS_IT = "EMR (no training)"


def test_what_trains_nothing_and_is_above_is_shown(frozen: Results) -> None:
    found = {c.claim: c for c in found_claims(frozen)}
    shown = [name for name in found if "(trains nothing)" in name]
    means = {m: finished_mean(frozen.of("demo", "minilm", m)) for m in frozen.methods}
    assert means["finetune"] < means["emr"] < means["static_emr"]
    assert shown == ["EMR (trains nothing) above Fine-tuning"]  # and not above lwf, its like
    said = replace(frozen, titles={**frozen.titles, "emr": _SAYS_IT})
    assert f"{_SAYS_IT} above Fine-tuning" in [c.claim for c in found_claims(said)]
    claim = found[shown[0]]
    assert claim.value == pytest.approx(means["emr"] - means["finetune"])
    assert claim.verdict == HOLDS
    assert claim.samples_ratio == 0.0
    trained = [run_costs(r) for r in frozen.of("demo", "minilm", "finetune")]
    whole = [sum(c.samples + c.forward_samples / 3 for c in costs) for costs in trained]
    assert claim.equivalent_ratio == pytest.approx(3 * 100.0 / np.mean(whole))
    made = TABLES["claims"][0](frozen)
    assert any(note.startswith("Trains nothing: the best") for note in made.footnotes)
    note = next(n for n in TABLES["main"][0](frozen).footnotes if "nothing is trained by" in n)
    assert note == (
        "demo, nothing is trained by LwF, EMR: by the mean EMR is above Fine-tuning (table "
        "claims: which are told apart)."
    )


def test_what_costs_nothing_is_named_where_it_cannot_be_drawn(frozen: Results) -> None:
    (samples, _), words = FIGURES["cost"][0](frozen).axes, "0 in every task: LwF, EMR"
    assert samples.get_yscale() == "log"
    assert words in [text.get_text() for text in samples.texts]


def test_nothing_is_said_where_all_are_trained(results: Results) -> None:
    assert not [c for c in found_claims(results) if "trains nothing" in c.claim]
    notes = [*TABLES["main"][0](results).footnotes, *TABLES["claims"][0](results).footnotes]
    assert not [note for note in notes if "nothing" in note.lower()]


def test_what_is_claimed_beyond_is_not_found(results: Results) -> None:
    of = (results, "demo", "minilm", "static_emr", "finetune")
    found = difference(*of)
    assert found.verdict == HOLDS
    assert difference(*of, above=found.value + 0.3).verdict == FAILS


@pytest.mark.parametrize(
    ("above", "said"), [(0.025, "2.5"), (0.05, "5"), (0.07, "7"), (0.004, "0.4")]
)
def test_a_claim_says_the_points_that_it_is_held_against(
    results: Results, above: float, said: str
) -> None:
    found = difference(results, "demo", "minilm", "static_emr", "finetune", above=above)
    assert found.claim.endswith(f" by {said} points")


def test_growth_is_held_against_a_tasks_mean(tmp_path: Path) -> None:
    matrix = cells(methods=("static_emr",), seeds=(100,), n_tasks=5)
    run = build(tmp_path, matrix, per_class=2).runs[0]
    for task, passed in enumerate((1000, 1000, 1020, 990, 1030), start=1):
        path = run.folder.state(task) / "state.json"
        write_json(path, {**read_json(path), "samples_passed": passed, "forward_samples": 0})
    found = found_claims(collect("demo", tmp_path, matrix, **known()))
    assert [claim.verdict for claim in found] == [OPEN, OPEN]  # 6 a task, up to 45: 4.5 %
