"""One command a benchmark; --out keeps what it prints."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import alignment, experts, gpu, routes, scale, speed, teaching
from conpet.errors import UserError

COMMANDS = {
    "speed": speed,
    "scale": scale,
    "gpu": gpu,
    "routes": routes,
    "experts": experts,
    "alignment": alignment,
    "teaching": teaching,
}


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    top = argparse.ArgumentParser(prog="python -m benchmarks", description="What the suite costs.")
    commands = top.add_subparsers(metavar="BENCHMARK", required=True)
    for name, module in COMMANDS.items():
        text = module.__doc__ or ""
        sub = commands.add_parser(
            name, help=text.splitlines()[0], description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        module.add_options(sub)
        sub.add_argument("--out", type=Path, help="write OUT.md and OUT.json too")
        sub.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark; a user's mistake is one line and exit status 1, as is a fault found."""
    args = parser().parse_args(argv)
    try:
        report = args.run(args)
        if args.out:
            report.write(args.out)
    except UserError as error:
        sys.exit(f"benchmarks: error: {error}")
    print(report.markdown, end="")
    if report.faults:
        sys.exit("\n".join(report.faults))


if __name__ == "__main__":
    main()
