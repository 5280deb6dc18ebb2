"""Steps that are recorded once for each shape of batch and then replayed: no Python, no waiting.

An epoch's batches are prepared and brought to the device together. A step is then two copies on
the device and a replay: forward, backward, clipping and the optimiser. Losses stay on the device
and are looked at now and then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from conpet.config.settings import Training
from conpet.models.static import Unfit, row_bucket
from conpet.progress import Progress
from conpet.replay.base import Batches
from conpet.training.engine import Engine, Work
from conpet.training.given import Form, Prepared, packed, unpacked
from conpet.training.history import History, check_finite
from conpet.training.pieces import Pieces
from conpet.training.split import Split

LOOK = 250  # steps between two looks at the losses, each of which waits for the device


class Shape(NamedTuple):
    """Of a batch: the texts that there is room for, and the tokens of its row."""

    texts: int
    row: int


#: a batch without gradient: gradients are zero, and the optimiser goes on
NOTHING = Shape(0, 0)


@dataclass(frozen=True)
class _Step:
    """A recorded step: what it reads, and what takes it."""

    buffer: Tensor
    take: Work


class Recorded:
    """Takes an epoch's steps as :func:`conpet.training.loop.run_epoch` does, up to rounding.

    Where a step cannot be recorded, it and all that follow are taken one kernel after another.

    Raises:
        Unfit: the loss is not in two, or the backbone has no pass of fixed shapes.
    """

    def __init__(
        self,
        engine: Engine,
        loss: Callable[[np.ndarray], Tensor | None],
        parameters: Sequence[nn.Parameter],
        training: Training,
        progress: Progress,
        history: History,
    ) -> None:
        if not isinstance(loss, Split):
            raise Unfit("this learner's loss is not in two, `inputs` and `loss_of`")
        self.loss = loss
        self.passes = loss.backbone.static(loss.stream)
        self.device = loss.backbone.device
        self.engine: Engine | None = engine
        self.optimizer = engine.make_optimizer(parameters, training)
        self.parameters, self.clip_norm = parameters, training.clip_norm
        self.progress, self.history = progress, history
        self._pieces = Pieces(loss, parameters, progress)
        self._steps: dict[Shape, _Step] = {}
        self._most = 0  # texts of a batch, so far
        self._value = torch.zeros((), device=self.device)
        #: whether any batch had a gradient: before that the optimiser has nothing to go on with
        self._begun = False

    def epoch(self, batches: Batches, where: str) -> float:
        """Take one optimiser step per batch; return the mean loss.

        Raises:
            UserError: the loss is not a number any more.
        """
        prepared = [self.loss.prepare(batch) for batch in batches]
        sizes = (len(p.samples) for p in prepared if p is not None)
        self._most = max(self._most, *sizes, 0)
        shapes = [self._shape(p) for p in prepared]
        inputs = self._brought(prepared, shapes)
        values = torch.zeros(len(batches), device=self.device)
        total, looked = 0.0, 0
        for number, (one, shape) in enumerate(zip(prepared, shapes, strict=True)):
            self._take(one, shape, inputs[number])
            values[number].copy_(self._value)
            self.history.steps += 1
            if (number + 1) % LOOK == 0 or number + 1 == len(batches):
                total += self._look(values[looked : number + 1], where)
                looked = number + 1
        check_finite(self.parameters, where)
        return total / max(1, len(batches))

    def _look(self, values: Tensor, where: str) -> float:
        """Note steps' losses and return their sum."""
        total = 0.0
        for value in values.tolist():
            self.history.note(value, where)
            self.progress.step(where, value)
            total += value
        return total

    def _shape(self, prepared: Prepared | None) -> Shape:
        if prepared is None:
            return NOTHING
        tokens = int(self.loss.stream.lengths[prepared.samples].sum())
        return Shape(self._most, row_bucket(tokens))

    def _brought(
        self, prepared: Sequence[Prepared | None], shapes: Sequence[Shape]
    ) -> dict[int, Tensor]:
        """Return each batch's numbers on the device; all of a shape travel together."""
        rows: dict[Shape, list[np.ndarray]] = defaultdict(list)
        places = []
        for one, shape in zip(prepared, shapes, strict=True):
            places.append(len(rows[shape]))
            rows[shape].append(np.zeros(0, np.int64) if one is None else packed(one, shape.texts))
        brought = {s: torch.from_numpy(np.stack(r)).to(self.device) for s, r in rows.items()}
        return {n: brought[s][places[n]] for n, s in enumerate(shapes)}

    # -- steps ------------------------------------------------------------------------------

    def _take(self, prepared: Prepared | None, shape: Shape, inputs: Tensor) -> None:
        """Take a step; leave its loss in ``_value``."""
        if prepared is None and not self._begun:
            self._value.zero_()
            return
        self._begun = True
        if self.engine is not None and shape not in self._steps:
            form = None if prepared is None else prepared.form(shape.texts)
            self._record(self.engine, shape, inputs, form)
        if self.engine is None:
            self._go(lambda: None if prepared is None else self._pieces.backward_of(prepared))
            return
        step = self._steps[shape]
        step.buffer.copy_(inputs)
        step.take()
        if prepared is not None:
            self.loss.backbone.passed.add(len(prepared.samples), shape.row, trained=True)

    def _go(self, backward: Callable[[], Tensor | None]) -> None:
        """Go one step down a loss; where there is none the optimiser goes on by itself.

        Args:
            backward: adds the gradient, and returns the loss.
        """
        self.optimizer.zero_grad(set_to_none=False)
        value = backward()
        if value is None:
            self._value.zero_()
        else:
            self._value.copy_(value.detach())
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
        self.optimizer.step()

    def _record(self, engine: Engine, shape: Shape, inputs: Tensor, form: Form | None) -> None:
        """Record the step of a shape, or give recording up and say why."""
        buffer = inputs.clone()

        def backward() -> Tensor | None:
            if form is None:
                return None
            samples, count, given = unpacked(buffer, form)
            value = self.loss.loss(self.passes(samples, count, shape.row), given)
            value.backward()
            return value

        def work() -> None:
            self._go(backward)

        try:
            taken = engine.record(work, self.parameters, self.optimizer, self.loss.changes)
            self._steps[shape] = _Step(buffer, taken)
        except Exception as error:  # whatever a library does that a recording does not allow
            why = " ".join(str(error).split())[:200]
            if self.passes.compiled is not None:
                self.progress.say(f"layers are not compiled, which is slower: {why}")
                self.passes.compiled = None
                return self._record(engine, shape, inputs, form)
            self.progress.say(f"steps are not recorded, which is slower: {why}")
            self.engine = None
            self._steps.clear()
        return None
