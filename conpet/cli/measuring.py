"""How fast it is here."""

from __future__ import annotations

import argparse
from pathlib import Path

from conpet.cli.shared import Add
from conpet.errors import UserError

PARTS = ("rates", "machine", "profile", "changes")


def _bench(args: argparse.Namespace) -> None:
    from conpet.bench.report import markdown, write
    from conpet.bench.run import run

    for name in ("batch", "steps", "epochs", "rounds", "threads", "inference_texts"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name.replace('_', '-')} {getattr(args, name)}: 1 or more")
    result = run(
        args.snapshot,
        args.texts,
        args.precision,
        args.only or PARTS,
        args.rounds,
        args.clock,
        batch=args.batch,
        steps=args.steps,
        epochs=args.epochs,
        threads=args.threads,
        texts=args.inference_texts,
    )
    write(result, args.out)
    print(markdown(result), end="")


def add_commands(add: Add) -> None:
    """Add the command that measures."""
    p = add("bench", "measure ours, the plain ways and the machine's limit in turn", _bench)
    p.add_argument("--snapshot", type=Path, nargs="+", required=True, help="model folders")
    p.add_argument("--out", type=Path, default=Path("results/bench"), help="default: results/bench")
    p.add_argument("--texts", nargs="+", default=["long", "short"], choices=["long", "short"])
    p.add_argument(
        "--precision", nargs="+", default=["float32", "auto"],
        choices=["float32", "bfloat16", "auto"],
    )  # fmt: skip
    p.add_argument("--only", nargs="+", choices=PARTS, help="parts (default: all)")
    p.add_argument(
        "--clock", choices=["wall", "cpu"], default="wall",
        help="cpu: this process's processor time, for one thread where other work is running",
    )  # fmt: skip
    for name, value, text in (
        ("rounds", 5, "rounds that count"),
        ("batch", 8, "samples a step"),
        ("steps", 20, "steps an epoch"),
        ("epochs", 3, "epochs a training job"),
        ("threads", 1, "threads"),
        ("inference-texts", 256, "texts that inference is given"),
    ):
        p.add_argument(f"--{name}", type=int, default=value, help=f"{text} (default: {value})")
