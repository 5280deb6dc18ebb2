"""The page: complete, self-contained, escaped, and honest about what is pending."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from conpet.errors import UserError
from conpet.files import write_json
from conpet.provenance import commit
from conpet.reporting.collect import Results, Step, collect
from conpet.reporting.drill import confusions, epoch_curves
from conpet.reporting.figures import FIGURES
from conpet.reporting.page import About, data_hashes, tables_for, write_page
from conpet.reporting.predictions import Texts, read_predictions
from tests.reporting.synthetic import build, cells

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids += [str(named["id"])] if "id" in named else []
        self.addresses += [str(named[k]) for k in ("src", "href") if k in named]
        if tag not in ("meta", "link", "img", "path", "circle", "polyline", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(results: Results, tmp_path_factory: pytest.TempPathFactory) -> str:
    jobs = {"train": 60, "encode": 1, "remember": 0}
    about = About({"name": "</pre><script>"}, "c0ffee", "abc123", jobs)
    return write_page(results, tmp_path_factory.mktemp("page") / "report.html", about).read_text()


def test_self_contained(page: str) -> None:
    parsed = Page(page)
    assert parsed.open == []
    assert all(a.startswith(("data:", "#")) for a in parsed.addresses)
    assert "<script" not in page
    assert "@import" not in page
    assert len(parsed.ids) == len(set(parsed.ids))


def test_complete(page: str, results: Results) -> None:
    parsed = Page(page)
    for name in FIGURES:
        assert f"figure-{name}" in parsed.ids
    for name in tables_for(results):
        assert f"table-{name}" in parsed.ids
    assert "15 of 15 runs finished" in page
    assert "c0ffee" in page
    assert "abc123" in page
    for path, value in data_hashes(results).items():
        assert path in page
        assert value in page
    assert len(data_hashes(results)) == 3
    assert page.count("<svg") == 15 + 1
    assert "train × 60" in page
    assert "remember ×" not in page
    assert "61 jobs" in page
    assert "Worst confusions" in page


def test_says_what_code_trained(page: str, results: Results) -> None:
    steps = [step for run in results.runs for step in (*run.states, *run.selectors)]
    assert f"5eed ({sum(step.timing is not None for step in steps)} trainings)" in page


def test_texts_are_escaped(page: str) -> None:
    assert "&lt;task" in page
    assert "<task0" not in page
    assert "</pre><script>" not in page


def test_examples_are_of_the_confusion(results: Results) -> None:
    run = results.of("demo", "minilm", "finetune")[0]
    found = confusions(run, Texts(results.root))
    assert len(found) == 4
    for item in found:
        assert f"<{item.label}>" in item.example
        assert item.label != item.prediction
        assert 0 < item.count <= item.of == 5
    counts = [item.count for item in found]
    assert counts == sorted(counts, reverse=True)


def test_unfinished_runs_are_pending(two: Results, tmp_path: Path) -> None:
    page = write_page(two, tmp_path / "report.html").read_text()
    assert "17 of 20 runs finished" in page
    assert re.search(r"tacred/minilm/emr/seed200</code>\s*<span class=\"pending\">pending", page)
    assert "2 of 3 tasks" in page
    assert "0 of 3 tasks" in page


def test_links_and_mlflow_ids(tmp_path: Path) -> None:
    matrix = cells(methods=("emr",), seeds=(100, 200), n_tasks=2)
    results = build(tmp_path, matrix, per_class=2)
    for run in results.runs:
        # what an earlier version has tracked does not say in which experiment of the store
        where = {"experiment_id": "7"} if run.cell.seed == 100 else {}
        write_json(run.folder / "tracked.json", {"run_id": f"id{run.cell.seed}", **where})
    about = About(store="https://mlflow.example/")
    page = write_page(results, tmp_path / "report.html", about).read_text()
    address = "https://mlflow.example/#/experiments/7/runs/id100"
    assert f'<a href="{address}">this run in MLflow</a>' in page
    assert "MLflow run <code>id200</code>" in page
    assert "MLflow run <code>id100" in write_page(results, tmp_path / "r.html").read_text()


def test_without_samples_there_are_no_examples(results: Results) -> None:
    run = results.of("demo", "minilm", "finetune")[0]
    assert {c.example for c in confusions(run, Texts(Path("nowhere")))} == {""}


def test_curves_survive_missing_values(results: Results) -> None:
    run = results.of("demo", "minilm", "dynamic")[0]
    assert "polyline" in epoch_curves(run)
    state = {**dict(run.states[0].state or {}), "best_epoch": -1}
    state["epochs"] = [{"epoch": -1, "loss": None, "valid_accuracy": 0.5}]
    drawn = epoch_curves(replace(run, states=[Step(state, None), *run.states[1:]]))
    assert "None" not in drawn
    assert "nan" not in drawn


def test_nothing_run_yet(tmp_path: Path) -> None:
    nothing = collect("demo", tmp_path, cells(methods=("emr",), n_tasks=2))
    page = write_page(nothing, tmp_path / "report.html").read_text()
    assert "0 of 3 runs finished" in page


def test_commit_outside_git(tmp_path: Path) -> None:
    assert commit(tmp_path) == ""


def test_not_a_predictions_file(tmp_path: Path) -> None:
    (tmp_path / "predictions.parquet").write_text("no")
    with pytest.raises(UserError, match="evaluate again"):
        read_predictions(tmp_path / "predictions.parquet")
