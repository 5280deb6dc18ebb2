"""The page: complete, self-contained, escaped, and honest about what is pending."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.provenance import cpu
from conpet.reporting.classes_view import classes_by_task
from conpet.reporting.collect import Results, collect
from conpet.reporting.curves import epoch_curves
from conpet.reporting.drill import TASK_COLUMNS, confusions, drill
from conpet.reporting.figures import FIGURES
from conpet.reporting.page import About, write_page
from conpet.reporting.predictions import Texts, read_predictions
from conpet.reporting.provenance_view import data_hashes
from conpet.reporting.questions import sections
from conpet.reporting.tables import TABLES, tables_for
from conpet.reporting.verdict import ranking, verdicts
from conpet.run.reading import Training
from tests.conftest import ROOT
from tests.reporting.synthetic import build, cells

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.cells: dict[str, list[str]] = {}
        self.marked: dict[str, list[str]] = {}
        self._table = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids += [str(named["id"])] if "id" in named else []
        self.addresses += [str(named[k]) for k in ("src", "href") if k in named]
        if tag not in ("meta", "link", "img", "input"):
            self.open.append(tag)
        if str(named.get("id", "")).startswith("table-"):
            self._table = str(named["id"])
        if "tbody" in self.open and tag in ("td", "th"):
            self.cells.setdefault(self._table, []).append("")
        if tag in ("b", "u"):
            self.marked.setdefault(self._table, []).append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag
        if tag == "table":
            self._table = ""

    def handle_data(self, data: str) -> None:
        if "tbody" in self.open and ("td" in self.open or "th" in self.open):
            self.cells[self._table][-1] += data


@pytest.fixture(scope="module")
def page(results: Results, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(results.root, folder / "results")
    entry = {"level": 0, "after": [], "meaning": "", "jobs": 1}
    rules = {"encode": entry, "train": entry | {"jobs": 60, "level": 1, "after": ["encode"]}}
    write_json(folder / "results" / results.experiment / "rules.json", rules)
    there = replace(results, root=folder / "results")
    about = About({"name": "</pre><script>"}, "c0ffee", "abc123")
    return write_page(there, folder / "report.html", about).read_text()


def test_self_contained(page: str) -> None:
    parsed = Page(page)
    assert parsed.open == []
    assert all(a.startswith(("data:", "#")) for a in parsed.addresses)
    assert len(parsed.ids) == len(set(parsed.ids))
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert not re.findall(r"https?://", re.sub(r"data:image/svg\+xml;base64,[\w+/=]+", "", page))


def test_only_its_own_script_runs(page: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )
    assert not re.search(r"fetch|XMLHttp|import|eval|innerHTML|localStorage", script)
    assert not re.search(r"<[^>]+ on[a-z]+=", page)


def test_the_verdict_then_the_table_then_a_section_per_question(page: str) -> None:
    ids = [one for one in Page(page).ids if not one.startswith(("heading-", "caption-", "tasks-"))]
    first = ["filter", "filtered", "verdict", "table-main", "figure-accuracy", "best"]
    assert ids[: len(first)] == first
    order = ["best", "table-curve", "forgets", "figure-heatmap", "table-forgetting", "cost"]
    order += ["figure-pareto", "table-cost", "trust", "table-claims", "table-significance"]
    order += ["provenance", "hashes", "config", "workflow", "runs"]
    assert [one for one in ids if one in order] == order


def test_it_names_the_classes_of_each_task_and_how_the_best_is_asked(
    page: str, results: Results
) -> None:
    ((name, rows),) = classes_by_task(results)
    assert name == results.name("demo")
    tasks = len(results.runs[0].metrics)
    assert [task for task, _ in rows] == [f"Task {n}" for n in range(1, tasks + 1)]
    shown = [label for _, labels in rows for label in labels.split(", ")]
    frame = pd.read_parquet(results.runs[0].folder.predictions(tasks))
    assert sorted(shown) == sorted(frame["label"].unique())
    for task, labels in rows:
        assert f'<tr><th scope="row">{task}</th><td>{labels}</td></tr>' in page
    best = ranking(results, "demo", "minilm")[0]
    folder = f"demo/demo/minilm/{best}/seed100"
    assert re.search(rf"<code>conpet predict --run \w+/{folder} --text TEXT</code>", page)


def test_no_line_is_broken_in_a_number(page: str, results: Results) -> None:
    (verdict,) = verdicts(results)
    said = re.findall(r'<p class="headline">(.*?)</p>', page)
    assert [line.replace("\N{NO-BREAK SPACE}", " ") for line in said] == [verdict.headline]
    assert said[0].count("\N{NO-BREAK SPACE}") == 3  # as in 76.65 ± 2.50 %


def test_what_no_question_names_is_shown_all_the_same() -> None:
    found = sections(["main", "claims", "new"], ["accuracy", "claims", "newer"])
    shown = {question.name: (question.figures, question.tables) for question in found}
    assert shown["trust"] == (("claims",), ("claims",))
    assert shown["other"] == (("newer",), ("new",))
    assert [question.name for question in found][-1] == "other"
    assert "other" not in [one.name for one in sections(["main", "claims"], ["accuracy"])]


def test_the_same_bytes(two: Results, tmp_path: Path) -> None:
    one, again = (write_page(two, tmp_path / f"{name}.html") for name in ("one", "again"))
    assert one.read_bytes() == again.read_bytes()


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
    assert page.count("data:image/svg+xml") == len(FIGURES) + 15 + 1
    assert "61 jobs" in page
    assert "Worst confusions" in page


def test_tables_are_as_in_their_files(page: str, results: Results) -> None:
    shown = Page(page)
    for name in tables_for(results):
        table = TABLES[name][0](results)
        cells = [cell for row in table.rows for cell in row]
        assert shown.cells[f"table-{name}"] == cells
        marks = sorted("b" if place in table.best else "u" for place in table.best | table.second)
        assert sorted(shown.marked.get(f"table-{name}", [])) == marks


def test_says_what_code_trained(page: str, results: Results) -> None:
    trainings = sum(len(run.trainings) for run in results.runs)
    assert f"5eed ({trainings} trainings)" in page


def test_epochs_are_counted_as_in_the_log(results: Results) -> None:
    run = results.of("demo", "minilm", "emr")[0]
    shown = [
        row[TASK_COLUMNS.index("Best epoch")] for row in drill(results, run, Texts(Path())).tasks
    ]
    assert shown == [str(task.learner.state["best_epoch"] + 1) for task in run.tasks]


def test_says_what_it_was_computed_with(tmp_path: Path) -> None:
    matrix = cells(methods=("emr",), seeds=(100,), n_tasks=1)
    (run,) = build(tmp_path, matrix, per_class=2).runs
    state, timing = (run.folder.state(1) / name for name in ("state.json", "timing.json"))
    write_json(state, read_json(state) | {"precision": "bfloat16"})
    write_json(timing, read_json(timing) | {"device": "cpu", "cpu": "Some CPU at 3 GHz"})
    page = write_page(collect("demo", tmp_path, matrix), tmp_path / "report.html").read_text()
    assert "bfloat16, cpu, Some CPU at 3 GHz" in page
    assert cpu()


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
    seed = r"<h4>Seed 200</h4>\s*<span class=\"pending\">pending</span>\s*"
    where = r"[^/]*</summary>\s*<p class=\"muted\"><code>tacred/minilm/emr/seed200</code>"
    assert re.search(rf"{seed}<span class=\"muted\">2 of 3 tasks</span>{where}", page)
    assert "0 of 3 tasks" in page
    assert (
        "3 of 20 runs are pending: EMR on demo (seed 100, 200); EMR on tacred (seed 200)." in page
    )


def test_links_and_mlflow_ids(tmp_path: Path) -> None:
    matrix = cells(methods=("emr",), seeds=(100, 200), n_tasks=2)
    results = build(tmp_path, matrix, per_class=2)
    for run in results.runs:
        # what an earlier version has tracked does not say in which experiment of the store
        where = {"experiment_id": "7"} if run.key.seed == 100 else {}
        write_json(run.folder.tracked, {"run_id": f"id{run.key.seed}", **where})
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
    first_task, *others = run.tasks
    state = {"best_epoch": None, "epochs": [{"epoch": -1, "loss": None, "valid_accuracy": 0.5}]}
    figure = epoch_curves(
        replace(run, tasks=[replace(first_task, learner=Training(state)), *others])
    )
    assert figure is not None
    accuracy, loss = figure.axes
    (first,) = (line for line in accuracy.lines if list(line.get_ydata()) == [0.5])
    assert list(first.get_xdata()) == [0.5]  # in the middle of the one epoch
    assert first.get_marker() == "o"  # a line of one point is not seen
    assert [label.get_text() for label in loss.get_xticklabels()] == [
        f"task {i}" for i in (1, 2, 3, 4)
    ]
    assert loss.get_ylim()[0] == 0


def test_curves_show_the_epoch_that_was_kept(results: Results) -> None:
    run = results.of("demo", "minilm", "dynamic")[0]
    figure = epoch_curves(run)
    assert figure is not None
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    kept = [
        next(
            e
            for e in task.learner.state["epochs"]
            if e["epoch"] == task.learner.state["best_epoch"]
        )
        for task in run.tasks
        if task.learner
    ]
    assert [list(dot.get_ydata()) for dot in dots] == [[epoch["valid_accuracy"]] for epoch in kept]


def test_a_run_that_has_not_begun_has_no_curves(two: Results) -> None:
    assert epoch_curves(two.of("demo", "minilm", "emr")[0]) is None


def test_nothing_run_yet(tmp_path: Path) -> None:
    nothing = collect("demo", tmp_path, cells(methods=("emr",), n_tasks=2))
    page = write_page(nothing, tmp_path / "report.html").read_text()
    assert "0 of 3 runs finished" in page
    assert "No method to be ranked has finished a run yet." in page


def test_what_has_nothing_in_it_is_left_out(tmp_path: Path) -> None:
    alone = build(tmp_path, cells(methods=("finetune",), n_tasks=2), per_class=4)
    shown = Page(write_page(alone, tmp_path / "report.html").read_text()).ids
    assert {"figure-heatmap", "table-main", "table-cost"} <= {*shown}
    empty = {"figure-selector", "figure-claims", "table-significance", "table-claims"}
    assert not empty & {*shown}


def test_not_a_predictions_file(tmp_path: Path) -> None:
    (tmp_path / "predictions.parquet").write_text("no")
    with pytest.raises(UserError, match=r"delete metrics\.json beside it"):
        read_predictions(tmp_path / "predictions.parquet")


def test_the_page_is_imported_without_what_draws_it() -> None:
    """matplotlib and jinja2 are in the extra `workflow`: the core package does without."""
    code = (
        "import sys; sys.modules.update(matplotlib=None, jinja2=None);"
        "import conpet.reporting.page, conpet.reporting.graph, conpet.reporting.curves"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
