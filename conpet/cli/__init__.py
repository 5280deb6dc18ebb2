"""The command `conpet`: one sub-command a rule of the workflow, with explicit paths."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from conpet.cli import data, keeping, learning, publishing, stores, using
from conpet.cli.shared import Command
from conpet.errors import UserError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = _Parser(prog="conpet", description="Continual parameter-efficient tuning, step by step.")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, text: str, command: Command) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        return sub

    for group in (data, learning, publishing, keeping, stores, using):
        group.add_commands(add)
    return top


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; a user's mistake is one line and exit status 1."""
    # before torch is imported: OpenMP threads that spin starve a second job on the same machine
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    args = parser().parse_args(argv)
    try:
        args.command(args)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `conpet ... | head`
    except UserError as error:
        sys.exit(f"conpet: error: {error}")
