"""One rule for every kind of name, wherever it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conpet.commands.checks import open_experiment
from conpet.commands.described import open_dataset, open_file
from conpet.config.strict import read_yaml
from conpet.errors import UserError
from conpet.files import visible
from conpet.names import TAKEN, check_name, name_of
from conpet.run import RunKey
from tests.config.conftest import Project
from tests.conftest import ROOT

E = "experiments/e.yaml"
BAD = ("a b", "y$(touch x)", "a;b", "ü", "-x", ".x", "a/b", "", "a\n", "{a}", "'", "a" * 101)
RULE = "a name has letters, digits, . _ + and - only"
OWN = "the suite itself uses names like"
KINDS = {"datasets": "made", "models": "small", "methods": "plain"}


@pytest.mark.parametrize("name", ["a", "0", "2024_01", "a.b-c+d", "A" * 100, "bert-base", "logs2"])
def test_a_name_may_be(name: str) -> None:
    assert check_name(name, "x") == name_of(name)[:100] == name or len(name) > 90


@pytest.mark.parametrize("name", BAD)
def test_a_name_may_not_be(name: str) -> None:
    with pytest.raises(UserError, match=r"^x\.yaml: a name has letters"):
        check_name(name, "x.yaml")


@pytest.mark.parametrize("name", [*TAKEN, "Models", "a.yaml", "minilm.log", "x.tmp", "r.JSON"])
def test_the_suites_own_names_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"^x: the suite itself uses names like"):
        check_name(name, "x")


def test_what_stands_beside_folders_is_taken() -> None:
    """The page that says where results lie knows no folder that a name could be."""
    text = (ROOT / "results/README.md").read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    folders = {part for line in lines for part in line.split(" ")[0].split("/")[:-1]}
    fixed = {part for part in folders if part.islower() and part.isalpha()}
    assert {"models", "data", "published", "scratch", "logs", "tables"} <= fixed
    inside_a_run = {"state", "selector", "model", "partial"}  # below a seed's or in no one's way
    assert fixed - inside_a_run <= set(TAKEN)


@pytest.mark.parametrize(("kind", "file"), KINDS.items())
@pytest.mark.parametrize(
    ("name", "words"),
    [("a b", RULE), ("y$(touch PWNED3)", RULE), ("data", OWN), ("published", OWN)],
)
def test_a_files_name_is_checked(
    project: Project, kind: str, file: str, name: str, words: str
) -> None:
    old = project.folder / kind / f"{file}.yaml"
    old.rename(old.with_name(f"{name}.yaml"))
    said: Any = read_yaml(project.folder / E)[kind]
    project.set(E, kind, [name if n == file else n for n in said])
    message = project.mistake()
    assert message.startswith(f"{kind}/{name}.yaml: ")
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize(("name", "words"), [("a b", RULE), ("models", OWN), ("scratch", OWN)])
def test_an_experiments_name_is_checked(project: Project, name: str, words: str) -> None:
    path = project.folder / E
    path.rename(path.with_name(f"{name}.yaml"))
    for asked in (name, str(path.with_name(f"{name}.yaml"))):
        with pytest.raises(UserError) as caught:
            open_experiment(asked, project.folder)
        assert words in str(caught.value)


@pytest.mark.parametrize(("name", "words"), [("a b", RULE), ("$(x)", RULE), ("data", OWN)])
def test_a_name_written_out_is_checked(project: Project, name: str, words: str) -> None:
    project.set(E, "methods", {name: {"base": "plain"}})
    assert project.mistake().startswith(f"{E}: methods.{name}: {words}")
    project.set(E, "datasets", {name: {"files": ["a.csv"]}})
    assert project.mistake().startswith(f"{E}: datasets.{name}: {words}")


def test_a_runs_key_has_the_same_rule() -> None:
    with pytest.raises(UserError, match=r"^run key: a name has letters"):
        RunKey("e", "d", "m", "a b", 1)


@pytest.mark.parametrize(
    "stem", ["my data", "data", "été", "-x", "$(touch x)", "a.json", "x" * 200]
)
def test_any_file_can_be_described(tmp_path: Path, stem: str) -> None:
    path = tmp_path / f"{stem}.csv"
    path.touch()
    ((_, name),) = open_file(path, {}, ["minilm"], ROOT / "config")
    assert check_name(name, "x")


def test_a_datasets_own_yaml_is_checked(project: Project) -> None:
    path = project.folder / "datasets/made.yaml"
    path.rename(path.with_name("a b.yaml"))
    with pytest.raises(UserError, match=RULE.replace("+", r"\+")):
        open_dataset(str(path.with_name("a b.yaml")), ["small"], project.folder)


def test_what_editors_and_macos_put_into_the_config_is_passed_over(project: Project) -> None:
    for kind in ("experiments", "methods", "models", "datasets"):
        folder = project.folder / kind
        (folder / "._e.yaml").write_bytes(b"\x00\x05\x16\x07\xff")
        (folder / ".#e.yaml").symlink_to("user@machine.123")
        assert visible(folder, "*.yaml")
        assert not [path for path in visible(folder, "*.yaml") if path.name.startswith(".")]
    assert project.load().methods
    project.set(E, "methods", ["unheard_of"])
    with pytest.raises(UserError) as told:
        project.load()
    assert "._e" not in str(told.value)
    assert ".#e" not in str(told.value)
