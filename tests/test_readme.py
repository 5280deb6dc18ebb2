"""README's figures are those of the published tables."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COLUMNS = ("clinc150", "fewrel_val", "crossner", "demo_all")


def published(experiment: str) -> pd.DataFrame:
    table = pd.read_csv(ROOT / f"results/published/{experiment}/tables/main.csv")
    return table[table["source"] == "this suite"].set_index("method")


@pytest.mark.parametrize(("place", "experiment"), enumerate(COLUMNS))
def test_the_main_table(place: int, experiment: str) -> None:
    rows = re.findall(r"^\| ([a-z_]+) \| (.*±.*) \|$", README, re.MULTILINE)
    shown = {method: cells.split(" | ")[place] for method, cells in rows}
    table = published(experiment)
    assert set(table["n"]) == {3}
    mean, spread = 100 * table["whole_accuracy_mean"], 100 * table["whole_accuracy_std"]
    assert shown == {m: f"{mean[m]:.2f} ± {spread[m]:.2f}" for m in table.index}
    assert len(shown) == 12


def test_the_demo() -> None:
    table = published("demo")
    for method, name in (
        ("finetune", "Fine-tuning"), ("emr", "EMR"), ("static_emr", "Static ConPET (EMR)"),
        ("dynamic", "Dynamic ConPET"), ("joint", "Joint (upper bound)"),
    ):  # fmt: skip
        shown = re.search(rf"^    {re.escape(name)} +([0-9.]+)", README, re.MULTILINE)
        assert shown is not None
        assert shown[1] == f"{100 * table['whole_accuracy_mean'][method]:.2f}"
