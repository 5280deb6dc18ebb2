"""One task of one run: train, select, remember, evaluate."""

from __future__ import annotations

import argparse
from pathlib import Path

from conpet.cli.shared import Add, cell_of, common, lists, paths


def _train(args: argparse.Namespace) -> None:
    from conpet.jobs import learn

    learn.train(
        cell_of(args),
        args.snapshot,
        args.encoded,
        args.states,
        args.memories,
        args.selector,
        args.out,
    )


def _select(args: argparse.Namespace) -> None:
    from conpet.jobs import learn

    learn.select(cell_of(args), args.snapshot, args.encoded, args.states, args.previous, args.out)


def _remember(args: argparse.Namespace) -> None:
    from conpet.jobs import learn

    learn.remember(cell_of(args), args.snapshot, args.encoded, args.states, args.out)


def _evaluate(args: argparse.Namespace) -> None:
    from conpet.jobs import learn

    learn.evaluate(
        cell_of(args),
        args.snapshot,
        args.encoded,
        args.states,
        args.selector,
        args.metrics,
        args.predictions,
    )


def _represent(args: argparse.Namespace) -> None:
    from conpet.jobs.represent import represent

    represent(cell_of(args), args.snapshot, args.encoded, args.states, args.selector, args.out)


def _params(args: argparse.Namespace) -> None:
    from conpet.config.model import Model
    from conpet.config.settings import Settings
    from conpet.config.strict import choose, read_yaml, validate
    from conpet.models.count import count

    folder = args.config_dir / "models"
    known = sorted(p.stem for p in folder.glob("*.yaml"))
    print(f"{'model':14}{'backbone':>16}{'LM head':>14}{'LoRA':>12}{'ratio':>8}")
    for name in args.models or ["llama-7b", "minilm"]:
        choose("model", name, known, "params")
        model = validate(Model, read_yaml(folder / f"{name}.yaml"), f"{folder}/{name}.yaml")
        n = count(name, model, Settings().tuning)
        print(f"{name:14}{n.backbone:16,}{n.lm_head:14,}{n.tunable:12,}{n.ratio:8,.0f}")


def add_commands(add: Add) -> None:
    """Add the commands of one task of one run."""
    keys = ("dataset", "model", "method", "seed", "task")
    p = add("train", "learn one task", _train)
    common(p, *keys)
    paths(p, snapshot="model folder", out="state folder to write")
    lists(p, required=True, encoded="encoded files of all parts up to the task")
    lists(p, states="earlier states, oldest first", memories="memories of the earlier tasks")
    p.add_argument("--selector", type=Path, help="the task's selector")
    p = add("select", "train one task's selector (Dynamic ConPET)", _select)
    common(p, *keys)
    paths(p, snapshot="model folder", out="selector folder to write")
    lists(p, required=True, encoded="encoded files of all parts up to the task")
    lists(p, states="earlier states, where the selector starts from the last expert")
    p.add_argument("--previous", type=Path, help="the previous task's selector")
    p = add("remember", "choose one task's exemplars", _remember)
    common(p, *keys)
    paths(p, snapshot="model folder", out="memory file to write")
    lists(p, required=True, encoded="encoded files of all parts up to the task")
    lists(p, states="states up to this task, oldest first")
    p = add("evaluate", "test one state on all seen tasks", _evaluate)
    common(p, *keys)
    paths(
        p, snapshot="model folder", metrics="metrics to write", predictions="predictions to write"
    )
    lists(p, required=True, encoded="encoded files of all parts up to the task")
    lists(p, states="states up to this task, oldest first")
    p.add_argument("--selector", type=Path, help="the task's selector")
    p = add("represent", "keep what the model makes of some test texts", _represent)
    common(p, *keys)
    paths(p, snapshot="model folder", out="file to write: RUN/representations.safetensors")
    lists(p, required=True, encoded="encoded files of all parts up to the task")
    lists(p, states="states up to this task, oldest first")
    p.add_argument("--selector", type=Path, help="the task's selector")
    p = add("params", "count tunable parameters (LoRA r 4), without any weights", _params)
    p.add_argument("models", nargs="*", help="default: llama-7b minilm")
    p.add_argument("--config-dir", type=Path, default=Path("config"), help="default: config")
