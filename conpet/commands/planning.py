"""Before anything is learnt: a first YAML for one's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from conpet.commands import options as o

app = typer.Typer()


@app.command()
def init(
    files: Annotated[
        list[Path], Argument(help="texts with labels; files of several sets: a task each")
    ],
    name: Annotated[str, Option(help="of the experiment (default: as the files)")] = "",
    out: Annotated[Path, Option(help="folder to write NAME.yaml to", file_okay=False)] = Path(),
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Look at files, and write a commented YAML that compares methods on them."""
    from conpet.commands.beginning import begin

    written, said = begin(files, name, out, config_dir)
    for line in said:
        print(f"guessed: {line}")
    print(f"{written}: read it, then: conpet describe {written}")
