"""The files that tell others about the project say the same as the project."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version
from setuptools.config.pyprojecttoml import read_configuration

import conpet
from conpet.config.strict import read_yaml
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def configuration() -> Any:
    return read_configuration(ROOT / "pyproject.toml")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_stands_in_one_place(configuration: Any) -> None:
    assert configuration["project"]["version"] == conpet.__version__
    pattern = re.compile(rf'version.*["= ]{re.escape(conpet.__version__)}\b', re.IGNORECASE)
    written = [
        name
        for name in ("pyproject.toml", "CITATION.cff", "README.md", "conpet/__init__.py")
        if pattern.search(text(name))
    ]
    assert written == ["conpet/__init__.py"]


def test_the_changelog_knows_the_version() -> None:
    headings = re.findall(r"^## \[(.+)\]", text("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    if ".dev" in conpet.__version__:  # on the way to a version: newer than what was released
        assert Version(conpet.__version__) > Version(headings[1])
    else:
        assert conpet.__version__ in headings


def test_the_package_carries_its_types(configuration: Any) -> None:
    assert "py.typed" in configuration["tool"]["setuptools"]["package-data"]["conpet"]
    assert Path(conpet.__file__).with_name("py.typed").is_file()
    assert "Typing :: Typed" in configuration["project"]["classifiers"]


def test_whoever_cites_finds_the_paper() -> None:
    citation = read_yaml(ROOT / "CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    (paper,) = citation["references"]
    assert paper["identifiers"][0]["value"].removeprefix("arXiv:") in (conpet.__doc__ or "")


def test_a_commits_hooks_do_what_make_lint_does() -> None:
    (local,) = read_yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    entries = [hook["entry"] for hook in local["hooks"]]
    assert {hook["language"] for hook in local["hooks"]} == {"system"}  # nothing is downloaded
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", text("Makefile"), re.MULTILINE)
    assert recipe is not None
    commands = re.findall(r"\$\(BIN\)(\S+(?: (?!--|\.)\S+)?)", recipe[1])
    assert len(commands) >= 3
    for command in commands:
        program = command if command.startswith(("ruff", "python")) else command.split()[0]
        assert any(entry.startswith(program) for entry in entries), command


def test_the_forge_runs_what_must_pass() -> None:
    steps = read_yaml(ROOT / ".github/workflows/ci.yml")["jobs"]["check"]["steps"]
    assert steps[-1]["run"] == "sh .ci/run"
    assert (ROOT / ".ci/run").is_file()


def test_the_catalogue_can_read_its_file() -> None:
    usage = read_yaml(ROOT / ".snakemake-workflow-catalog.yml")["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}


def test_temporary_folders_say_whose_they_are() -> None:
    """What kill -9 leaves of an unnamed one stays for ever: conpet/temporary.py names them."""
    unnamed = re.compile(r"\b(TemporaryDirectory|mkdtemp|mkstemp|NamedTemporaryFile)\b")
    sources = [p for name in ("conpet", "benchmarks", "workflow") for p in (ROOT / name).rglob("*")]
    found = [
        path.relative_to(ROOT).as_posix()
        for path in sources
        if path.suffix in (".py", ".smk") and unnamed.search(path.read_text(encoding="utf-8"))
    ]
    assert found == ["conpet/temporary.py"]


def test_clean_results_cleans_what_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "store/demo").mkdir(parents=True)
    (tmp_path / "store/models").mkdir()
    (tmp_path / "results").symlink_to("store")
    rule = (ROOT / "Makefile").read_text().partition("\nclean-results:\n")[2].partition("\n\n")[0]
    (tmp_path / "Makefile").write_text(f"clean-results:\n{rule}\n")
    subprocess.run(["make", "-C", str(tmp_path), "clean-results"], check=True, capture_output=True)
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["models"]
