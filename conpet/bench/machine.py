"""The machine's limit: the best matrix-multiplication rate that torch reaches here."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from conpet.bench.measure import Clock
from conpet.bench.setup import Setup
from conpet.bench.steps import Steps

SQUARE = (512, 1024, 2048)
REPEATS = 7


def _rate(m: int, k: int, n: int, dtype: torch.dtype, clock: Clock) -> float:
    """Return the best GFLOP/s of (m, k) @ (k, n) over a few repeats."""
    a, b = torch.randn(m, k).to(dtype), torch.randn(k, n).to(dtype)
    best, times = 0.0, max(1, 2**28 // (m * k * n))
    torch.mm(a, b)
    for _ in range(REPEATS):
        start = clock()
        for _ in range(times):
            torch.mm(a, b)
        best = max(best, times * 2 * m * k * n / max(clock() - start, 1e-9) / 1e9)
    return best


def matmul_rates(setup: Setup, precision: str, clock: Clock) -> dict[str, float]:
    """Return GFLOP/s by shape: squares, and the model's own layers at 400 and 1600 tokens."""
    dtype, c = getattr(torch, precision), setup.config
    d, inner = c["hidden_size"], c["intermediate_size"]
    shapes = [(n, n, n) for n in SQUARE]
    shapes += [(t, *kn) for t in (400, 1600) for kn in ((d, d), (d, inner), (inner, d))]
    torch.set_num_threads(setup.threads)
    return {"x".join(map(str, s)): _rate(*s, dtype, clock) for s in shapes}


def achieved(setup: Setup, rounds: int, clock: Clock) -> dict[str, Any]:
    """Return the GFLOP/s of matrix multiplications in whole training steps of Static ConPET.

    The operations of one step are counted by torch as they pass, LoRA's and rounding included.
    """
    steps = Steps(setup)
    rates: list[float] = []
    flops = 0
    for batch in steps.batches:  # shapes are met for the first time
        counter = FlopCounterMode(display=False)
        with counter:
            steps.step(batch)
        flops += counter.get_total_flops()
    for _ in range(rounds):
        start = clock()
        steps.epoch()
        rates.append(flops / max(clock() - start, 1e-9) / 1e9)
    return {
        "precision": steps.learner.backbone.precision,
        "gflop_a_step": flops / len(steps.batches) / 1e9,
        "gflop_per_second": sorted(rates)[len(rates) // 2], "rounds": rates,
    }  # fmt: skip
