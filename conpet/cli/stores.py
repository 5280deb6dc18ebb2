"""MLflow stores looked at and compared."""

from __future__ import annotations

import argparse

from conpet.cli.publishing import store_options
from conpet.cli.shared import Add, paths
from conpet.errors import UserError


def _ui(args: argparse.Namespace) -> None:
    import subprocess

    from conpet.tracking import ui_command, ui_pages

    command = ui_command(args.store, args.artifacts, args.port)
    pages = ui_pages(args.store, args.port)
    print(f"MLflow at http://127.0.0.1:{args.port} (stop with Ctrl-C)")
    for name, address in pages.items():
        print(f"  {name}: {address}")
    print(end="", flush=True)
    try:
        subprocess.run(command, check=True)
    except KeyboardInterrupt:
        print("stopped")
    except subprocess.CalledProcessError as error:
        raise UserError(f"MLflow ended with status {error.returncode}: see above") from None


def _diff_stores(args: argparse.Namespace) -> None:
    from conpet.tracking.inventory import differences

    lines = differences(args.a, args.b)
    print("\n".join(lines) if lines else "identical")
    if lines:
        raise SystemExit(1)


def _dump_store(args: argparse.Namespace) -> None:
    from conpet.tracking.inventory import dump

    print(f"{args.out}: {dump(args.store, args.out):,} things")


def add_commands(add: Add) -> None:
    """Add the commands about stores."""
    p = add("ui", "open MLflow's pages on this machine", _ui)
    store_options(p)
    p.add_argument("--port", type=int, default=5000, help="default: 5000")
    p = add("diff-stores", "compare all that two MLflow stores hold, but for ids", _diff_stores)
    p.add_argument("a", help="a store, as sqlite:///results/mlflow.db, or a dump-store's .json")
    p.add_argument("b")
    p = add("dump-store", "write all that an MLflow store holds, but for ids, as JSON", _dump_store)
    store_options(p)
    paths(p, out="file to write, .json")
