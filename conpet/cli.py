"""The command `conpet`: one sub-command a rule of the workflow, with explicit paths."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from conpet.errors import UserError

if TYPE_CHECKING:
    from conpet.config import Experiment
    from conpet.jobs.learn import Cell

Command = Callable[[argparse.Namespace], None]


def _experiment(args: argparse.Namespace) -> Experiment:
    from conpet.config import load_experiment
    from conpet.config.strict import choose

    experiment = load_experiment(args.experiment, args.config_dir)
    for kind in ("dataset", "model", "method"):
        if getattr(args, kind, None) is not None:
            choose(kind, getattr(args, kind), list(getattr(experiment, f"{kind}s")), f"--{kind}")
    return experiment


def _cell(args: argparse.Namespace) -> Cell:
    from conpet.jobs.learn import Cell

    experiment = _experiment(args)
    last = experiment.tasks(args.dataset)
    if not 1 <= args.task <= last:
        raise UserError(f"--task {args.task}: {args.dataset} has tasks 1 to {last}")
    return Cell(experiment, args.dataset, args.model, args.method, args.seed, args.task)


def _fetch_model(args: argparse.Namespace) -> None:
    from conpet.models.sources import fetch_model

    fetch_model(_experiment(args).models[args.model].source, args.out, args.mirror)


def _fetch_dataset(args: argparse.Namespace) -> None:
    from conpet.jobs import data

    data.fetch_dataset(_experiment(args), args.dataset, args.part, args.out, args.mirror)


def _prepare(args: argparse.Namespace) -> None:
    from conpet.jobs import data

    data.prepare(_experiment(args), args.dataset, args.part, args.raw, args.out, args.report)


def _split(args: argparse.Namespace) -> None:
    from conpet.jobs import data

    data.split(
        _experiment(args), args.dataset, args.part, args.samples, args.raw, args.before, args.out
    )


def _encode(args: argparse.Namespace) -> None:
    from conpet.jobs import data

    data.encode(
        _experiment(args),
        args.dataset,
        args.model,
        args.snapshot,
        args.samples,
        args.tasks,
        args.out,
    )


def _train(args: argparse.Namespace) -> None:
    from conpet.jobs import learn

    learn.train(
        _cell(args),
        args.snapshot,
        args.encoded,
        args.states,
        args.memories,
        args.selector,
        args.out,
    )


def _select(args: argparse.Namespace) -> None:
    from conpet.jobs import learn

    learn.select(_cell(args), args.snapshot, args.encoded, args.states, args.previous, args.out)


def _remember(args: argparse.Namespace) -> None:
    from conpet.jobs import learn

    learn.remember(_cell(args), args.snapshot, args.encoded, args.states, args.out)


def _evaluate(args: argparse.Namespace) -> None:
    from conpet.jobs import learn

    learn.evaluate(
        _cell(args),
        args.snapshot,
        args.encoded,
        args.states,
        args.selector,
        args.metrics,
        args.predictions,
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def _common(parser: argparse.ArgumentParser, *keys: str) -> None:
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


def _paths(parser: argparse.ArgumentParser, **helps: str) -> None:
    for name, text in helps.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=text)


def _lists(parser: argparse.ArgumentParser, required: bool = False, **helps: str) -> None:
    for name, text in helps.items():
        parser.add_argument(
            f"--{name}", type=Path, nargs="*", default=[], required=required, help=text
        )


def _add_data(add: Callable[[str, str, Command], argparse.ArgumentParser]) -> None:
    p = add("fetch-model", "fetch a model's snapshot, verified", _fetch_model)
    _common(p, "model")
    _paths(p, out="folder to write")
    p.add_argument("--mirror", type=Path, help="local folder that holds the same bytes")
    p = add("fetch-dataset", "fetch a dataset's raw files, verified", _fetch_dataset)
    _common(p, "dataset", "part")
    _paths(p, out="folder to write")
    p.add_argument("--mirror", type=Path, help="local folder that holds the same bytes")
    p = add("prepare", "raw files -> samples", _prepare)
    _common(p, "dataset", "part")
    _paths(p, raw="raw folder", out="samples.parquet to write", report="report to write")
    p = add("split", "samples -> tasks", _split)
    _common(p, "dataset", "part")
    _paths(p, samples="samples.parquet", raw="raw folder", out="tasks.json to write")
    _lists(p, before="tasks.json of the earlier parts")
    p = add("encode", "samples -> token ids", _encode)
    _common(p, "dataset", "model", "part")
    _paths(
        p,
        snapshot="model folder",
        samples="samples.parquet",
        tasks="tasks.json",
        out="file to write",
    )


def _add_learning(add: Callable[[str, str, Command], argparse.ArgumentParser]) -> None:
    keys = ("dataset", "model", "method", "seed", "task")
    p = add("train", "learn one task", _train)
    _common(p, *keys)
    _paths(p, snapshot="model folder", out="state folder to write")
    _lists(p, required=True, encoded="encoded files of all parts up to the task")
    _lists(p, states="earlier states, oldest first", memories="memories of the earlier tasks")
    p.add_argument("--selector", type=Path, help="the task's selector")
    p = add("select", "train one task's selector (Dynamic ConPET)", _select)
    _common(p, *keys)
    _paths(p, snapshot="model folder", out="selector folder to write")
    _lists(p, required=True, encoded="encoded files of all parts up to the task")
    _lists(p, states="earlier states, where the selector starts from the last expert")
    p.add_argument("--previous", type=Path, help="the previous task's selector")
    p = add("remember", "choose one task's exemplars", _remember)
    _common(p, *keys)
    _paths(p, snapshot="model folder", out="memory file to write")
    _lists(p, required=True, encoded="encoded files of all parts up to the task")
    _lists(p, states="states up to this task, oldest first")
    p = add("evaluate", "test one state on all seen tasks", _evaluate)
    _common(p, *keys)
    _paths(
        p, snapshot="model folder", metrics="metrics to write", predictions="predictions to write"
    )
    _lists(p, required=True, encoded="encoded files of all parts up to the task")
    _lists(p, states="states up to this task, oldest first")
    p.add_argument("--selector", type=Path, help="the task's selector")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = _Parser(prog="conpet", description="Continual parameter-efficient tuning, step by step.")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, text: str, command: Command) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        return sub

    _add_data(add)
    _add_learning(add)
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
    except UserError as error:
        sys.exit(f"conpet: error: {error}")
