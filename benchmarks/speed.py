"""How fast it is: ours, the plain ways and the machine's limit in turn (docs/performance.md)."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import inside, plain
from benchmarks.library import (
    SEED,
    Setup,
    dynamic_job,
    has_bfloat16,
    inference,
    prepare_process,
    static_job,
)
from benchmarks.report import Report, counts, spread, table
from benchmarks.texts import LENGTHS, make_stream
from benchmarks.timing import CLOCKS, Clock, Contender, alternate, whole
from conpet.errors import UserError

PARTS = ("rates", "machine", "profile", "changes")
PEERS = ("peer_hf", "peer_naive")
#: what is measured -> who takes part, of a setup and the texts that inference is given
MEASURES: dict[str, Callable[[Setup, np.ndarray], list[Contender]]] = {
    "static training": lambda s, _: [
        whole("ours", s.samples, static_job(s)), plain.hf_training(s), plain.naive_static(s),
    ],
    "Dynamic training": lambda s, _: [
        whole("ours", s.samples, dynamic_job(s)), plain.naive_dynamic(s),
    ],
    "inference, one adapter": lambda s, texts: _inference(s, False, texts),
    "inference, ten experts": lambda s, texts: _inference(s, True, texts),
}  # fmt: skip


def _inference(setup: Setup, experts: bool, texts: np.ndarray) -> list[Contender]:
    return [
        whole("ours", len(texts), inference(setup, experts, texts)),
        plain.hf_inference(setup, experts, texts),
        plain.naive_inference(setup, experts, texts),
    ]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be asked for."""
    parser.add_argument("--snapshot", type=Path, nargs="+", required=True, help="model folders")
    parser.add_argument("--texts", nargs="+", default=["long", "short"], choices=list(LENGTHS))
    parser.add_argument(
        "--precision", nargs="+", default=["float32", "auto"],
        choices=["float32", "bfloat16", "auto"],
    )  # fmt: skip
    parser.add_argument("--only", nargs="+", default=PARTS, choices=PARTS, help="default: all")
    parser.add_argument(
        "--clock", choices=list(CLOCKS), default="wall",
        help="cpu: this process's processor time, for one thread where other work is running",
    )  # fmt: skip
    counts(
        parser,
        rounds=(5, "rounds that count"),
        batch=(8, "samples a step"),
        steps=(20, "steps an epoch"),
        epochs=(3, "epochs a training job"),
        threads=(1, "threads"),
        inference_texts=(256, "texts that inference is given"),
    )


def _setup(args: argparse.Namespace, snapshot: Path, kind: str, precision: str) -> Setup:
    """Return what to measure: no validation worth measuring, every batch half new, half old."""
    return Setup(snapshot, make_stream(kind, snapshot)).but(
        training={"epochs": args.epochs, "batch_size": args.batch},
        replay={"batches": args.steps, "train_share": 1.0, "valid_batch_size": 2},
        compute={"precision": precision, "threads": args.threads, "device": "cpu"},
    )


def _about(args: argparse.Namespace) -> dict[str, Any]:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processors": os.cpu_count(), "load_at_start": load, "clock": args.clock,
        "bfloat16_hardware": has_bfloat16(torch.device("cpu")), "architecture": platform.machine(),
        "python": platform.python_version(), "torch": torch.__version__,
        "threads": args.threads, "batch": args.batch, "steps": args.steps,
        "epochs": args.epochs, "texts": args.inference_texts, "rounds": args.rounds,
    }  # fmt: skip


def _share(
    setup: Setup, matmul: dict[str, dict[str, float]], rounds: int, clock: Clock
) -> dict[str, Any]:
    found = {}
    for size in (8, 32):
        value = inside.achieved(setup.but(training={"batch_size": size}), rounds, clock)
        best = max(matmul[value["precision"]].values())
        found[f"batch {size}"] = {**value, "share": value["gflop_per_second"] / best}
    return found


