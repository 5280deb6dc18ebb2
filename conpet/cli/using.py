"""A trained run put to use: packaged, and asked."""

from __future__ import annotations

import argparse
from pathlib import Path

from conpet.cli.shared import Add, cell_of, common, lists, paths
from conpet.errors import UserError


def _package(args: argparse.Namespace) -> None:
    from conpet.predicting.outside import read_outside
    from conpet.predicting.package import package

    cell = cell_of(args)
    rule = cell.experiment.datasets[cell.dataset].outside
    outside = read_outside(args.raw, rule) if args.raw and rule else []
    package(cell, args.snapshot, args.encoded, args.states, args.selector, outside, args.out)


def _log_model(args: argparse.Namespace) -> None:
    from conpet.tracking.models import log_package

    log_package(args.package, args.tracked, args.store, args.out)


def _predict(args: argparse.Namespace) -> None:
    from conpet.predicting.command import predict

    predict(args)


def _extend(args: argparse.Namespace) -> None:
    from conpet.data.report import Report
    from conpet.jobs.extend import extend

    if wrong := [option for option in args.option if "=" not in option]:
        raise UserError(f"--option {wrong[0]}: give KEY=VALUE")
    options = dict(option.split("=", 1) for option in args.option)
    report = Report()
    classes = extend(
        args.dataset, args.file, args.config_dir, args.results, args.format, options, report
    )
    print(f"{args.dataset}: a new task of {len(classes)} classes: {', '.join(classes)}")
    for reason, dropped in report.as_dict()["dropped"].items():
        print(f"left out: {dropped['count']} rows, {reason}: {', '.join(dropped['first'])}")
    print("learn it: snakemake models --config experiment=NAME")


def add_commands(add: Add) -> None:
    """Add the commands about trained learners."""
    p = add("package", "put a trained run into one folder that can be used elsewhere", _package)
    common(p, "dataset", "model", "method", "seed", "task")
    paths(p, snapshot="model folder", out="folder to write")
    lists(p, required=True, encoded="encoded files of all parts", states="states, oldest first")
    p.add_argument("--selector", type=Path, help="the task's selector")
    p.add_argument("--raw", type=Path, help="raw files, for the dataset's texts of no class")
    p = add("log-model", "log a packaged learner to its run in MLflow, and register it", _log_model)
    paths(p, package="packaged learner", tracked="the run's tracked.json", out="mark to write")
    p.add_argument("--store", required=True, help="the MLflow store")
    p = add("predict", "classify texts with a trained run", _predict)
    p.add_argument("--run", required=True, help="a run's or package's folder, or an MLflow address")
    p.add_argument("--text", action="append", default=[], help="a text; may be given again")
    p.add_argument(
        "file", nargs="?", type=Path, help=".csv, .tsv, .jsonl, .parquet or .txt (a line a text)"
    )
    p.add_argument("--column", default="text", help="the file's column (default: text)")
    p.add_argument("--out", type=Path, help="CSV to write (default: print)")
    p.add_argument("--probabilities", action="store_true", help="a column a class")
    p.add_argument("--threshold", type=float, help="confidence below which no class is given")
    p.add_argument("--refuse", action="store_true", help="take the calibrated threshold")
    p.add_argument("--snapshot", type=Path, help="the backbone's folder, if not to be found")
    p.add_argument("--mirror", type=Path, help="folder that may hold the backbone's files")
    p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    p.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="float32")
    p.add_argument("--threads", type=int, default=1, help="default: 1")
    p = add("extend", "make a labelled file of new classes a dataset's next task", _extend)
    p.add_argument("dataset", help="a name in config/datasets")
    p.add_argument("file", type=Path, help="texts with labels that the stream does not have yet")
    p.add_argument("--format", help="a reader (default: table, or marked for relations, entities)")
    p.add_argument(
        "--option", action="append", default=[], metavar="KEY=VALUE", help="of the reader"
    )
    p.add_argument("--config-dir", type=Path, default=Path("config"), help="default: config")
    p.add_argument("--results", type=Path, default=Path("results"), help="default: results")
