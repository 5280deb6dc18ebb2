"""One command a benchmark; --out keeps what it prints."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import alignment, experts, gpu, routes, scale, speed, teaching
from conpet.errors import UserError
from conpet.temporary import scratch

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


def check_out(out: Path) -> None:
    """See that OUT.md and OUT.json can be written, before anything is measured.

    Raises:
        UserError: OUT has no name, or its folder cannot be made or written.
    """
    if not out.name:
        raise UserError(f"--out {out}: give a name, as in results/speed")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with scratch(out):
            pass
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written ({error.strerror})") from None


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark; a user's mistake is one line and exit status 1, as is a fault found."""
    args = parser().parse_args(argv)
    try:
        if args.out:
            check_out(args.out)
        report = args.run(args)
        print(report.markdown, end="", flush=True)  # first: what was measured is not lost
        if args.out:
            report.write(args.out)
    except UserError as error:
        sys.exit(f"benchmarks: error: {error}")
    except OSError as error:
        sys.exit(f"benchmarks: error: {error.filename or 'output'}: {error.strerror}")
    if report.faults:
        sys.exit("\n".join(report.faults))


if __name__ == "__main__":
    main()
