"""A title is shown as it is written, whatever the output makes of its letters elsewhere."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from conpet.reporting.collect import Results
from conpet.reporting.figures import FIGURES, write_figure
from conpet.reporting.page import write_page
from conpet.reporting.render import latex, markdown, tex_escape
from conpet.reporting.style import folded
from conpet.reporting.tables import TABLES
from tests.reporting.synthetic import build, cells, known

pytestmark = pytest.mark.slow

ODD = r"_a $x_1 100% #1 & ^ ~ \frac{b} `q` |c| [d](e) *f* <i> &amp; g--h"
MATHS = "[CLS] $x_1$"
TEXTS = {"emr": ODD, "static_emr": MATHS, "demo": "$y$ & z"}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Results:
    matrix = cells(methods=tuple(TEXTS)[:2], n_tasks=2)
    titles = known()["titles"] | TEXTS
    return build(tmp_path_factory.mktemp("titles"), matrix, per_class=2, title=ODD, titles=titles)


@pytest.mark.parametrize("name", list(FIGURES))
def test_in_figures(name: str, odd: Results, tmp_path: Path) -> None:
    figure = FIGURES[name][0](odd)
    (path,) = write_figure(figure, tmp_path / name, ["svg"], letters="none")
    shown = [html.unescape(text) for text in re.findall(r">([^<>]+)</text>", path.read_text())]
    if name in ("accuracy", "cost", "pareto"):
        assert {*folded(ODD).splitlines(), MATHS} <= set(shown)  # in the legend
        assert TEXTS["demo"] in shown
    if name == "heatmap":  # a panel is narrow: in shorter lines
        assert {*folded(ODD, 26).splitlines(), MATHS} <= set(shown)


def test_in_markdown(odd: Results) -> None:
    made = markdown(TABLES["main"][0](odd))
    caption, *rows = [line for line in made.splitlines() if line.startswith(("**", "| "))]
    assert caption.startswith("**" + _escaped(ODD))
    assert [row for row in rows if row.startswith(f"| {_escaped(ODD)} |")]
    assert r"\_a \$x\_1 100% #1 & ^ \~ \\frac{b} \`q\` \|c\|" in _escaped(ODD)
    assert r"\[d](e) \*f\* \<i> \&amp; g--h" in _escaped(ODD)


def _escaped(text: str) -> str:
    return re.sub(r"([\\|*_`<~$]|\[(?=d)|&(?=amp))", r"\\\1", text)


def test_in_latex(odd: Results) -> None:
    rows = latex(TABLES["main"][0](odd)).splitlines()
    name = (
        r"\_a \$x\_1 100\% \#1 \& \textasciicircum{} \textasciitilde{} \textbackslash{}frac\{b\} "
        r"\textasciigrave{}q\textasciigrave{} \textbar{}c\textbar{} [d](e) *f* $<$i$>$ \&amp; "
        r"g-{}-h"
    )
    assert tex_escape(ODD) == name
    assert rf"\caption{{{name}: " in "\n".join(rows)
    assert [row for row in rows if row.startswith(f"{name} & ")]
    # a row that begins with a bracket would be an argument of the line before it
    assert [row for row in rows if row.startswith(r"{}[CLS] \$x\_1\$ & ")]


def test_tex_escape_of_lines_and_quotes() -> None:
    assert tex_escape("one\n\ntwo") == "one two"
    assert tex_escape("\"a\" ''b''") == r"\texttt{\char34}a\texttt{\char34} '{}'b'{}'"
    assert tex_escape("-1.5 – 3") == "$-$1.5 -- 3"


def test_on_the_page(odd: Results, tmp_path: Path) -> None:
    page = write_page(odd, tmp_path / "report.html").read_text()
    assert html.escape(ODD, quote=False) in page.replace("&#34;", '"').replace("&#39;", "'")
    assert "<i>" not in page
