"""Figures of others in the main table: a row each, and what cannot be one is refused."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conpet.errors import UserError
from conpet.reporting.collect import Results
from conpet.reporting.main_table import main
from conpet.reporting.table import Table

LINE = {
    "dataset": "tacred", "method": "ncm", "backbone": "bert-large", "peft": "lora",
    "setting": "s", "seed_or_run": "1", "average_accuracy": "79.31", "whole_accuracy": "84.54",
    "source": "me", "method_title": "Their NCM", "backbone_title": "BERT-large", "runs": "1",
}  # fmt: skip
Shown = Callable[..., Table]


@pytest.fixture
def shown(two: Results, tmp_path: Path) -> Shown:
    """Make the main table beside lines that differ from LINE as said."""

    def make(*lines: dict[str, str]) -> Table:
        path = tmp_path / "r.csv"
        with path.open("w", newline="") as opened:
            rows = csv.DictWriter(opened, list(LINE))
            rows.writeheader()
            rows.writerows(LINE | line for line in lines)
        return main(Results(**{**vars(two), "reported": path}))

    return make


def whole(made: Table) -> dict[str, tuple[str, str]]:
    """Return whole accuracy and seeds of the rows of others, by their names."""
    return {cells[0]: (cells[6], cells[-1]) for cells in made.rows if "reported" in cells[0]}


def test_reported_figures_have_rows_of_their_own(two: Results) -> None:
    made = main(two)
    reported = [cells for cells in made.rows if "reported" in cells[0]]
    assert reported[0][0] == "Dynamic ConPET, reported (BERT-large; top-1, 50 batches x 50)"
    assert reported[0][1:6] == ["–"] * 5
    assert reported[0][6:] == ["83.13 ± 1.25", "78.41 ± 0.93", "–", "–", "–", "3"]
    others = {cells[0]: cells for cells in reported}
    crl = others["CRL, reported (BERT-base; 10 tasks of 4, memory 10, mean of 5 orders)"]
    assert crl[6:] == ["78.00", "–", "–", "–", "–", "5"]
    seq = others["SEQ*, reported (Pythia-410m; class-incremental, no replay)"]
    assert seq[6:] == ["44.30", "–", "–", "–", "–", "–"]  # nobody says of how many runs
    assert made.rules == {5}
    assert not [place for place in made.best | made.second if place[0] >= 5]
    assert any("authors' test_result.txt" in note for note in made.footnotes)
    assert "author_results.csv" in made.inputs
    rows = made.data[made.data["status"] == "reported"]
    assert set(rows["dataset"]) == {"tacred"}
    assert rows["whole_accuracy_mean"].max() < 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("whole_accuracy", "whole", "no column whole_accuracy: the columns are dataset, method, "),
        ("79.31", "high", "author_results.csv:2: average_accuracy: not a number: 'high'"),
        (
            "77.46",
            "77,46",
            "author_results.csv:3: 13 values where line 1 has 12: put quotes",
        ),
        ("50 x 50", '"50 x', "author_results.csv: not a CSV file"),
    ],
)
def test_reported_figures_that_cannot_be_read(
    old: str, new: str, said: str, two: Results, root: Path, tmp_path: Path
) -> None:
    path = tmp_path / "author_results.csv"
    path.write_text((root / "config" / path.name).read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=re.escape(said)):
        main(Results(**{**vars(two), "reported": path}))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture
def facts(root: Path) -> Path:
    """The published figures, where they lie beside the project."""
    path = root.parent / "shared" / "facts"
    if not path.is_dir():
        pytest.skip("needs the published facts ../shared/facts")
    return path


def test_reported_figures_are_the_published_ones(facts: Path, root: Path) -> None:
    found = Counter(
        (row["dataset"].partition(";")[0], row["method"], row["backbone"], row["peft"],
         row["setting"], row["seed_or_run"], row["average_accuracy"],
         float(row["whole_accuracy"]), row["source"])
        for row in _rows(root / "config" / "author_results.csv")
        if row["source"] != "authors' code run on these data"
    )  # fmt: skip
    expected = Counter(
        (row["dataset"], row["method"], row["backbone"], row["peft"], row["setting"],
         row["seed_or_run"], row["average_accuracy"], float(row["whole_accuracy"]), row["source"])
        for row in _rows(facts / "author_results.csv")
    )  # fmt: skip
    published = _rows(facts / "published_benchmarks.csv")
    assert all(row["metric"].startswith("whole accuracy after ") for row in published)
    expected += Counter(
        (row["benchmark"], row["method"], row["backbone"], "", row["protocol"], "", "",
         float(row["value"]), row["source"])
        for row in published
    )  # fmt: skip
    assert found == expected
    assert len(published) > 5 and found.total() > 30


def test_means_of_several_orders_say_of_how_many(root: Path) -> None:
    for row in _rows(root / "config" / "author_results.csv"):
        if orders := re.search(r"mean of (\d+) orders", row["setting"]):
            assert row["runs"] == orders[1]


def test_none_beside_runs_of_other_tasks(two: Results) -> None:
    for base, said in ((10, "the first 3 of 10 tasks"), (2, "2 tasks and 1 added")):
        made = main(replace(two, base_counts={"tacred": base}))
        assert not any(cells[0].startswith("CRL, reported") for cells in made.rows)
        (note,) = [note for note in made.footnotes if said in note]
        assert note.endswith(f"others' figures are over {base} tasks, and left out.")


def test_no_reported_rows_for_other_datasets(results: Results, root: Path) -> None:
    other = Results(**{**vars(results), "reported": root / "config" / "author_results.csv"})
    assert len(main(other).rows) == 5


NAME = "Their NCM, reported (BERT-large; s"


@pytest.mark.parametrize(
    ("other", "names"),
    [
        ({"method_title": "Another"}, (f"{NAME})", "Another, reported (BERT-large; s)")),
        ({"peft": "full"}, (f"{NAME}; lora)", f"{NAME}; full)")),
        ({"peft": ""}, (f"{NAME}; lora)", f"{NAME}; no peft)")),
        ({"source": "other paper"}, (f"{NAME}; me)", f"{NAME}; other paper)")),
        ({"setting": "t"}, (f"{NAME})", "Their NCM, reported (BERT-large; t)")),
        ({"method": "ncm2"}, (f"{NAME}; ncm)", f"{NAME}; ncm2)")),
    ],
)
def test_what_differs_has_a_row_of_its_own(
    other: dict[str, str], names: tuple[str, str], shown: Shown
) -> None:
    made = shown({}, {**other, "whole_accuracy": "10"})
    assert whole(made) == {names[0]: ("84.54", "1"), names[1]: ("10.00", "1")}
    keys = ["dataset", "model", "method", "setting", "source"]
    assert not made.data.duplicated(keys).any()  # the CSV tells them apart as well


def test_runs_are_averaged_and_a_mean_stands_as_it_is(shown: Shown) -> None:
    other = {"whole_accuracy": "80.54", "seed_or_run": "2"}
    assert whole(shown({}, other)) == {f"{NAME})": ("82.54 ± 2.83", "2")}
    assert whole(shown({"runs": "3", "seed_or_run": ""})) == {f"{NAME})": ("84.54", "3")}


def test_blanks_are_stripped_and_a_title_may_be_missing(shown: Shown) -> None:
    made = shown({"dataset": " other;tacred ", "source": " me ", "method_title": " "})
    assert whole(made) == {"ncm, reported (BERT-large; s)": ("84.54", "1")}
    assert made.data["source"].iloc[-1] == "reported: me"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{}, {}], "r.csv: lines 2 and 3 are one row (source, method, backbone, peft, setting), "
         "and seed_or_run is '1' in more than one"),
        ([{}, {"whole_accuracy": "10"}], "seed_or_run is '1' in more than one: say which run"),
        ([{"seed_or_run": ""}] * 2, "seed_or_run is empty in more than one"),
        ([{"runs": "3"}, {"seed_or_run": "4"}], "lines 2 and 3 are one row (source, method, "
         "backbone, peft, setting), but not each is one run (runs: 1): means are not averaged"),
        ([{"runs": "3"}, {"runs": "3", "seed_or_run": "2"}], "means are not averaged: keep one"),
        ([{"runs": ""}, {"seed_or_run": "2"}], "means are not averaged: keep one"),
        ([{"dataset": "elsewhere"}] * 2, "seed_or_run is '1' in more than one"),
        ([{"whole_accuracy": "845.4"}], "r.csv:2: whole_accuracy: 845.4: accuracies are in"),
        ([{}, {"average_accuracy": "-3"}], "r.csv:3: average_accuracy: -3: accuracies are in"),
        ([{"whole_accuracy": "inf"}], "r.csv:2: whole_accuracy: inf: accuracies are in percent"),
        ([{"whole_accuracy": "0.8454", "average_accuracy": "0.7931"}], "r.csv: no figure is above "
         "1: accuracies are in percent, as 84.5, not 0.845: multiply by 100"),
        ([{"source": " "}], "r.csv:2: source: empty: every line says one"),
        ([{"dataset": ""}], "r.csv:2: dataset: empty: every line says one"),
        ([{"dataset": "tacred;"}], "r.csv:2: dataset: empty: every line says one"),
        ([{"method": ""}], "r.csv:2: method: empty: every line says one"),
        ([{"runs": "0"}], "r.csv:2: runs: 0: a whole number from 1 is expected, or nothing"),
        ([{"runs": "1.5"}], "r.csv:2: runs: 1.5: a whole number from 1 is expected, or nothing"),
        ([{"runs": "three"}], "r.csv:2: runs: not a number: 'three'"),
    ],
)  # fmt: skip
def test_lines_that_are_refused(lines: list[dict[str, str]], said: str, shown: Shown) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        shown(*lines)
