"""Finished runs to tables, figures and the page that shows everything."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from conpet.commands import options as o
from conpet.commands.checks import DataChecks
from conpet.commands.owner import check_owner, outdated
from conpet.config import Experiment
from conpet.config.matrix import Matrix
from conpet.config.strict import choose, read_yaml
from conpet.errors import UserError
from conpet.files import visible
from conpet.provenance import commit
from conpet.reporting.collect import Results, collect_experiment
from conpet.wording import counted

app = typer.Typer()
Thing = Annotated[str, typer.Argument(help="see `conpet targets`")]
Prefix = Annotated[Path, Option(help="prefix of the files to write")]
Reported = Annotated[Path, Option(help="CSV with figures of others, for the main table")]
REPORTED = Path("config/author_results.csv")

TARGETS = {
    "all": "tables, figures, report and MLflow: what is made where no target is named",
    "demo": "the same of the demo, whatever experiment is set",
    "tables": "all tables",
    "figures": "all figures",
    "report": "the page that shows everything",
    "mlflow": "every run in MLflow; a lost store is filled again",
    "learners": "the trained learners, packaged: ready to be asked",
    "models": "the same, and in MLflow's model registry",
    "partial": "tables, figures and page of what is finished by now",
    "publish": "tables and figures copied to results/published",
    "verify": "everything made again in a scratch folder, compared with what is published",
}


def matrix_of(
    settings: Path | None, experiment: str, config_dir: Path, results: Path
) -> tuple[Matrix, list[str]]:
    """Return the matrix that a command was handed, or that of an experiment, and what to doubt.

    That are sentences on results that are not of the experiment as it is now; they are printed.
    """
    doubts: list[str] = []

    def resolve(found: Experiment) -> Matrix:
        check_owner(found, results)
        if not results.is_dir():
            raise UserError(f"--results {results}: no such folder")
        for old in outdated(found, results):
            print(f"conpet: note: {old}", file=sys.stderr)
            doubts.append(f"{old}.")
        return found.matrix()

    return o.told(Matrix, settings, (experiment, config_dir), resolve, DataChecks()), doubts


def _collected(named: tuple[Matrix, list[str]], results: Path, reported: Path) -> Results:
    matrix, doubts = named
    if reported != REPORTED and not reported.is_file():
        raise UserError(f"--reported {reported}: no such file")
    if reported != REPORTED:
        _say_if_of_others(reported, list(matrix.datasets))
    found = collect_experiment(matrix, results, reported if reported.is_file() else None, doubts)
    for doubt in found.doubts[len(doubts) :]:
        print(f"conpet: note: {doubt}", file=sys.stderr)
    return found


def _say_if_pending(found: Results) -> None:
    """Note that nothing is tested: a folder of results may be misspelt."""
    if not any(run.metrics for run in found.runs):
        print(
            f"conpet: note: {found.root / found.experiment}: nothing is tested yet: all is pending",
            file=sys.stderr,
        )


def _say_if_of_others(reported: Path, datasets: list[str]) -> None:
    """Note a file that has no figure on an experiment's datasets: a name may be misspelt."""
    from conpet.reporting.reported_file import read_figures

    named = dict.fromkeys(name for figure in read_figures(reported) for name in figure.datasets)
    if not set(named) & set(datasets):
        print(
            f"conpet: note: --reported {reported}: no figure is on {', '.join(datasets)}: they are "
            f"on {', '.join(named) or 'nothing'}",
            file=sys.stderr,
        )


