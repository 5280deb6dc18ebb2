"""Every command that stands in a document can be typed: parsed here, or listed with a reason."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
import typer

from benchmarks.__main__ import parser
from conpet.commands import app
from tests.conftest import ROOT
from tests.documents import OWN, Command, all_commands, commands_of, named, split

sys.path.append(str(ROOT / "workflow" / "scripts"))

import asked

# beginning -> why it is neither run nor parsed here
LISTED = {
    "conda": "conda is another's; environment.yml is read by tests/test_packaging.py",
    "pip install snakemake-executor-plugin-slurm": "another's package, for clusters alone",
    "apt-get": "another's packages; tests/slurm is for a machine where one is root",
    "python tests/slurm/": "starts a Slurm cluster: run by hand, as docs/cluster.md says",
    "python runner.py": "run by tests/workflow/test_processes.py, as every job's command",
    "python -c": "a measurement of an import",
    "mlflow models serve": "run by tests/tracking/test_served.py",
    "curl": "asks that server; tests/tracking/test_served.py sends the same",
    "export": "the shell's own",
    "cd": "the shell's own",
    "rm": "the shell's own",
}
COMMANDS = all_commands()
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE)
RULES = re.findall(r"^rule (\w+):", (ROOT / "Snakefile").read_text("utf-8"), re.MULTILINE)


def of(program: str) -> list[Command]:
    return [command for command in COMMANDS if command.program == program]


def test_every_command_is_known() -> None:
    known = ("conpet", "snakemake", "make", "benchmarks")
    unknown = [
        str(c) for c in COMMANDS
        if c.program not in known and not " ".join(c.words).startswith(tuple(LISTED))
    ]  # fmt: skip
    assert unknown == []
    assert len(COMMANDS) > 50


def test_none_is_listed_that_stands_nowhere() -> None:
    lines = [" ".join(c.words) for c in COMMANDS]
    assert [start for start in LISTED if not any(line.startswith(start) for line in lines)] == []


@pytest.mark.parametrize("command", of("conpet"), ids=str)
def test_conpet_takes_it(command: Command) -> None:
    top: Any = typer.main.get_command(app)
    name, *words = command.words[1:]
    assert name in top.commands
    with top.make_context("conpet", [name]) as context:
        found = top.commands[name].make_context(name, words, parent=context)
    assert found.params


@pytest.mark.parametrize("command", of("benchmarks"), ids=str)
def test_benchmarks_take_it(command: Command) -> None:
    assert parser().parse_args(command.words[3:]).run


@pytest.mark.parametrize("command", of("make"), ids=str)
def test_make_has_it(command: Command) -> None:
    variables = re.findall(r"^([A-Z_]+) \?=", MAKEFILE, re.MULTILINE)
    for word in command.words[1:]:
        name, is_set, _ = word.partition("=")
        assert name in (variables if is_set else TARGETS)


@pytest.mark.parametrize("command", of("snakemake"), ids=str)
def test_snakemake_takes_it(command: Command) -> None:
    cli = pytest.importorskip("snakemake.cli")
    found = cli.get_argument_parser(profiles=[]).parse_args(list(command.words[1:]))
    for target in found.targets or ():
        assert target in RULES or target.startswith("results/")
    config = cli.parse_config(found.config or ())
    asked.check(config)
    experiments = ROOT / "config/experiments"
    name = asked.experiment(config, [path.stem for path in experiments.glob("*.yaml")])
    own = name in OWN or name.endswith(".yaml")  # the reader's
    assert own or (experiments / f"{name}.yaml").is_file()
    if found.workflow_profile:
        assert (ROOT / found.workflow_profile / "config.yaml").is_file()


def test_what_sentences_name_is_there() -> None:
    top: Any = typer.main.get_command(app)
    for program, known in (("conpet", [*top.commands]), ("make", TARGETS), ("snakemake", RULES)):
        found = named(program)
        assert len(found) >= 3
        assert [place for place in found if place[1] not in known] == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("conpet show NAME   # the table", [("conpet", "show", "demo")]),
        ("A=b time snakemake -n TARGET", [("snakemake", "-n", "tables")]),
        ("make setup && make test", [("make", "setup"), ("make", "test")]),
        ("docker run x", [("docker", "run", "x")]),
        ("title: Mine", []),
        ("conpet: error: x: y", []),
        ("base = AutoModel.from_pretrained()", []),
        ("conpet/     the library", []),
    ],
)  # fmt: skip
def test_a_command_is_told_from_other_lines(line: str, expected: list[tuple[str, ...]]) -> None:
    assert split(line) == expected


def test_a_line_that_goes_on_is_one_command() -> None:
    (train,) = [c for c in commands_of("docs/workflow.md") if c.words[:2] == ("conpet", "train")]
    assert train.words[-2:] == ("--out", "state")
