"""What the sub-commands have in common: keys, paths, and the config they stand on."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from conpet.errors import UserError

if TYPE_CHECKING:
    from conpet.config import Experiment
    from conpet.jobs.learn import Cell

Command = Callable[[argparse.Namespace], None]
Add = Callable[[str, str, Command], argparse.ArgumentParser]


def experiment_of(args: argparse.Namespace) -> Experiment:
    """Return the experiment that the arguments name, their keys checked against it."""
    from conpet.config import load_experiment
    from conpet.config.strict import choose

    experiment = load_experiment(args.experiment, args.config_dir)
    for kind in ("dataset", "model", "method"):
        if getattr(args, kind, None) is not None:
            choose(kind, getattr(args, kind), list(getattr(experiment, f"{kind}s")), f"--{kind}")
    return experiment


def cell_of(args: argparse.Namespace) -> Cell:
    """Return the place in the matrix that the arguments name."""
    from conpet.jobs.learn import Cell

    experiment = experiment_of(args)
    last = experiment.tasks(args.dataset)
    if not 1 <= args.task <= last:
        raise UserError(f"--task {args.task}: {args.dataset} has tasks 1 to {last}")
    return Cell(experiment, args.dataset, args.model, args.method, args.seed, args.task)


def common(parser: argparse.ArgumentParser, *keys: str) -> None:
    """Add the experiment and the given keys."""
    parser.add_argument("--config-dir", type=Path, default=Path("config"), help="default: config")
    parser.add_argument(
        "--experiment", required=True, help="a name in experiments/, or a YAML file"
    )
    helps = {
        "dataset": "a dataset of the experiment",
        "model": "a model of the experiment",
        "method": "a method of the experiment",
        "part": "base, or add1, add2, ... for later additions to the stream",
        "seed": "the run's seed",
        "task": "the task, from 1",
    }
    for key in keys:
        kind = int if key in ("seed", "task") else str
        parser.add_argument(f"--{key}", required=True, type=kind, help=helps[key])


def paths(parser: argparse.ArgumentParser, **helps: str) -> None:
    """Add required paths, each with its help."""
    for name, text in helps.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=text)


def lists(parser: argparse.ArgumentParser, required: bool = False, **helps: str) -> None:
    """Add lists of paths, each with its help."""
    for name, text in helps.items():
        parser.add_argument(
            f"--{name}", type=Path, nargs="*", default=[], required=required, help=text
        )


def results(parser: argparse.ArgumentParser) -> None:
    """Add the folder of results."""
    parser.add_argument("--results", type=Path, default=Path("results"), help="default: results")