def _cell(
    args: argparse.Namespace, setup: Setup, matmul: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """Measure the parts asked for of one model, kind of text and precision."""
    clock, rounds = CLOCKS[args.clock], args.rounds
    tested = setup.stream.of("test", range(1, setup.stream.tasks + 1))
    texts = np.random.default_rng(SEED).permutation(tested)[: args.inference_texts]
    cell: dict[str, Any] = {}
    if "rates" in args.only:
        cell["rates"] = {
            name: alternate(make(setup, texts), rounds, clock).as_dict("ours")
            for name, make in MEASURES.items()
        }
    if "machine" in args.only:
        cell["share"] = _share(setup, matmul, rounds, clock)
    if "profile" in args.only:
        cell["profile"] = inside.step_profile(setup)
    if "changes" in args.only:
        cell["changes"] = {
            **inside.training_changes(setup, rounds, clock),
            **inside.sorted_evaluation(setup, texts, rounds, clock),
        }
    return cell


def run(args: argparse.Namespace) -> Report:
    """Measure all that is asked for.

    Raises:
        UserError: two models of one name, or batches too small to be half new, half old.
    """
    if len({s.name for s in args.snapshot}) < len(args.snapshot):
        raise UserError("--snapshot: two folders of one name: a model is called by its folder's")
    if args.batch < 2 or args.steps < 2:
        raise UserError("--batch and --steps: 2 or more")
    result: dict[str, Any] = {"about": _about(args)}
    for snapshot in args.snapshot:
        model: dict[str, Any] = {}
        matmul: dict[str, dict[str, float]] = {}
        for precision in args.precision:
            for kind in args.texts:
                print(f"{snapshot.name}, {kind} texts, {precision}", file=sys.stderr, flush=True)
                setup = _setup(args, snapshot, kind, precision)
                prepare_process(setup.settings.compute)
                if "machine" in args.only and not matmul:
                    clock = CLOCKS[args.clock]
                    for known in _number_types(args.precision):
                        matmul[known] = inside.matmul_rates(setup, known, clock)
                    model["matmul_gflop_per_second"] = matmul
                model[f"{kind}, {precision}"] = _cell(args, setup, matmul)
        result[snapshot.name] = model
    return Report(markdown(result), result)


def _number_types(precision: Sequence[str]) -> list[str]:
    """Return the number types whose matrix products are measured.

    bfloat16 where steps are held against it: a processor without it takes minutes for a product.
    """
    multiplied = has_bfloat16(torch.device("cpu")) or "bfloat16" in precision
    return ["float32", *(["bfloat16"] if multiplied else [])]


# -- what is said of it -------------------------------------------------------------------------


def _rates(rates: dict[str, Any]) -> str:
    rows = []
    for measure, found in rates.items():
        said = ", ".join(f"{n} {v:.0f}" for n, v in found["samples_per_second"].items())
        ratios = found["ratios"]
        rows.append([measure, said, *(spread(ratios[p]) if p in ratios else "–" for p in PEERS)])
    return table(["measure", "samples per second", *(f"ours to {peer}" for peer in PEERS)], rows)


def _shares(share: dict[str, Any]) -> str:
    rows = (
        [name, f["precision"], f"{f['gflop_a_step']:.1f}", f"{f['gflop_per_second']:.0f}",
         f"{100 * f['share']:.0f} %"]
        for name, f in share.items()
    )  # fmt: skip
    columns = ["training step", "precision", "GFLOP", "GFLOP/s", "of the best matmul rate"]
    return table(columns, rows)


def _profile(profile: dict[str, float]) -> str:
    rows = ([kind, f"{100 * share:.0f} %"] for kind, share in profile.items())
    return table(["kind of work", "of a training step's time"], rows)


def _changes(changes: dict[str, Any]) -> str:
    rows = ([name, spread(f), f"{f['difference']:.1e}"] for name, f in changes.items())
    return table(["change", "ratio with / without", "results differ by"], rows)


def _matmul(matmul: dict[str, dict[str, float]]) -> str:
    shapes = next(iter(matmul.values()))
    rows = ([s, *(f"{rates[s]:.0f}" for rates in matmul.values())] for s in shapes)
    return table(["shape", *matmul], rows)


SAY = {"rates": _rates, "share": _shares, "profile": _profile, "changes": _changes}


def markdown(result: dict[str, Any]) -> str:
    """Return the tables; ratios are medians with the least and the most over the rounds."""
    about = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in result["about"].items())
    parts = [f"Measured with: {about}.\n"]
    for model, cells in ((m, c) for m, c in result.items() if m != "about"):
        for name, cell in cells.items():
            if name == "matmul_gflop_per_second":
                parts += [f"### {model}: matrix multiplications, GFLOP/s\n", _matmul(cell)]
            else:
                parts += [f"### {model}: {name}\n", *(SAY[part](cell[part]) for part in cell)]
    return "\n".join(parts)
