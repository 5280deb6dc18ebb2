"""What a task costs as tasks go on."""

from __future__ import annotations

import argparse
from pathlib import Path

from conpet.cli.shared import Add
from conpet.errors import UserError

DEFAULT_TASKS = [10, 50, 200]


def _scale(args: argparse.Namespace) -> None:
    tasks = sorted(set(args.tasks))
    if tasks[0] < 2:
        raise UserError(f"--tasks {tasks[0]}: a stream has 2 tasks or more")
    from conpet.bench.scale import measure
    from conpet.bench.scale_report import markdown, write
    from conpet.bench.scale_world import METHODS
    from conpet.config.strict import choose

    for method in args.methods:
        choose("method", method, list(METHODS), "--methods")
    curves = measure(tasks, args.methods)
    if args.out:
        write(curves, tasks, args.out)
    print(markdown(curves, tasks), end="")


def add_commands(add: Add) -> None:
    """Add the command that measures scale."""
    p = add("scale", "measure what a task costs as tasks go on, on a tiny model", _scale)
    p.add_argument("--tasks", type=int, nargs="+", default=DEFAULT_TASKS, help="default: 10 50 200")
    p.add_argument(
        "--methods", nargs="+", default=["static_emr", "dynamic", "emr", "joint"],
        help="default: static_emr dynamic emr joint; the last two up to the fewest tasks only",
    )  # fmt: skip
    p.add_argument("--out", type=Path, help="write OUT.md and OUT.json too")
