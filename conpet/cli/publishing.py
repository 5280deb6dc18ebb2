"""Finished runs to tables, figures, report and MLflow."""

from __future__ import annotations

import argparse
from pathlib import Path

from conpet.cli.shared import Add, common, experiment_of, paths
from conpet.errors import UserError


def _table(args: argparse.Namespace) -> None:
    from conpet.jobs import publish

    publish.table(experiment_of(args), args.name, args.results, args.out)


def _plot(args: argparse.Namespace) -> None:
    from conpet.jobs import publish

    publish.plot(experiment_of(args), args.name, args.results, args.out)


def _report(args: argparse.Namespace) -> None:
    from conpet.jobs import publish

    publish.report(experiment_of(args), args.results, args.out)


def _show(args: argparse.Namespace) -> None:
    from conpet.jobs import publish

    publish.show(experiment_of(args), args.results)


def _targets(args: argparse.Namespace) -> None:
    from conpet.jobs import publish

    publish.targets(args.config_dir)


def _track_store(args: argparse.Namespace) -> None:
    from conpet.tracking import create_store

    create_store(args.store, args.artifacts, args.out)


def _track(args: argparse.Namespace) -> None:
    from conpet.jobs import publish

    cell = (args.dataset, args.model, args.method, args.seed)
    publish.track(experiment_of(args), cell, args.run, args.store, args.artifacts, args.out)


def _track_summary(args: argparse.Namespace) -> None:
    from conpet.jobs import publish

    publish.track_summary(experiment_of(args), args.results, args.store, args.artifacts, args.out)


def _publish(args: argparse.Namespace) -> None:
    from conpet.jobs import publish

    publish.publish(experiment_of(args), args.results, args.out)


def _verify(args: argparse.Namespace) -> None:
    from conpet.files import write_text
    from conpet.jobs import publish

    experiment = experiment_of(args)
    lines = publish.verify(experiment, args.results, args.published, args.tolerance)
    for line in lines:
        print(line)
    if lines:
        raise UserError(f"{experiment.name}: {len(lines)} cells differ from what is published")
    said = f"{experiment.name}: the same as published, cell by cell (tolerance {args.tolerance:g})"
    print(said)
    write_text(args.out, f"{said}\n")


def _diff(args: argparse.Namespace) -> None:
    from conpet.reporting.compare import diff

    lines = diff(args.a, args.b, args.tolerance)
    print("\n".join(lines) if lines else "identical")
    if lines:
        raise SystemExit(1)


def store_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where MLflow keeps what."""
    parser.add_argument("--store", default="sqlite:///results/mlflow.db", help="MLflow's store")
    artifacts = Path("results/mlartifacts")
    parser.add_argument("--artifacts", type=Path, default=artifacts, help="MLflow's artifacts")


def _results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, default=Path("results"), help="default: results")


def add_commands(add: Add) -> None:
    """Add the commands that publish."""
    p = add("table", "make one table: NAME.csv, .md, .tex, .json", _table)
    p.add_argument("name", help="see `conpet targets`")
    common(p)
    _results(p)
    paths(p, out="prefix of the files to write")
    p = add("plot", "make one figure: NAME.svg, .png", _plot)
    p.add_argument("name", help="see `conpet targets`")
    common(p)
    _results(p)
    paths(p, out="prefix of the files to write")
    p = add("report", "make the page that shows everything", _report)
    common(p)
    _results(p)
    paths(p, out="page to write")
    p = add("show", "print the main table and where the rest lies", _show)
    common(p)
    _results(p)
    p = add("targets", "list experiments, tables and figures, a line each", _targets)
    p.add_argument("--config-dir", type=Path, default=Path("config"), help="default: config")
    p = add("track-store", "make MLflow's store", _track_store)
    store_options(p)
    paths(p, out="marker to write")
    p = add("track", "log one finished run to MLflow; an older one is replaced", _track)
    common(p, "dataset", "model", "method", "seed")
    store_options(p)
    paths(p, run="the run's folder", out="marker to write")
    p = add("track-summary", "log an experiment's tables, figures and report", _track_summary)
    common(p)
    _results(p)
    store_options(p)
    paths(p, out="marker to write")
    p = add("publish", "keep an experiment's tables and figures for good", _publish)
    common(p)
    _results(p)
    paths(p, out="folder to write, as results/published/EXPERIMENT")
    p = add("verify", "compare an experiment's tables with the published ones", _verify)
    common(p)
    _results(p)
    paths(p, published="the folder of published experiments", out="mark to write")
    p.add_argument("--tolerance", type=float, default=0.0, help="absolute; default 0")
    p = add("diff", "compare the tables of two folders cell by cell", _diff)
    p.add_argument("a", type=Path)
    p.add_argument("b", type=Path)
    p.add_argument("--tolerance", type=float, default=0.0, help="absolute; default 0")
