"""Tables kept for good, and tables compared."""

from __future__ import annotations

import argparse
from pathlib import Path

from conpet.cli.shared import Add, common, experiment_of, paths, results
from conpet.errors import UserError


def _publish(args: argparse.Namespace) -> None:
    from conpet.jobs import publish

    publish.publish(experiment_of(args), args.results, args.out)


def _verify(args: argparse.Namespace) -> None:
    from conpet.files import write_text
    from conpet.jobs.verify import verify

    experiment = experiment_of(args)
    found = verify(experiment, args.results, args.published, args.tolerance)
    for line in found.platform:
        print(f"another platform: {line}")
    for line in found.cells:
        print(line)
    if found.cells:
        raise UserError(
            f"{experiment.name}: {len(found.cells)} cells differ from what is published "
            f"(tolerance {found.tolerance:g}); {found.inputs}"
        )
    print(f"{experiment.name}: {found.said}")
    if args.out:
        write_text(args.out, f"{experiment.name}: {found.said}\n")


def _diff(args: argparse.Namespace) -> None:
    from conpet.reporting.compare import diff

    lines = diff(args.a, args.b, args.tolerance)
    print("\n".join(lines) if lines else "identical (but for seconds and memory, not compared)")
    if lines:
        raise SystemExit(1)


def add_commands(add: Add) -> None:
    """Add the commands that keep and compare."""
    p = add("publish", "keep an experiment's tables and figures for good", _publish)
    common(p)
    results(p)
    paths(p, out="folder to write, as results/published/EXPERIMENT")
    p = add("verify", "compare an experiment's tables with the published ones", _verify)
    common(p)
    results(p)
    paths(p, published="the folder of published experiments")
    p.add_argument("--tolerance", type=float, help="absolute; default: none on the same platform")
    p.add_argument("--out", type=Path, help="mark to write when nothing differs")
    p = add("diff", "compare the tables of two folders cell by cell", _diff)
    p.add_argument("a", type=Path)
    p.add_argument("b", type=Path)
    p.add_argument("--tolerance", type=float, default=0.0, help="absolute; default 0")
