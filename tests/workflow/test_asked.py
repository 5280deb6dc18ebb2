"""What is typed behind ``--config``, and what reaches the shell."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from conpet.errors import UserError
from tests.conftest import ROOT

sys.path.append(str(ROOT / "workflow" / "scripts"))

import asked

# made with shlex.quote or by join, numbers, and settings of Python's own
QUOTED = {
    "RUNNER", "params.before", "params.encoded", "params.mirror", "params.previous", "params.raw",
    "params.script", "params.selector", "params.states", "params.tolerance", "params.trained",
    "threads",
}  # fmt: skip


def snakemakes(text: str) -> Any:
    """Return what Snakemake makes of a value."""
    cli = pytest.importorskip("snakemake.cli")
    return cli.parse_config([f"key={text}"])["key"]


@pytest.mark.parametrize("name", ["2024_01", "5", "007", "1e5", "True", "nan", "infinity", "0x1"])
def test_a_name_that_looks_like_a_number_is_found(name: str) -> None:
    there = ["clinc150", name, "demo"]
    assert asked.experiment({"experiment": snakemakes(name)}, there) == name


def test_a_number_that_may_mean_two_names_is_one_line() -> None:
    there = ["2024_01", "202401"]
    with pytest.raises(UserError, match="experiment=202401: not a name: give the file"):
        asked.experiment({"experiment": snakemakes("2024_01")}, there)
    path = "config/experiments/2024_01.yaml"
    assert asked.experiment({"experiment": snakemakes(path)}, there) == path


@pytest.mark.parametrize("value", [5, 1.5, True, ["a"], {"a": "b"}])
def test_what_is_no_name_is_one_line(value: Any) -> None:
    with pytest.raises(UserError, match=r"^--config experiment=.*: not a name") as caught:
        asked.experiment({"experiment": value}, ["demo"])
    assert "\n" not in str(caught.value)


def test_left_out_it_is_the_demo() -> None:
    assert asked.experiment({}, []) == "demo"


@pytest.mark.parametrize(
    ("option", "typed", "remedy"),
    [
        ("mirror", "123", "mirror=./123"),
        ("artifacts", "7", "artifacts=./7"),
        ("store", "5", "store=sqlite:///results/mlflow.db, or http://HOST:5000"),
        ("mirror", "True", "mirror=./True"),
    ],
)
def test_a_path_that_became_a_number_is_one_line(option: str, typed: str, remedy: str) -> None:
    with pytest.raises(UserError) as caught:
        asked.text({option: snakemakes(typed)}, option, "")
    assert str(caught.value) == f"--config {option}={typed}: not text: write {remedy}"
    assert asked.text({option: snakemakes(f"./{typed}")}, option, "") == f"./{typed}"


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_option_is_its_default(value: Any) -> None:
    assert asked.text({"store": value}, "store", "sqlite:///x") == "sqlite:///x"


@pytest.mark.parametrize("value", ["nan", "inf", -1, True, [1], "abc"])
def test_a_tolerance_is_a_number(value: Any) -> None:
    with pytest.raises(UserError, match="give a number, 0 or more"):
        asked.tolerance({"tolerance": value})
    assert asked.tolerance({"tolerance": 0.5}) == "--tolerance 0.5"
    assert asked.tolerance({}) == ""


def test_all_that_reaches_the_shell_is_quoted() -> None:
    found = set()
    for path in [ROOT / "Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]:
        text = path.read_text(encoding="utf-8")
        shells = re.findall(r"^    shell:\n((?: {8}.*\n)+)", text, re.MULTILINE)
        shells += re.findall(r"^(?:JOB|KEYS|TOLD) = (?:\(\n((?: {4}.*\n)+)|(.*))", text, re.M)
        for shell in shells:
            words = "".join(shell)
            found |= set(re.findall(r"\{([\w.]+(?::q)?)\}", words.replace("{{", "{")))
    assert {"log:q", "output:q", "wildcards.method:q", "params.store:q"} <= found
    assert {name for name in found if not name.endswith(":q")} <= {*QUOTED, "JOB", "KEYS", "TOLD"}


def test_a_mirror_is_a_folder(tmp_path: Path) -> None:
    assert asked.mirror({}) == ""
    assert asked.mirror({"mirror": str(tmp_path)}) == str(tmp_path)
    with pytest.raises(UserError, match="mirror=/nosuch: no such folder"):
        asked.mirror({"mirror": "/nosuch"})


@pytest.mark.parametrize("value", [None, ""])
def test_an_experiment_without_a_name_is_one_line(value: Any) -> None:
    with pytest.raises(UserError, match="experiment=: empty: give a name"):
        asked.experiment({"experiment": value}, ["demo"])


def test_an_option_given_twice_is_one_line() -> None:
    words = ["snakemake", "tables", "--config", "experiment=a.yaml", "experiment=b.yaml"]
    with pytest.raises(
        UserError, match=r"experiment=a\.yaml experiment=b\.yaml: experiment is given"
    ):
        asked.check({"experiment": "b.yaml"}, words)
    asked.check({"experiment": "b.yaml", "mirror": "m"}, [*words[:3], words[4], "mirror=m"])


@pytest.mark.parametrize("second", [["--config", "mirror=m"], ["-C", "mirror=m"], ["-Cmirror=m"]])
def test_options_behind_two_configs_are_one_line(second: list[str]) -> None:
    # Snakemake hands on what the last one says: this would be the demo
    words = ["snakemake", "tables", "--config", "experiment=clinc150", *second]
    with pytest.raises(UserError, match="--config is given twice, and the first is not heeded"):
        asked.check({"mirror": "m"}, words)
    asked.check({"mirror": "m"}, ["snakemake", "--configfile", "a.yaml", *second])
