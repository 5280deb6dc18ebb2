"""Results that are not of the configuration say so wherever they are shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from conpet import learners
from conpet.files import read_json, write_json
from conpet.reporting.collect import Results
from conpet.reporting.doubts import other_code
from conpet.reporting.figures import FIGURES, make_figure
from conpet.reporting.page import write_page
from conpet.reporting.render import latex, markdown, terminal
from conpet.reporting.tables import TABLES, make_table
from conpet.run.reading import Run, read_run
from tests.reporting.synthetic import build, cells

DOUBT = "3 runs were made with other settings than a.yaml has now."


@pytest.fixture(scope="module")
def doubtful(results: Results) -> Results:
    return replace(results, doubts=[DOUBT])


@pytest.mark.parametrize("name", TABLES)
def test_below_every_table(name: str, doubtful: Results) -> None:
    made = make_table(doubtful, name)
    for text in (markdown(made), latex(made), terminal(made)):
        assert DOUBT in " ".join(text.split())
    assert DOUBT not in markdown(make_table(replace(doubtful, doubts=()), name))


@pytest.mark.parametrize("name", FIGURES)
def test_above_every_figure(name: str, doubtful: Results) -> None:
    assert DOUBT in " ".join(make_figure(doubtful, name).get_suptitle().split())
    assert make_figure(replace(doubtful, doubts=()), name).get_suptitle() == ""


def test_on_the_page_s_first_screen(doubtful: Results, tmp_path: Path) -> None:
    page = write_page(doubtful, tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.index('id="verdict"') < page.index(f'<p class="pending">{DOUBT}</p>')
    assert page.index(f'<p class="pending">{DOUBT}</p>') < page.index("<table")


def test_a_part_that_changed_since_and_is_of_the_same_revision_is_told(tmp_path: Path) -> None:
    matrix = cells(methods=("static_emr",), seeds=(100, 200), n_tasks=2)
    first, second = build(tmp_path, matrix, per_class=2).runs
    now = learners.code("linear", "dynamic", "softmax")
    files = [f"conpet/{name}.py" for name in ("learners/linear", "replay/dynamic", "heads/softmax")]
    assert list(now) == files
    for run in (first, second):
        _note(run, now)
    assert other_code(_again(first, second)) == []
    for file in files:
        _note(second, now | {file: "0" * 64})
        assert other_code(_again(first, second)) == [
            f"{file}: its code is another than that of 1 run (demo minilm static_emr seed 200): "
            "results stay until REVISION in it is raised (docs/own-method.md)."
        ]
    for run in (first, second):
        _note(run, {"conpet/learners/gone.py": "0" * 64})
    assert other_code(_again(first, second))[0].startswith(
        "conpet/learners/gone.py: its code is another than that of 2 runs ("
    )


def _note(run: Run, code: dict[str, str]) -> None:
    path = run.folder.state(2) / "timing.json"
    write_json(path, read_json(path) | {"code_sha256": code})


def _again(*runs: Run) -> list[Run]:
    return [read_run(run.folder.root, run.key, 2) for run in runs]
