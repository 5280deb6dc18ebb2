"""The view that spans all experiments: a line for each method on each dataset."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conpet.config.method import Look
from conpet.errors import UserError
from conpet.files import write_text
from conpet.tracking import Line, Summary, read_values, track_summary, ui_pages, views
from conpet.tracking.overview import COLUMNS
from tests.tracking import looked
from tests.tracking.conftest import Store

MAIN = """dataset,model,method,source,whole_accuracy_mean,whole_accuracy_std,gap_closed,n
shop,minilm,emr,this suite,0.71236,0.0123456,0.5,3
shop,minilm,joint,this suite,0.8,0.01,1.0,3
shop,minilm,late,this suite,,,,0
shop,bert,crl,reported: others,0.9,,,
"""
FORGETTING = "dataset,model,method,forgetting_mean\nshop,minilm,emr,0.25\n"
COST = (
    "dataset,model,method,samples_per_task,tunable,seconds_per_task,kept_samples\n"
    "shop,minilm,emr,400.0,46104.0,12.34567,30\n"
)


def tables(folder: Path) -> Path:
    """Write the tables that a line is made of."""
    for name, text in (("main", MAIN), ("forgetting", FORGETTING), ("cost", COST)):
        write_text(folder / f"{name}.csv", text)
    return folder


def summary(experiment: str, lines: list[Line], *tables: Path) -> Summary:
    return Summary(experiment, tables, [], {}, {}, lines=lines)


def test_what_tables_say_by_method(tmp_path: Path) -> None:
    found = read_values(tables(tmp_path))
    # neither a method without a finished run, nor what others report
    assert set(found) == {("shop", "minilm", "emr"), ("shop", "minilm", "joint")}
    assert found["shop", "minilm", "emr"] == {
        "whole_accuracy": 0.7124,
        "whole_accuracy_sd": 0.0123,
        "gap_closed": 0.5,
        "seeds_finished": 3,
        "forgetting": 0.25,
        "samples_per_task": 400.0,
        "trainable_parameters": 46104,
        "seconds_per_task": 12.35,
        "kept_samples": 30,
    }
    assert "forgetting" not in found["shop", "minilm", "joint"]


def test_a_missing_table_is_one_line(tmp_path: Path) -> None:
    (tables(tmp_path) / "cost.csv").unlink()
    with pytest.raises(UserError, match=r"cost\.csv: No such file.*: make the tables first"):
        read_values(tmp_path)


def test_one_page_has_every_experiments_methods(store: Store) -> None:
    values = read_values(tables(store.root / "tables"))
    lines = [
        Line(*cell, found, f"The {cell[2]}", Look(color="#0072B2"), {"seeds": [1, 2]}, 4)
        for cell, found in values.items()
    ]
    out = store.root / "tracked.json"
    for name, logged in (("one", lines), ("two", lines), ("two", lines[:1])):
        track_summary(
            summary(name, logged, store.root / "tables/main.csv"), store.uri, store.artifacts, out
        )
    held = looked.runs(store.uri, "overview")
    assert sorted(run.data.tags["conpet.run_key"] for run in held) == [
        "one/overview/shop/minilm/emr",
        "one/overview/shop/minilm/joint",
        "two/overview/shop/minilm/emr",
    ]
    # four tasks of 12.35 seconds; three seeds of them
    (emr,) = (run for run in held if run.data.tags["conpet.run_key"].startswith("two/"))
    assert emr.info.end_time - emr.info.start_time == 49400
    (last,) = (r for r in looked.runs(store.uri, "summary") if r.info.run_name.startswith("two"))
    assert last.info.end_time - last.info.start_time == 148200
    (emr,) = [r for r in held if r.data.tags["conpet.run_key"] == "one/overview/shop/minilm/emr"]
    assert emr.info.run_name == "shop · The emr"
    assert emr.data.metrics == values["shop", "minilm", "emr"]
    assert emr.data.params["method"] == "The emr" and emr.data.params["experiment"] == "one"
    assert emr.data.tags["mlflow.runColor"] == "#0072B2"
    assert next(iter(ui_pages(store.uri, 5055))) == views.OVERVIEW


def test_its_views_name_what_lines_have() -> None:
    tags = views.tags_of(views.OVERVIEW)
    saved = [json.loads(v) for k, v in tags.items() if k.startswith("mlflow.sharedViewState.")]
    assert [view["name"] for view in saved] == [
        "Methods by dataset, best first",
        "All methods, best first",
    ]
    for view in saved:
        state = json.loads(view["state"])
        assert state["searchFilter"] == "tags.`conpet.kind` = 'overview'"
        metrics = [name for name in state["selectedColumns"] if name.startswith("metrics.")]
        assert {name.removeprefix("metrics.").strip("`") for name in metrics} <= set(COLUMNS)
        assert {chart["metricKey"] for chart in state["compareRunCharts"]} <= set(COLUMNS)


def test_no_mean_over_methods_is_shown() -> None:
    """A group of seeds has a mean; one of a dataset's methods its best."""

    def together(experiment: str, view: str) -> object:
        saved = json.loads(views.tags_of(experiment)[f"mlflow.sharedViewState.{view}"])
        group = json.loads(saved["state"])["groupBy"]
        return group and group["aggregateFunction"]

    assert together(views.OVERVIEW, views.RUNS) == "max"
    assert together(views.OVERVIEW, views.METHODS) is None
    assert together("demo", views.METHODS) == "average"
