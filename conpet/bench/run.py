"""The whole of `conpet bench`."""

from __future__ import annotations

import dataclasses
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from conpet.bench import changes, machine, ours, peers, profile
from conpet.bench.measure import CLOCKS, Clock, Contender, alternate
from conpet.bench.setup import Setup
from conpet.errors import UserError
from conpet.models.device import has_bfloat16
from conpet.models.process import prepare_process

Maker = Callable[[Setup], Contender]
#: what is measured -> who takes part
MEASURES: dict[str, tuple[Maker, ...]] = {
    "static training": (ours.static, peers.hf_training, peers.naive_static),
    "Dynamic training": (ours.dynamic, peers.naive_dynamic),
    "inference, one adapter": (
        lambda s: ours.inference(s, "linear"),
        lambda s: peers.hf_inference(s, experts=False),
        lambda s: peers.naive_inference(s, experts=False),
    ),
    "inference, ten experts": (
        lambda s: ours.inference(s, "experts"),
        lambda s: peers.hf_inference(s, experts=True),
        lambda s: peers.naive_inference(s, experts=True),
    ),
}


def _about(setup: Setup, clock: str) -> dict[str, Any]:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processors": os.cpu_count(), "load_at_start": load, "clock": clock,
        "bfloat16_hardware": has_bfloat16(torch.device("cpu")), "architecture": platform.machine(),
        "python": platform.python_version(), "torch": torch.__version__,
        "threads": setup.threads, "batch": setup.batch, "steps": setup.steps,
        "epochs": setup.epochs, "texts": setup.texts,
    }  # fmt: skip


def _say(text: str) -> None:
    if os.environ.get("CONPET_PROGRESS") != "0":
        print(f"bench: {text}", file=sys.stderr, flush=True)


def _share(setup: Setup, rates: dict[str, dict[str, float]], rounds: int, clock: Clock) -> Any:
    found = {}
    for batch in (8, 32):
        value = machine.achieved(dataclasses.replace(setup, batch=batch), rounds, clock)
        best = max(rates[value["precision"]].values())
        found[f"batch {batch}"] = {**value, "share": value["gflop_per_second"] / best}
    return found


def run(
    snapshots: Sequence[Path],
    kinds: Sequence[str],
    precisions: Sequence[str],
    parts: Sequence[str],
    rounds: int,
    clock: str,
    **sizes: int,
) -> dict[str, Any]:
    """Measure all that is asked for.

    Args:
        parts: some of ``rates``, ``machine``, ``profile`` and ``changes``.
        sizes: batch, steps, epochs, threads and texts, as :class:`Setup` has them.
    """
    if len({s.name for s in snapshots}) < len(snapshots):
        raise UserError("--snapshot: two folders of one name: a model is called by its folder's")
    tick = CLOCKS[clock]
    first = Setup(snapshots[0], kinds[0], precisions[0], **sizes)
    prepare_process(first.settings().compute)
    result: dict[str, Any] = {"about": {**_about(first, clock), "rounds": rounds}}
    for snapshot in snapshots:
        model: dict[str, Any] = {}
        matmul: dict[str, dict[str, float]] = {}
        if "machine" in parts:
            _say(f"{snapshot.name}: matrix multiplications")
            sized = Setup(snapshot, kinds[0], precisions[0], **sizes)
            matmul = {p: machine.matmul_rates(sized, p, tick) for p in ("float32", "bfloat16")}
            model["matmul_gflop_per_second"] = matmul
        for precision in precisions:
            for kind in kinds:
                setup = Setup(snapshot, kind, precision, **sizes)
                name = f"{snapshot.name}, {kind} texts, {precision}"
                cell: dict[str, Any] = {}
                if "rates" in parts:
                    cell["rates"] = {}
                    for measure, makers in MEASURES.items():
                        _say(f"{name}: {measure}")
                        rates = alternate([make(setup) for make in makers], rounds, tick)
                        cell["rates"][measure] = rates.as_dict(ours.NAME)
                if "machine" in parts:
                    _say(f"{name}: share of the matrix-multiplication rate")
                    cell["share"] = _share(setup, matmul, rounds, tick)
                if "profile" in parts:
                    _say(f"{name}: where a step's time goes")
                    cell["profile"] = profile.step_profile(setup)
                if "changes" in parts:
                    _say(f"{name}: each change alone")
                    cell["changes"] = {
                        **changes.training_changes(setup, rounds, tick),
                        **changes.sorted_evaluation(setup, rounds, tick),
                    }
                model[f"{kind}, {precision}"] = cell
        result[snapshot.name] = model
    return result
