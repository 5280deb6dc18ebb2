"""Results that are not of the configuration say so wherever they are shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from conpet.reporting.collect import Results
from conpet.reporting.figures import FIGURES, make_figure
from conpet.reporting.page import write_page
from conpet.reporting.render import latex, markdown, terminal
from conpet.reporting.tables import TABLES, make_table

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
