"""A benchmark by itself, where what the others import is not installed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def main(module: Any) -> None:
    """Run a benchmark's module as `python -m benchmarks.NAME`; --out keeps what it prints."""
    parser = argparse.ArgumentParser(description=module.__doc__.splitlines()[0])
    module.add_options(parser)
    parser.add_argument("--out", type=Path, help="write OUT.md and OUT.json too")
    args = parser.parse_args()
    report = module.run(args)
    if args.out:
        report.write(args.out)
    print(report.markdown, end="")
    if report.faults:
        sys.exit("\n".join(report.faults))
