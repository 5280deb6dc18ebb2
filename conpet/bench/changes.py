"""Each thing that makes ours faster, measured alone: with it and without, same results or not."""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
import torch

from conpet.bench.measure import Clock, Contender, alternate, timed
from conpet.bench.setup import Setup
from conpet.bench.steps import Steps
from conpet.models import backbone, packing
from conpet.models.allocation import keep_freed_memory
from conpet.models.unpadded import Unpadded

Switch = Callable[[], Any]
_GLIBC_DEFAULT = 128 * 1024  # bytes


@contextlib.contextmanager
def _memory_given_back() -> Iterator[None]:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(-3, _GLIBC_DEFAULT)
        mallopt(-1, _GLIBC_DEFAULT)
    try:
        yield
    finally:
        keep_freed_memory()


@contextlib.contextmanager
def _shapes_as_they_come() -> Iterator[None]:
    with mock.patch.object(packing, "ROW_STEP", 1), mock.patch.object(packing, "BLOCK_STEP", 1):
        yield


def _one_group() -> Any:
    each = packing.block_lengths
    return mock.patch.object(packing, "block_lengths", lambda n: np.full_like(n, each(n).max()))


def _whole_last_layer() -> Any:
    whole = functools.partial(Unpadded, narrow=False)
    return mock.patch.object(backbone, "Unpadded", lambda model, narrow: whole(model))


def _padded() -> Any:
    return mock.patch.object(backbone, "suits", lambda *_: False)


def _peft_lora() -> Any:
    return mock.patch.object(backbone, "fuse", lambda *_: 0)


#: name -> (what is other when the backbone is made, what is other while it runs)
CHANGES: dict[str, tuple[Switch, Switch]] = {
    "no padding": (_padded, contextlib.nullcontext),
    "attention in groups": (contextlib.nullcontext, _one_group),
    "last layer at read positions": (_whole_last_layer, contextlib.nullcontext),
    "LoRA in one step": (_peft_lora, contextlib.nullcontext),
    "shapes that repeat": (contextlib.nullcontext, _shapes_as_they_come),
    "freed memory kept": (contextlib.nullcontext, _memory_given_back),
}


class _Switched:
    def __init__(self, setup: Setup, made: Switch, running: Switch) -> None:
        with made():
            self.steps = Steps(setup)
        self.running = running

    def gradients(self) -> torch.Tensor:
        """Return the first batch's representations and gradients, one row."""
        learner, batch = self.steps.learner, self.steps.batches[0]
        with self.running():
            hidden = learner.backbone.hidden(learner.stream, batch)
            learner.loss(batch).backward()
        found = [p.grad.flatten() for p in learner.parameters() if p.grad is not None]
        self.steps.optimizer.zero_grad()
        return torch.cat([hidden.detach().flatten(), *found])

    def epoch(self) -> None:
        """Take the plan's steps once."""
        with self.running():
            self.steps.epoch()


def _difference(ours: torch.Tensor, other: torch.Tensor) -> float:
    return float((ours - other).norm() / other.norm())


def training_changes(setup: Setup, rounds: int, clock: Clock) -> dict[str, Any]:
    """Return each change's ratio on/off in training steps, and how far results differ.

    ``difference`` is the norm of the difference of a batch's representations and gradients over
    their norm.
    """
    found = {}
    for name, (made, running) in CHANGES.items():
        on = _Switched(setup, contextlib.nullcontext, contextlib.nullcontext)
        off = _Switched(setup, made, running)
        difference = _difference(on.gradients(), off.gradients())
        samples = setup.batch * setup.steps
        rates = alternate(
            [
                Contender("on", timed(samples, on.epoch)),
                Contender("off", timed(samples, off.epoch)),
            ],
            rounds,
            clock,
        )
        found[name] = {**rates.ratio("on", "off"), "difference": difference}
    return found


def sorted_evaluation(setup: Setup, rounds: int, clock: Clock) -> dict[str, Any]:
    """Return the same of evaluation in batches of similar lengths, without padding and with it."""
    found = {}
    for name, made in (("", contextlib.nullcontext), (" (padded batches)", _padded)):
        with made():
            body = setup.backbone()

        @torch.no_grad()
        def unsorted(body: backbone.Backbone = body) -> torch.Tensor:
            parts = [body.hidden(setup.stream, b) for b in setup.eval_batches(lambda i: i)]
            return torch.cat(parts)

        def in_order(body: backbone.Backbone = body) -> torch.Tensor:
            return body.features(setup.stream, setup.tested)

        difference = _difference(in_order(), unsorted())
        contenders = [
            Contender("on", timed(len(setup.tested), in_order)),
            Contender("off", timed(len(setup.tested), unsorted)),
        ]
        rates = alternate(contenders, rounds, clock)
        found[f"evaluation sorted by length{name}"] = {
            **rates.ratio("on", "off"), "difference": difference
        }  # fmt: skip
    return found
