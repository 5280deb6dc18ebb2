"""Where a recorded step's time goes on a card: its kernels by kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

#: kind of work -> words in a kernel's name; the first that fits counts
KINDS = {
    "attention": ("flash", "fmha", "attention"),  # their names have `cutlass` in them too
    "matrix products": ("gemm", "nvjet", "cutlass", "gemv", "splitk"),
    "compiled layers": ("triton",),
    "optimiser": ("adam", "multi_tensor"),
    "norms and sums": ("layer_norm", "reduce", "softmax"),
    "copies and gathers": ("memcpy", "memset", "copy", "index", "gather", "cat"),
}
REST = "other elementwise"
SHOWN = 12  # kernels by name


def kind_of(kernel: str) -> str:
    """Return the kind of work of a kernel by its name."""
    name = kernel.lower()
    return next((k for k, words in KINDS.items() if any(w in name for w in words)), REST)


def profile_steps(work: Callable[[], Any], steps: int) -> dict[str, Any]:
    """Return a step's kernels, milliseconds by kind, and the kernels that take most.

    Args:
        work: takes so many steps; its shapes were met before.
    """
    with profile(activities=[ProfilerActivity.CUDA]) as measured:
        work()
        torch.cuda.synchronize()
    kinds = dict.fromkeys([*KINDS, REST], 0.0)
    rows = []
    for event in measured.key_averages():
        milliseconds = event.self_device_time_total / 1000 / steps
        if milliseconds:
            kinds[kind_of(event.key)] += milliseconds
            rows.append((milliseconds, event.count / steps, event.key[:100]))
    rows.sort(reverse=True)
    return {
        "kernels": sum(count for _, count, _ in rows), "milliseconds": kinds, "most": rows[:SHOWN],
    }  # fmt: skip
