"""The page for everyone: by keyboard, read aloud, in the dark, on paper; what needs no browser."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from conpet.reporting.collect import Results
from conpet.reporting.figures import FIGURES
from conpet.reporting.page import About, write_page

pytestmark = pytest.mark.slow

STYLE = (files("conpet.reporting") / "templates/page.css").read_text(encoding="utf-8")
EMPTY = ("meta", "link", "img", "input")
Element = tuple[str, dict[str, str]]


class Outline(HTMLParser):
    """Every element with those around it; the texts of headings and labels by id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.around: list[Element] = []
        self.elements: list[tuple[Element, list[Element]]] = []
        self.texts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = (tag, {name: value or "" for name, value in attrs})
        self.elements.append((element, list(self.around)))
        if tag not in EMPTY:
            self.around.append(element)

    def handle_endtag(self, tag: str) -> None:
        self.around.pop()

    def handle_data(self, data: str) -> None:
        for _, attributes in self.around:
            if "id" in attributes:
                self.texts[attributes["id"]] = self.texts.get(attributes["id"], "") + data

    def named(self, *tags: str) -> list[tuple[dict[str, str], list[Element]]]:
        return [(has, around) for (tag, has), around in self.elements if tag in tags]

    def tags(self, identity: str) -> str:
        return next(tag for (tag, has), _ in self.elements if has.get("id") == identity)


@pytest.fixture(scope="module")
def outline(two: Results, tmp_path_factory: pytest.TempPathFactory) -> Outline:
    settings = {"demo/minilm/emr": {"epochs": 3}, "tacred/minilm/emr": {"epochs": 4}}
    about = About({"name": "two", "methods": {"emr": {"learner": "linear"}}, "settings": settings})
    path = write_page(two, tmp_path_factory.mktemp("page") / "report.html", about)
    return Outline(path.read_text())


def test_every_table_has_a_heading(outline: Outline) -> None:
    tables = outline.named("table")
    assert len(tables) > 20
    for has, _ in tables:
        assert outline.tags(has["aria-labelledby"]) in ("h3", "h4", "h5")
        assert outline.texts[has["aria-labelledby"]].strip()


def test_every_table_is_scrolled_by_keyboard(outline: Outline) -> None:
    for _, around in outline.named("table"):
        tag, has = around[-1]
        assert (tag, has["tabindex"], has["role"]) == ("div", "0", "region")
        assert has.get("aria-label") or outline.texts[has["aria-labelledby"]].strip()


def test_headers_say_what_they_are_of(outline: Outline) -> None:
    for has, around in outline.named("th"):
        head = "thead" in [tag for tag, _ in around]
        assert has["scope"] in (("col", "colgroup") if head else ("row",))
    grouped = [has for has, _ in outline.named("th") if has["scope"] == "colgroup"]
    assert any(int(has["colspan"]) > 1 for has in grouped)


def test_headings_leave_out_no_level(outline: Outline) -> None:
    levels = [int(tag[1]) for (tag, _), _ in outline.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    steps = [later - level for level, later in itertools.pairwise(levels)]
    assert max(steps) == 1


def test_pictures_say_what_they_show(outline: Outline, two: Results) -> None:
    alts = [has["alt"] for has, _ in outline.named("img")]
    assert all(len(alt) > 30 for alt in alts)
    captions = {meaning.lower() for _, meaning in FIGURES.values()}
    assert not captions & {alt.lower() for alt in alts}
    (accuracy,) = (
        has["alt"]
        for has, around in outline.named("img")
        if ("figure", {"id": "figure-accuracy"}) in around
    )
    assert "demo: Joint (upper bound) ends highest (" in accuracy


def test_everything_is_in_a_landmark_and_labelled(outline: Outline) -> None:
    (root, _), *_ = outline.named("html")
    assert root["lang"] == "en"
    (box, _), *others = outline.named("input")
    assert not others
    assert box["id"] in [has["for"] for has, _ in outline.named("label")]
    marks = {"header", "nav", "main"}
    for (tag, has), around in outline.elements:
        if tag in ("p", "a", "table", "img", "input"):
            roles = {has.get("role") for _, has in around}
            assert marks & {name for name, _ in around} or "search" in roles


def test_long_things_are_folded(outline: Outline) -> None:
    folded = ("provenance", "config", "hashes")
    for (tag, has), around in outline.elements:
        if has.get("id") in folded or has.get("id", "").startswith("tasks-"):
            assert "details" in [name for name, _ in around]
        assert not (tag == "details" and "open" in has)


def test_tables_can_be_sorted_by_their_columns(outline: Outline) -> None:
    # what the script numbers the columns by
    for has, around in outline.named("table"):
        if "data-rows" not in has:
            continue
        inside = [*around, ("table", has)]
        heads = [h for h, up in outline.named("th") if up[: len(inside)] == inside]
        columns = sorted(int(h["data-column"]) for h in heads if "data-column" in h)
        assert columns == list(range(len(columns)))
        assert len(columns) > 1


def _variables(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#\w+);", block))


def _themes() -> dict[str, dict[str, str]]:
    light = STYLE.partition("@media")[0]
    dark = STYLE.partition("@media screen and (prefers-color-scheme: dark)")[2].partition("} }")[0]
    return {"light": _variables(light), "dark": _variables(dark)}


def _luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    shares = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_letters_stand_out_from_their_ground(theme: str) -> None:
    colors = _themes()[theme]
    assert colors.keys() == _themes()["light"].keys()
    pairs = [(a, b) for a in ("text", "muted", "link", "warn") for b in ("page", "soft")]
    for letters, ground in [*pairs, ("warn", "warn-soft")]:
        low, high = sorted(_luminance(colors[name]) for name in (letters, ground))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (letters, ground)


def test_dark_and_paper() -> None:
    assert "color-scheme: light dark" in STYLE
    assert _luminance(_themes()["dark"]["page"]) < 0.05 < _luminance(_themes()["light"]["page"])
    # figures are drawn for white
    assert ".card { background: #fff" in STYLE
    assert "@media print" in STYLE


def test_a_narrow_screen_scrolls_tables_and_not_the_page() -> None:
    for rule in (".scroll", ".card"):
        said = re.findall(rf"^{re.escape(rule)} {{([^}}]+)}}", STYLE, re.MULTILINE)[0]
        assert "overflow-x: auto" in said
        assert "max-width: 100%" in said
    assert 'name="viewport"' in (
        Path(str(files("conpet.reporting"))) / "templates/page.html.j2"
    ).read_text(encoding="utf-8")
