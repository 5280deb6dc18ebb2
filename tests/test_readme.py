"""Figures of README and of docs/results.md are those of the published tables."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
import typer

from conpet.commands import app
from conpet.config.strict import read_yaml
from conpet.files import read_json, sha256
from conpet.reporting.claims import Claim, verdict
from conpet.reporting.collect import Results
from conpet.reporting.numbers import percent
from conpet.reporting.told_apart import t_interval
from conpet.reporting.verdict import sentence
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS, _, FEWREL = (
    (ROOT / "docs/results.md").read_text(encoding="utf-8").partition("\n## FewRel, all of it\n")
)
FEWREL, _, STREAMS = FEWREL.partition("\n## Streams of other shapes\n")
FEWREL, _, LITE = FEWREL.partition("\n## FewRel lite\n")
TITLES = {
    path.stem: str(read_yaml(path)["title"]) for path in (ROOT / "config/methods").glob("*.yaml")
}
COLUMNS = ("clinc150", "fewrel_val", "crossner", "demo_all")


def published(experiment: str) -> pd.DataFrame:
    table = pd.read_csv(ROOT / f"results/published/{experiment}/tables/main.csv")
    return table[table["source"] == "this suite"].set_index("method")


def rows_of(text: str) -> dict[str, list[str]]:
    """The rows of tables of methods, by the method."""
    found = re.findall(r"^\| ([a-z_]+) \| (.*[±–].*) \|$", text, re.MULTILINE)
    return {method: cells.split(" | ") for method, cells in found}


@pytest.mark.parametrize(("place", "experiment"), enumerate(COLUMNS))
def test_the_main_table(place: int, experiment: str) -> None:
    shown = {method: cells[place] for method, cells in rows_of(RESULTS).items()}
    table = published(experiment)
    assert set(table["n"]) == {3}
    mean, spread = 100 * table["whole_accuracy_mean"], 100 * table["whole_accuracy_std"]
    assert len(shown) == 36
    assert shown == {m: f"{mean[m]:.2f} ± {spread[m]:.2f}" if m in mean else "–" for m in shown}
    assert set(table.index) <= set(shown)


def test_static_above_emr_on_six_sets_of_texts() -> None:
    (shown,) = re.findall(r"^ *\| \*\*points\*\* \| (.*) \|$", RESULTS, re.MULTILINE)
    names = ("demo", "fewrel", "fewrel_val", "demo_all", "crossner", "clinc150")
    found = []
    for name in names:
        claims = pd.read_csv(ROOT / f"results/published/{name}/tables/claims.csv")
        claim = claims[(claims["method"] == "static_emr") & (claims["baseline"] == "emr")].iloc[0]
        found.append(f"{100 * claim['value']:+.1f} ± {100 * claim['std']:.1f}".replace("-", "−"))
        assert (claim["verdict"] == "holds") == (name == "demo")
        if name == "demo_all":
            said = f"with ten, EMR is {100 * claim['value']:.1f} points below Static ConPET"
            assert said in README
    assert shown.split(" | ") == found


@pytest.mark.parametrize(("experiment", "text"), [("fewrel", FEWREL), ("fewrel_lite", LITE)])
def test_what_is_finished_by_now(experiment: str, text: str) -> None:
    """What was finished when it was published, from three of its tables."""
    table = published(experiment)
    tables = ROOT / f"results/published/{experiment}/tables"
    given, cost = (
        pd.read_csv(tables / f"{name}.csv").set_index("method") for name in ("scenarios", "cost")
    )
    there = table[table["n"] > 0]
    shown = re.findall(r"^\| ([a-z_0-9]+) \| (\d.*) \|$", text, re.MULTILINE)
    assert [method for method, _ in shown] == list(there.index)
    for method, cells in shown:
        row, price = there.loc[method], cost.loc[method]
        whole = f"{100 * row['whole_accuracy_mean']:.2f}"
        if row["n"] > 1:
            whole += f" ± {100 * row['whole_accuracy_std']:.2f}"
        assert cells.split(" | ") == [
            whole, f"{int(row['n'])}",
            f"{100 * given.loc[method, 'task_incremental_accuracy_mean']:.1f}",
            f"{price['samples_per_task']:,.0f}", f"{price['forward_samples_per_task']:,.0f}",
            f"{price['seconds_per_task']:.0f}",
        ]  # fmt: skip
    assert f"{int(there['n'].sum())} of {int(table['seeds'].sum())} runs" in text


def test_fewrel_in_full_static_above_emr() -> None:
    tables = ROOT / "results/published/fewrel/tables"
    claims = pd.read_csv(tables / "claims.csv").set_index("claim")
    claim = claims.loc["Static ConPET (EMR) above EMR"]
    words = " ".join(FEWREL.split())
    told = (
        f"{100 * claim['value']:.1f} ± {100 * claim['std']:.1f}, for {claim['samples_ratio']:.2f}"
    )
    assert told in words
    ends = [f"from {100 * claim[a]:.1f} to {100 * claim[b]:.1f}".replace("-", "−")
            for a, b in (("low", "high"), ("seeds_low", "seeds_high"))]  # fmt: skip
    assert all(end in words for end in ends)


def test_streams_of_other_shapes() -> None:
    tables = ROOT / "results/published/streams/tables"
    whole, given = (
        pd.read_csv(tables / f"{name}.csv").set_index(["method", "dataset"])
        for name in ("main", "scenarios")
    )
    datasets = list(dict.fromkeys(name for _, name in whole.index))
    shown = re.findall(r"^\| ([a-z_]+) \| (\d.*) \|$", STREAMS, re.MULTILINE)
    assert [method for method, _ in shown] == list(dict.fromkeys(name for name, _ in whole.index))
    for method, cells in shown:
        expected = []
        for data in datasets:
            cell = f"{100 * whole.loc[(method, data), 'whole_accuracy_mean']:.1f}"
            if given.loc[(method, data), "scenario"] != "one task":
                task = given.loc[(method, data), "task_incremental_accuracy_mean"]
                cell += f" ({100 * task:.1f})"
            expected.append(cell)
        assert cells.split(" | ") == expected
    assert f"{int(whole['n'].sum())} of {int(whole['seeds'].sum())} runs" in STREAMS


@pytest.mark.parametrize(
    ("experiment", "count"),
    [("demo_all", 12), ("clinc150", 15), ("fewrel_val", 16), ("crossner", 15)],
)
def test_the_finding(experiment: str, count: int) -> None:
    text = (ROOT / "docs/finding-tables.md").read_text(encoding="utf-8")
    table = published(experiment)
    mean, spread = 100 * table["whole_accuracy_mean"], 100 * table["whole_accuracy_std"]
    after = text.partition(f"experiment={experiment}`")[2]
    shown = rows_of(re.split(r"\n\n(?!\|)", after, maxsplit=1)[0])
    assert len(shown) == count
    assert {m: cells[0] for m, cells in shown.items()} == {
        m: f"{mean[m]:.2f} ± {spread[m]:.2f}" for m in shown
    }


def test_the_finding_in_five_minutes() -> None:
    text = (ROOT / "docs/finding.md").read_text(encoding="utf-8")
    assert len(text.split()) < 1300  # bars of tables count too
    shown = re.findall(r"^\| \**([a-z_]+)\**[:|].*? \| (.*?±.*?) \|$", text, re.MULTILINE)
    assert len(shown) == 10
    assert shown[0][0] == "finetune" and shown[-1][0] == "joint_layers"
    datasets = ("clinc150", "fewrel_val", "crossner")
    costs = [
        pd.read_csv(ROOT / f"results/published/{name}/tables/cost.csv").set_index("method")
        for name in datasets
    ]
    for method, cells in shown:
        *means, cost = cells.split(" | ")
        if method == "dynamic_plus_history_layers":  # run by itself: REPRODUCIBILITY says how
            row = "| **dynamic_plus_history_layers** | " + " | ".join(means) + " |"
            assert row in (ROOT / "REPRODUCIBILITY.md").read_text(encoding="utf-8")
            continue
        table = [published(name).loc[method] for name in datasets]
        assert means == [
            f"{100 * row['whole_accuracy_mean']:.2f} ± {100 * row['whole_accuracy_std']:.2f}"
            for row in table
        ]
        passed = [found["equivalent_samples_per_task"] for found in costs]
        ratios = [one[method] / one["static_emr"] for one in passed]
        low, high = f"{min(ratios):.1f}", f"{max(ratios):.1f}"
        said = cost.removesuffix(", grows")
        assert said in (f"{low}–{high}" if low != high else low, "1")


def test_what_the_historys_shares_are_worth() -> None:
    text = (ROOT / "REPRODUCIBILITY.md").read_text(encoding="utf-8")
    section = text.partition("experiment=ablation_target")[2].partition("\n## ")[0]
    shown = re.findall(r"^\| [^|]+ \| (\d.*) \| (\d.*) \|$", section, re.MULTILINE)
    table = 100 * published("ablation_target").select_dtypes("number")
    assert [list(row) for row in shown] == [
        [
            f"{row[f'{kind}_mean']:.2f} ± {row[f'{kind}_std']:.2f}"
            for kind in ("whole_accuracy", "macro_f1")
        ]
        for _, row in table.iterrows()
    ]


def test_the_experts_ideas_alone_and_together() -> None:
    """Two seeds a row, whose mean and spread say what each was; and means of what experts do."""
    text = (ROOT / "REPRODUCIBILITY.md").read_text(encoding="utf-8")
    section = text.partition("experiment=ablation_dynamic")[2].partition("\n### ")[0]
    shown = re.findall(r"^\| .*?\(`(\w+)`\) \| (.*) \|$", section, re.MULTILINE)
    folder = ROOT / "results/published/ablation_dynamic/tables"
    whole, given = (
        pd.read_csv(folder / f"{name}.csv").set_index(["dataset", "method"])
        for name in ("main", "scenarios")
    )
    assert [m for m, _ in shown] == list(dict.fromkeys(method for _, method in whole.index))
    for method, cells in shown:
        *runs, _, right = cells.split(" | ")
        for data, run, mean in zip(
            ("fewrel_lite", "clinc150"), runs, right.split(", "), strict=True
        ):
            row = whole.loc[(data, method)]
            both = [float(value) for value in run.partition(" (")[0].split(", ")]
            half = row["whole_accuracy_std"] / 2**0.5
            expected = [row["whole_accuracy_mean"] + sign * half for sign in (-1, 1)]
            assert sorted(both) == [round(100 * value, 2) for value in expected]
            task = given.loc[(data, method), "task_incremental_accuracy_mean"]
            assert mean == f"{100 * task:.1f}"


def test_the_published_verdicts_are_those_of_their_figures() -> None:
    for path in sorted((ROOT / "results/published").glob("*/tables/claims.csv")):
        for claim in pd.read_csv(path).to_dict("records"):
            if claim["unit"] == "points" and not pd.isna(claim["value"]):  # else pending
                seeds = t_interval(claim["value"], claim["std"], claim["seeds"])
                ahead = re.search(r" by ([\d.]+) points$", claim["claim"])
                expected = verdict(
                    claim["value"], (claim["low"], claim["high"]), seeds,
                    above=float(ahead[1]) / 100 if ahead else 0.0,
                )  # fmt: skip
                assert claim["verdict"] == expected, claim["claim"]
                assert claim["seeds_low"] == pytest.approx(seeds[0], nan_ok=True)


def test_the_demo() -> None:
    """What `make demo` ends with is what is published of it: README's block, line by line."""
    shown = re.findall(r"^    (\S.*\S)$", README, re.MULTILINE)
    table, forgetting = published("demo"), pd.read_csv(
        ROOT / "results/published/demo/tables/forgetting.csv"
    ).set_index("method")  # fmt: skip
    assert len(table) == 8
    assert set(table["n"]) == {3}
    for method, row in table.iterrows():
        cells = [percent(row["whole_accuracy_mean"], row["whole_accuracy_std"])]
        told = forgetting.loc[method]
        cells.append(percent(told["forgetting_mean"], told["forgetting_std"]))
        (line,) = [text for text in shown if text.startswith(f"{TITLES[str(method)]}  ")]
        assert [cell in line for cell in cells] == [True, True], line


