"""Where a training step's time goes, by torch's profiler."""

from __future__ import annotations

from typing import Any

from torch.profiler import ProfilerActivity, profile

from conpet.bench.setup import Setup
from conpet.bench.steps import Steps

#: kind of work -> words in an operation's name; the first that fits counts
KINDS = {
    "matrix products": ("mm", "linear", "matmul"),
    "GELU and other activations": ("gelu", "silu", "sigmoid", "tanh"),
    "softmax": ("softmax",),
    "norms": ("layer_norm", "rms", "rsqrt"),
    "copies and gathers": ("copy", "index", "cat", "fill", "zero", "embedding", "clone"),
    "sums and other elementwise": ("add", "mul", "sub", "div", "foreach", "sum", "neg", "mean"),
}
REST = "dispatch, Python and the rest"


def kind_of(operation: str) -> str:
    """Return the kind of work of an operation of torch, such as ``aten::addmm``."""
    name = operation.removeprefix("aten::")
    if name == operation:
        return REST
    return next((k for k, words in KINDS.items() if any(w in name for w in words)), REST)


def step_profile(setup: Setup) -> dict[str, Any]:
    """Return each kind's share of the time of Static ConPET's training steps, shapes met before.

    An operation's own time counts, without those it calls; the profiler's own cost falls on
    dispatch for the most part.
    """
    steps = Steps(setup)
    steps.epoch()
    with profile(activities=[ProfilerActivity.CPU]) as measured:
        steps.epoch()
    shares = dict.fromkeys([*KINDS, REST], 0.0)
    for event in measured.key_averages():
        shares[kind_of(event.key)] += event.self_cpu_time_total
    total = sum(shares.values())
    return {
        "milliseconds_a_step": total / len(steps.batches) / 1e3,
        "shares": {kind: value / total for kind, value in shares.items()},
    }