@app.command()
def table(
    name: Thing,
    out: Prefix,
    experiment: o.Name = "",
    settings: o.Handed = None,
    results: o.Results = o.RESULTS,
    reported: Reported = REPORTED,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Make one table: OUT.csv, .md, .tex, .json."""
    from conpet.reporting.tables import TABLES, make_table, write_table

    choose("table", name, list(TABLES), "table")
    named = matrix_of(settings, experiment, config_dir, results)
    found = _collected(named, results, reported)
    _say_if_pending(found)
    write_table(make_table(found, name), out, named[0].config_sha256)


@app.command()
def plot(
    name: Thing,
    out: Prefix,
    method: Annotated[
        list[str] | None, Option(help="show this one only; again for each, in their order")
    ] = None,
    experiment: o.Name = "",
    settings: o.Handed = None,
    results: o.Results = o.RESULTS,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Make one figure: OUT.svg, .png."""
    from conpet.reporting.figures import FIGURES, make_figure, write_figure

    choose("figure", name, list(FIGURES), "plot")
    named = matrix_of(settings, experiment, config_dir, results)
    found = _collected(named, results, REPORTED)
    for wanted in method or []:
        choose("method", wanted, found.methods, "plot")
    write_figure(make_figure(found.only(method) if method else found, name), out)


@app.command()
def report(
    out: o.Out,
    experiment: o.Name = "",
    settings: o.Handed = None,
    results: o.Results = o.RESULTS,
    reported: Reported = REPORTED,
    store: Annotated[str, Option(help="MLflow's store, for links to its pages")] = "",
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Make the page that shows everything."""
    named = matrix_of(settings, experiment, config_dir, results)
    _write_page(named[0], _collected(named, results, reported), out, store)


def _write_page(matrix: Matrix, found: Results, out: Path, store: str = "") -> None:
    from conpet.reporting.collect import configuration
    from conpet.reporting.page import About, write_page

    about = About(
        store=store if not store or store.startswith("http") else "http://127.0.0.1:5000",
        config=configuration(matrix),
        config_hash=matrix.config_sha256,
        commit=commit(),
    )
    write_page(found, out, about)


@app.command()
def tables(
    name: o.Named = "",
    experiment: o.Name = "",
    out: Annotated[
        Path | None, Option(help="folder to write (default: RESULTS/EXPERIMENT/partial)")
    ] = None,
    settings: o.Handed = None,
    results: o.Results = o.RESULTS,
    reported: Reported = REPORTED,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Make every table and figure of what is finished, also while a workflow runs."""
    from conpet.reporting.figures import FIGURES, make_figure, write_figure
    from conpet.reporting.tables import TABLES, make_table, terminal, write_table

    named = matrix_of(settings, o.one_of(name, experiment), config_dir, results)
    matrix, found = named[0], _collected(named, results, reported)
    _say_if_pending(found)
    folder = out or results / matrix.name / "partial"
    for made in TABLES:
        write_table(make_table(found, made), folder / "tables" / made, matrix.config_sha256)
    for made in FIGURES:
        write_figure(make_figure(found, made), folder / "figures" / made)
    _write_page(matrix, found, folder / "report.html")
    print(terminal(make_table(found, "main")))
    print(f"\ntables, figures and report of what is there: {folder}")


@app.command()
def show(
    name: o.Named = "",
    experiment: o.Name = "",
    results: o.Results = o.RESULTS,
    config_dir: o.ConfigDir = o.CONFIG,
) -> None:
    """Print an experiment at a glance, and what to do next."""
    from conpet.commands.glance import following, glance
    from conpet.reporting.answers import thrown_away
    from conpet.reporting.table_parts import pending_note
    from conpet.reporting.verdict import told

    wanted = o.one_of(name, experiment)
    named = matrix_of(None, wanted, config_dir, results)
    matrix, found = named[0], _collected(named, results, REPORTED)
    here = results / matrix.name
    if not any(run.metrics for run in found.runs):
        done = sum(len(run.trainings) for run in found.runs)
        so_far = f"{counted(done, 'training')} done, and nothing is tested" if done else "nothing"
        published = results / "published" / matrix.name
        read = f"; others' is in {published}" if published.is_dir() else ""
        raise UserError(
            f"{here}: {so_far} yet of {matrix.name}: snakemake --config experiment={wanted}{read}"
        )
    said = [*told(found), *filter(None, [thrown_away(found)]), *pending_note(found)]
    print("\n".join([matrix.title, "", *glance(found), *(["", *said] if said else [])]))
    print("\nNext")
    for line in following(found, here, wanted):
        print(f"  {line}")


@app.command()
def targets(config_dir: o.ConfigDir = o.CONFIG, results: o.Results = o.RESULTS) -> None:
    """List experiments, methods, tables and figures, a line each."""
    from conpet.commands.estimation_file import known
    from conpet.reporting.named import FIGURES, TABLES

    found = visible(config_dir / "experiments", "*.yaml")
    if not found:
        raise UserError(f"{config_dir / 'experiments'}: no experiments here: give --config-dir")
    print("experiments: snakemake --config experiment=NAME")
    for path in found:
        told = known(path, config_dir, results)
        print(f"  {path.stem:24} {read_yaml(path).get('title', '')}{told}")
    print("methods: in an experiment's YAML, methods: [NAME, ...]")
    for path in visible(config_dir / "methods", "*.yaml"):
        print(f"  {path.stem:24} {read_yaml(path).get('title', '')}")
    print("targets")
    for name, meaning in TARGETS.items():
        print(f"  {name:16} {meaning}")
    print("  or a file:")
    for folder, things, end in (("tables", TABLES, "md"), ("figures", FIGURES, "png")):
        for name, meaning in things.items():
            print(f"  {f'results/EXPERIMENT/{folder}/{name}.{end}':44} {meaning}")
