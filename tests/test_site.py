"""The site of the documents: every page is in it, and it is built without a warning."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from conpet.commands import app
from conpet.config.strict import Strict, read_yaml
from tests.conftest import ROOT

SOURCES = ROOT / "docs" / "sphinx"
TOC = read_yaml(SOURCES / "toc.yml")
PAGES = [f"{name}.md" for name in (TOC["root"], *(
    entry["file"] for part in TOC["subtrees"] for entry in part["entries"]
))]  # fmt: skip
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_page_of_the_table_of_contents_exists() -> None:
    assert [page for page in PAGES if not (ROOT / page).is_file()] == []
    assert len(set(PAGES)) == len(PAGES)


def test_every_document_is_in_the_table_of_contents() -> None:
    documents = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")}
    documents |= {path.name for path in ROOT.glob("*.md")}
    documents |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "config").rglob("*.md")}
    assert documents - set(PAGES) == set()


def named_in_api(directive: str) -> list[str]:
    return re.findall(rf"^\.\. (?:{directive}):: (\S+)$", API, re.MULTILINE)


@pytest.mark.parametrize("path", named_in_api("auto(?:function|class|exception)|conpet-keys"))
def test_what_the_reference_names_can_be_imported(path: str) -> None:
    module, _, name = path.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    assert found.__doc__ or issubclass(found, Strict), f"{path}: nothing is said of it"


def test_the_reference_has_every_kind_of_part() -> None:
    packages = named_in_api("conpet-parts")
    assert packages == ["learners", "replay", "heads"]
    assert all(importlib.import_module(f"conpet.{package}").names() for package in packages)


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Make a site as `make docs` does."""
    for module in ("sphinx", "furo", "myst_parser", "sphinx_copybutton", "sphinx_external_toc"):
        pytest.importorskip(module, reason=f"{module} of the extra docs is not installed")
    command = [
        sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going",
        "-c", str(source / "docs" / "sphinx"), "-d", str(out.with_suffix(".read")),
        str(source), str(out),
    ]  # fmt: skip
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        command, cwd=source, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


@pytest.mark.slow
def test_the_site_is_made_without_a_warning(tmp_path: Path) -> None:
    out = tmp_path / "site"
    made = build(ROOT, out)
    assert (made.returncode, made.stderr) == (0, "")
    assert {path.with_suffix(".html") for path in map(Path, PAGES)} <= {
        path.relative_to(out) for path in out.rglob("*.html")
    }
    assert (out / "index.html").read_bytes() == (out / "README.html").read_bytes()
    commands = (out / "docs/commands.html").read_text(encoding="utf-8")
    top: Any = typer.main.get_command(app)
    for name, command in top.commands.items():
        section = commands.partition(f'id="conpet-{name}"')[2].partition("</section>")[0]
        options = [parameter.opts[0] for parameter in command.params if not parameter.hidden]
        assert options
        assert [option for option in options if option not in section] == []
    methods = (out / "docs/methods.html").read_text(encoding="utf-8")
    assert methods.count("<math") > 50
    keys = (out / "docs/api.html").read_text(encoding="utf-8")
    assert all(key in keys for key in ("batch_size", "expert_share", "lora_targets"))
    # what makes the theme's pages whole for keyboards and screen readers
    assert 'src="_static/site.js' in (out / "index.html").read_text(encoding="utf-8")
    assert (out / "_static/site.js").is_file()
    pages = "".join(path.read_text(encoding="utf-8") for path in out.rglob("*.html"))
    fetched = re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(?:https?:)?//', pages)
    assert fetched == []  # a reader needs no network


WRONG = {
    "[nowhere](#two)": "'myst' cross-reference target not found: 'two'",
    "[nowhere](two.md)": "'myst' cross-reference target not found: 'two.md'",
    "![nothing](two.png)": "image file not readable: two.png",
    "$\\nocommand$": 'formula: Unknown LaTeX command "\\nocommand"',
}


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [False, True])
def test_what_leads_nowhere_is_an_error(wrong: bool, tmp_path: Path) -> None:
    shutil.copytree(SOURCES, tmp_path / "docs/sphinx", ignore=shutil.ignore_patterns("__py*"))
    (tmp_path / "docs/sphinx/toc.yml").write_text("root: README\n")
    text = "\n\n".join(WRONG) if wrong else "[here](#one), $a^2$"
    (tmp_path / "README.md").write_text(f"# All\n\n## One\n\n{text}\n")
    made = build(tmp_path, tmp_path / "site")
    assert (made.returncode != 0) == wrong, made.stderr
    assert [said for said in WRONG.values() if (said in made.stderr) != wrong] == []
