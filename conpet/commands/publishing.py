"""Tables kept for good, and tables compared."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from conpet.commands import options as o
from conpet.commands.results import matrix_of
from conpet.config.strict import name_in
from conpet.errors import UserError
from conpet.files import atomic_folder, write_text

app = typer.Typer()
_KINDS = ("tables", "figures")


@app.command()
def publish(
    experiment: o.Name,
    out: o.Out,
    results: o.Results = o.RESULTS,
    settings: o.Handed = None,
    config_dir: o.ConfigDir = o.CONFIG,
    partial: Annotated[
        bool, Option("--partial", help="what is finished, the rest marked pending: conpet tables")
    ] = False,
) -> None:
    """Keep an experiment's tables and figures for good."""
    from conpet.commands.verification import check_files, check_tables

    here = results / name_in(experiment) / ("partial" if partial else "")
    makes = "partial" if partial else "publish"
    for kind in _KINDS:
        if not (here / kind).is_dir():
            raise UserError(f"{here / kind}: no such folder: snakemake {makes} makes it first")
    check_tables(matrix_of(settings, experiment, config_dir, results)[0], here / "tables", makes)
    check_files(results, here / "tables", makes)
    with atomic_folder(out) as folder:
        for kind in _KINDS:
            shutil.copytree(here / kind, folder / kind, ignore=shutil.ignore_patterns(".*"))


@app.command()
def verify(
    experiment: o.Name,
    published: Annotated[Path, Option(help="the folder of published experiments")],
    results: o.Results = o.RESULTS,
    tolerance: Annotated[
        float | None, Option(help="absolute (default: none on the same platform)")
    ] = None,
    out: Annotated[Path | None, Option(help="mark to write when nothing differs")] = None,
    settings: o.Handed = None,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Compare an experiment's tables with the published ones."""
    from conpet.commands.verification import compare_published

    matrix, _ = matrix_of(settings, experiment, config_dir, results)
    found = compare_published(matrix, results, published, tolerance)
    for line in found.platform:
        print(f"another platform: {line}")
    for line in found.newer:
        print(f"newer than what is published, not compared: {line}")
    for line in found.cells:
        print(line)
    if found.cells:
        raise UserError(
            f"{matrix.name}: {len(found.cells)} cells differ from what is published "
            f"({found.allowed}); {found.inputs}"
        )
    print(f"{matrix.name}: {found.said}")
    if out:
        write_text(out, f"{matrix.name}: {found.said}\n")


@app.command()
def diff(
    a: Path,
    b: Path,
    tolerance: Annotated[float, Option(help="absolute")] = 0.0,
) -> None:
    """Compare the tables of two folders cell by cell."""
    from conpet.reporting.compare import diff

    lines = diff(a, b, tolerance)
    same = "their .csv are identical (but for seconds and memory, not compared)"
    print("\n".join(lines) or same)
    if lines:
        raise SystemExit(1)
