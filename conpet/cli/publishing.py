"""Finished runs to tables, figures, report and MLflow."""

from __future__ import annotations

import argparse
from pathlib import Path

from conpet.cli.shared import Add, common, experiment_of, paths, results


def _table(args: argparse.Namespace) -> None:
    from conpet.jobs import publish

    publish.table(experiment_of(args), args.name, args.results, args.out)


def _plot(args: argparse.Namespace) -> None:
    from conpet.jobs import publish

    publish.plot(experiment_of(args), args.name, args.results, args.out)


def _report(args: argparse.Namespace) -> None:
    from conpet.jobs import publish

    publish.report(experiment_of(args), args.results, args.out, args.store)


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


def _tables(args: argparse.Namespace) -> None:
    from conpet.jobs import publish

    experiment = experiment_of(args)
    out = args.out or args.results / experiment.name / "partial"
    publish.everything(experiment, args.results, out)


def store_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where MLflow keeps what."""
    parser.add_argument("--store", default="sqlite:///results/mlflow.db", help="MLflow's store")
    artifacts = Path("results/mlartifacts")
    parser.add_argument("--artifacts", type=Path, default=artifacts, help="MLflow's artifacts")


def add_commands(add: Add) -> None:
    """Add the commands that publish."""
    p = add("table", "make one table: NAME.csv, .md, .tex, .json", _table)
    p.add_argument("name", help="see `conpet targets`")
    common(p)
    results(p)
    paths(p, out="prefix of the files to write")
    p = add("plot", "make one figure: NAME.svg, .png", _plot)
    p.add_argument("name", help="see `conpet targets`")
    common(p)
    results(p)
    paths(p, out="prefix of the files to write")
    p = add("report", "make the page that shows everything", _report)
    common(p)
    results(p)
    p.add_argument("--store", default="", help="MLflow's store, for links to its pages")
    paths(p, out="page to write")
    p = add("tables", "make every table and figure of what is finished, anything running", _tables)
    common(p)
    results(p)
    p.add_argument("--out", type=Path, help="folder to write; default: RESULTS/EXPERIMENT/partial")
    p = add("show", "print the main table and where the rest lies", _show)
    common(p)
    results(p)
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
    results(p)
    store_options(p)
    paths(p, out="marker to write")
