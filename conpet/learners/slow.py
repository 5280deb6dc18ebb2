"""The slow adapter: the mean over tasks of what each has left, for a fitted head to read.

The training goes on from the fast one, the last task's, as if there were no other. The slow one
moves a share 1/t in task t, so that what a head keeps of earlier classes has less to follow. A slow
model beside a fast one: Stojanovski et al. 2022 (arXiv 2211.03186), there an exponential mean in
every step; averaging over tasks: Marouf et al. 2023 (arXiv 2312.08977), who train on from the mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from conpet.models.backbone import Backbone, State

PREFIX = "fast."


class Slow:
    """Puts the slow adapter into the backbone's slot and the fast one back.

    A state's adapter is the slow one: it answers, here and where stock PEFT reads it. The fast one
    stands beside the heads.
    """

    def __init__(self, backbone: Backbone, task: int) -> None:
        self.backbone = backbone
        self.task = task
        #: the fast one while the slow one is in the slot, and the slow one of the task before
        self._fast: State = {}
        self._slow: State = {}

    def resume(self) -> None:
        """Put the fast one in, for the training to go on from; the slow one waits."""
        if self._fast:
            self._slow = self.backbone.state()
            self.backbone.load_state(self._fast)
            self._fast = {}

    def settle(self) -> None:
        """Take what the training has left into the mean, and put the mean in."""
        self._fast = self.backbone.state()
        if self._slow:
            share = 1 / self.task
            self.backbone.load_state(
                {name: self._slow[name].lerp(fast, share) for name, fast in self._fast.items()}
            )

    @contextmanager
    def fast(self) -> Iterator[None]:
        """Have the fast one in the slot for the block, after :meth:`settle`."""
        if not (self._fast and self._slow):
            yield  # there is one adapter, or the training goes on
            return
        slow = self.backbone.state()
        self.backbone.load_state(self._fast)
        try:
            yield
        finally:
            self.backbone.load_state(slow)

    def tensors(self) -> dict[str, Tensor]:
        """Return the fast one, for a state to keep."""
        return {PREFIX + name: tensor for name, tensor in self._fast.items()}

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Take up what :meth:`tensors` gave, out of all that a state keeps.

        Raises:
            KeyError, RuntimeError: a tensor is absent, or of another shape.
        """
        found = {name: (tensors[PREFIX + name], own) for name, own in self.backbone.state().items()}
        for name, (tensor, own) in found.items():
            if tensor.shape != own.shape:
                raise RuntimeError(f"{name} is {tuple(tensor.shape)}, not {tuple(own.shape)}")
        self._fast = {name: tensor for name, (tensor, _) in found.items()}


def fast_of(tensors: dict[str, Tensor]) -> State:
    """Return the fast adapter that a state keeps, nothing where its adapter is the only one."""
    names = [name for name in tensors if name.startswith(PREFIX)]
    return {name.removeprefix(PREFIX): tensors[name] for name in names}
