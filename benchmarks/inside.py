"""Why it is as fast as it is: the machine's limit, where a step's time goes, each change alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.library import (
    Setup,
    Steps,
    cut,
    freed_memory_given_back,
    layers_left_to_transformers,
)
from benchmarks.timing import Clock, alternate, whole

SQUARE = (512, 1024, 2048)
REPEATS = 7

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


def _product(into: Any, x: Sequence[int], y: Sequence[int], *_: Any, **__: Any) -> int:
    """Return the operations of into += x (m, k) · y (k, n)."""
    return 2 * x[0] * x[1] * y[1]


def _linear(x: Sequence[int], weight: Sequence[int], *_: Any, **__: Any) -> int:
    """Return the operations of x (m, k) · weight (n, k) turned."""
    return 2 * x[0] * x[1] * weight[0]


#: products that torch's counter does not know
UNKNOWN = {torch.ops.aten.addmm_: _product, torch.ops.mkldnn._linear_pointwise: _linear}
SLOW = {"fast": False}
#: name -> (settings of compute without it, what is other while it runs without it)
CHANGES: dict[str, tuple[dict[str, Any], Callable[[], Any]]] = {
    "fast path": (SLOW, contextlib.nullcontext),
    "layers by hand": ({}, layers_left_to_transformers),
    "freed memory kept": ({}, freed_memory_given_back),
}


def matmul_rate(
    shape: tuple[int, int, int], dtype: torch.dtype, clock: Clock, device: str = "cpu"
) -> float:
    """Return the best FLOP/s of (m, k) @ (k, n) over a few repeats."""
    m, k, n = shape
    a, b = (torch.randn(*s, device=device).to(dtype) for s in ((m, k), (k, n)))
    best, times = 0.0, max(1, 2**28 // (m * k * n))
    torch.mm(a, b)
    for _ in range(REPEATS):
        start = clock()
        for _ in range(times):
            torch.mm(a, b)
        best = max(best, times * 2 * m * k * n / max(clock() - start, 1e-9))
    return best


def matmul_rates(setup: Setup, precision: str, clock: Clock) -> dict[str, float]:
    """Return GFLOP/s by shape: squares, and the model's own layers at 400 and 1600 tokens."""
    dtype, c = getattr(torch, precision), setup.config
    d, inner = c["hidden_size"], c["intermediate_size"]
    shapes = [(n, n, n) for n in SQUARE]
    shapes += [(t, *kn) for t in (400, 1600) for kn in ((d, d), (d, inner), (inner, d))]
    return {"x".join(map(str, s)): matmul_rate(s, dtype, clock) / 1e9 for s in shapes}


def achieved(setup: Setup, rounds: int, clock: Clock) -> dict[str, Any]:
    """Return the GFLOP/s of matrix multiplications in whole training steps of Static ConPET.

    The operations of one step are counted by torch as they pass, LoRA's and rounding included.
    """
    steps = Steps(setup)
    counter = FlopCounterMode(display=False, custom_mapping=UNKNOWN)
    with counter:  # shapes are met for the first time
        steps.epoch()
    gflop = counter.get_total_flops() / 1e9
    work = whole("", 1, steps.epoch)
    rates = [gflop * v for v in alternate([work], rounds, clock, warm_up=False).values[""]]
    return {
        "precision": steps.learner.backbone.precision,
        "gflop_a_step": gflop / len(steps.batches),
        "gflop_per_second": float(np.median(rates)),
        "rounds": rates,
    }


def kind_of(operation: str) -> str:
    """Return the kind of work of an operation of torch, such as ``aten::addmm``."""
    name = operation.removeprefix("aten::").removeprefix("mkldnn::")
    if name == operation:
        return REST
    return next((k for k, words in KINDS.items() if any(w in name for w in words)), REST)


def step_profile(setup: Setup) -> dict[str, float]:
    """Return each kind's share of the time of Static ConPET's training steps, shapes met before.

    An operation's own time counts, without those it calls; the profiler's own cost falls on
    dispatch for the most part.
    """
    steps = Steps(setup)
    steps.epoch()
    with profile(activities=[ProfilerActivity.CPU]) as measured:
        steps.epoch()
    times = dict.fromkeys([*KINDS, REST], 0.0)
    for event in measured.key_averages():
        times[kind_of(event.key)] += event.self_cpu_time_total
    total = sum(times.values())
    return {kind: value / total for kind, value in times.items()}


def _against(
    on: Callable[[], Any], off: Callable[[], Any], found: Any, rounds: int, clock: Clock
) -> dict[str, float]:
    """Time both in turn; ``found`` is what each computes."""
    rates = alternate([whole("on", 1, on), whole("off", 1, off)], rounds, clock)
    ours, other = found
    return {**rates.ratio("on", "off"), "difference": float((ours - other).norm() / other.norm())}


def training_changes(setup: Setup, rounds: int, clock: Clock) -> dict[str, Any]:
    """Return each change's ratio on/off in training steps, and how far results differ.

    ``difference`` is the norm of the difference of a batch's representations and gradients over
    their norm.
    """
    found = {}
    for name, (compute, running) in CHANGES.items():
        on, off = Steps(setup), Steps(setup.but(compute=compute))

        def without(off: Steps = off, running: Callable[[], Any] = running) -> None:
            with running():
                off.epoch()

        with running():
            differs = off.gradients()
        both = on.gradients(), differs
        found[name] = _against(on.epoch, without, both, rounds, clock)
    return found


def sorted_evaluation(
    setup: Setup, indices: np.ndarray, rounds: int, clock: Clock
) -> dict[str, Any]:
    """Return the same of evaluation in batches of similar lengths, without padding and with it."""
    found = {}
    batches = cut(indices, setup.settings.compute.eval_batch_size)
    for name, compute in (("", {}), (" (padded batches)", SLOW)):
        body = setup.but(compute=compute).backbone()

        @torch.no_grad()
        def unsorted(body: Any = body) -> torch.Tensor:
            return torch.cat([body.hidden(setup.stream, batch) for batch in batches])

        def in_order(body: Any = body) -> torch.Tensor:
            return body.features(setup.stream, indices)

        both = in_order(), unsorted()
        found[f"evaluation sorted by length{name}"] = _against(
            in_order, unsorted, both, rounds, clock
        )
    return found
