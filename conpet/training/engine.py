"""What records a step, so that it can be taken again without Python: CUDA graphs, where there are.

A step is thousands of small kernels, which Python launches more slowly than a card computes them. A
recorded step is one launch. Its tensors stay where they are: what changes from step to step is
written into them before it is replayed.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from conpet.config.settings import Compute, Training
from conpet.training.optimizer import make_optimizer

Work = Callable[[], None]
#: the optimiser's numbers of one parameter, by name
State = dict[tuple[int, str], Tensor]


class Engine(ABC):
    """Records work. What is recorded is left undone: only a replay has an effect.

    Attributes:
        recorded: how often it did.
    """

    recorded = 0

    def make_optimizer(
        self, parameters: Sequence[nn.Parameter], training: Training
    ) -> torch.optim.Optimizer:
        """Return the optimiser whose steps can be recorded."""
        return make_optimizer(parameters, training)

    def record(
        self,
        work: Work,
        parameters: Sequence[nn.Parameter],
        optimizer: torch.optim.Optimizer,
        changes: Sequence[Tensor] = (),
    ) -> Work:
        """Return what does ``work`` again and again.

        Work is done some times first, for libraries to choose their ways and gradients to get
        their places. Then weights, optimiser and what else the work ``changes`` are put back as
        they were, to the bit.

        Raises:
            RuntimeError: it cannot be recorded; weights and optimiser are as they were.
        """
        changed = [*parameters, *changes]
        weights = [p.detach().clone() for p in changed]
        numbers = {at: tensor.clone() for at, tensor in _numbers(optimizer).items()}
        try:
            self.warm_up(work)
        finally:
            with torch.no_grad():
                for parameter, weight in zip(changed, weights, strict=True):
                    parameter.copy_(weight)
                for at, tensor in _numbers(optimizer).items():
                    # what came with the first step began as zero
                    tensor.copy_(numbers.get(at, torch.zeros_like(tensor)))
        replay = self.capture(work)
        self.recorded += 1
        return replay

    def record_pass(self, work: Work, fills: Sequence[Tensor]) -> Work:
        """Return the same where work changes nothing but ``fills``, which are put back."""
        before = [tensor.clone() for tensor in fills]
        try:
            self.warm_up(work)
        finally:
            for tensor, value in zip(fills, before, strict=True):
                tensor.copy_(value)
        replay = self.capture(work)
        self.recorded += 1
        return replay

    @abstractmethod
    def warm_up(self, work: Work) -> None:
        """Do work some times."""

    @abstractmethod
    def capture(self, work: Work) -> Work:
        """Return what does work again, on the same tensors."""


def _numbers(optimizer: torch.optim.Optimizer) -> State:
    """Return an optimiser's state: (place of the parameter, name) -> tensor."""
    places = {id(p): i for i, p in enumerate(_parameters(optimizer))}
    state: dict[Any, dict[str, Any]] = optimizer.state
    return {
        (places[id(parameter)], name): tensor
        for parameter, own in state.items()
        for name, tensor in own.items()
        if isinstance(tensor, Tensor)
    }


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


class CudaGraphs(Engine):
    """CUDA graphs, whose intermediate results share one pool of memory.

    They may: no graph's results are needed once another is replayed.
    """

    def __init__(self, device: torch.device) -> None:
        self.stream = torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()

    def make_optimizer(
        self, parameters: Sequence[nn.Parameter], training: Training
    ) -> torch.optim.Optimizer:
        """Return AdamW in one kernel, its step number on the card."""
        return make_optimizer(parameters, training, capturable=True)

    def warm_up(self, work: Work) -> None:
        """Do work on the stream that it is recorded on; the second time the host must not wait.

        What makes it wait cannot be recorded. It is found out here, as an attempt that fails
        leaves the card's memory pool unusable.
        """
        now = torch.cuda.current_stream()
        self.stream.wait_stream(now)
        mode = torch.cuda.get_sync_debug_mode()
        try:
            with torch.cuda.stream(self.stream):
                work()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # that it may miss some
                    torch.cuda.set_sync_debug_mode("error")
                work()
        finally:
            torch.cuda.set_sync_debug_mode(mode)
            now.wait_stream(self.stream)

    def capture(self, work: Work) -> Work:
        """Record work."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
            work()
        return graph.replay


def choose_engine(compute: Compute, device: torch.device) -> Engine | None:
    """Return what records steps, or None where each is taken by Python."""
    if device.type == "cuda" and compute.graphs != "off":
        return CudaGraphs(device)
    return None
