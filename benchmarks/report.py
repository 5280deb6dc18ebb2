"""What a benchmark says: Markdown to read, values to keep."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conpet.files import write_json, write_text


@dataclass(frozen=True)
class Report:
    """``faults`` are what must not be, a line each: with one the command ends with status 1."""

    markdown: str
    values: Any
    faults: Sequence[str] = ()

    def write(self, out: Path) -> None:
        """Write OUT.md and OUT.json, each whole or not at all."""
        write_json(out.with_name(f"{out.name}.json"), self.values)
        write_text(out.with_name(f"{out.name}.md"), self.markdown)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table, with a line end."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def spread(ratio: dict[str, float]) -> str:
    """Return a ratio's median with the least and the most."""
    return f"{ratio['median']:.2f} ({ratio['least']:.2f}–{ratio['most']:.2f})"


def positive(text: str) -> int:
    """Read an option's whole number, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number, 1 or more")
    return int(text)


def counts(parser: argparse.ArgumentParser, **helps: tuple[int, str]) -> None:
    """Add options that are whole numbers: name -> (default, help)."""
    for name, (value, text) in helps.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=positive, default=value,
            help=f"{text} (default: {value})",
        )  # fmt: skip