def test_the_demos_sentences_are_those_of_its_claims() -> None:
    rows = pd.read_csv(ROOT / "results/published/demo/tables/claims.csv").to_dict("records")
    claims = [Claim(**{str(key): value for key, value in row.items()}) for row in rows]
    names = cast(Results, SimpleNamespace(name=TITLES.__getitem__))
    shown = re.findall(r"^    (\S.* points\b.*\.)$", README, re.MULTILINE)
    assert len(shown) == 4
    compared = [c for c in claims if c.unit == "points" and not c.above]
    assert [line for line in shown if line not in [sentence(names, c) for c in compared]] == []


def test_every_document_is_linked() -> None:
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")}
    pages |= {"REPRODUCIBILITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md"}
    links = set(re.findall(r"\]\(([^)#]+)\)", README))
    assert pages <= links
    assert all((ROOT / link).exists() for link in links if "://" not in link)
    assert len(README.splitlines()) < 150


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda p: p.name)
def test_no_link_leads_nowhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert "://" in link or (page.parent / link).exists(), link


def test_what_stands_beside_the_arrows_are_commands() -> None:
    """The picture of the data's way names each step as a user would call it."""
    picture = (ROOT / "docs/pictures/workflow.svg").read_text(encoding="utf-8")
    named = re.findall(r'class="rule"[^>]*>([^<]+)<', picture)
    assert len(named) == 5
    top: Any = typer.main.get_command(app)
    assert [name for name in named if name not in top.commands] == []


def test_published_tables_are_those_that_their_notes_of_origin_name() -> None:
    notes = sorted((ROOT / "results/published").glob("*/tables/*.json"))
    assert len(notes) > 20
    wrong = [
        path.parent / name
        for path in notes
        for name, digest in read_json(path).get("outputs", {}).items()
        if sha256(path.parent / name) != digest
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("experiment", "joint", "others"),
    [("clinc150", "86.4", "91.4"), ("demo_all", "74.7", "85.4"), ("fewrel_val", "99.0", "99.3")],
)
def test_what_the_upper_bound_costs_after_the_first_task(
    experiment: str, joint: str, others: str
) -> None:
    curve = pd.read_csv(ROOT / f"results/published/{experiment}/tables/curve.csv")
    first = curve[curve["task"] == 1].set_index("method")["whole_accuracy_mean"]
    assert [f"{100 * first[m]:.1f}" for m in ("joint", "finetune")] == [joint, others]
    assert f"{joint} for {others}" in RESULTS
