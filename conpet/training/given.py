"""What a batch gives a loss: as many rows as it has, or as many as a recorded step has room for.

A loss that is written on :class:`Given` computes both. As it comes, a batch's tensors have a row
per sample. In a recorded step every tensor has the same number of rows, whatever the batch: those
that are too many repeat a row that is there, and count for nothing in :meth:`Rows.mean` and
:meth:`Rows.sum`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

#: a reduction of torch's ("mean", "sum", "none") -> a loss of it, (n,) with "none"
Reduced = Callable[[str], Tensor]


@dataclass(frozen=True)
class Prepared:
    """What the host makes of a batch: numbers alone, and nothing that training changes.

    Attributes:
        samples: those that pass the model, in the order of its rows.
        size: how many samples the batch has, those included that need not pass.
        arrays: whole numbers that the loss needs, by name: at most as many as ``samples``, and the
            same names for every batch.
        rooms: by the name of an array that may be longer, how long at most; the same for every
            batch.
    """

    samples: np.ndarray
    size: int
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    rooms: dict[str, int] = field(default_factory=dict)

    def form(self, rows: int) -> Form:
        """Return where each array stands once it is packed, the samples first."""
        return Form(rows, tuple((name, self.rooms.get(name, rows)) for name in sorted(self.arrays)))


class Form(NamedTuple):
    """How a batch is packed: room for its samples, and (name, room) of each array, in order."""

    rows: int
    arrays: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Rows:
    """Which of a tensor's rows count: all of them, or the first ``count``.

    Attributes:
        count: how many count; a tensor in a recorded step.
        mask: 1 where a row counts and 0 where not, (n,); None: all do.
    """

    count: int | Tensor
    mask: Tensor | None = None

    def mean(self, loss: Reduced) -> Tensor:
        """Return a loss's mean over the rows that count."""
        if self.mask is None:
            return loss("mean")
        return self.sum(loss) / self._least_one()

    def sum(self, loss: Reduced) -> Tensor:
        """Return a loss's sum over the rows that count."""
        if self.mask is None:
            return loss("sum")
        return (loss("none") * self.mask).sum()

    def _least_one(self) -> Tensor:
        assert isinstance(self.count, Tensor)
        return self.count.clamp(min=1)

    @property
    def empty(self) -> bool:
        """Whether no row counts for certain; a recorded step cannot look, and computes zeros."""
        return self.mask is None and not int(self.count)


class Given:
    """A batch's tensors by name, on the device.

    Attributes:
        size: how many samples the batch has; a tensor in a recorded step.
    """

    def __init__(
        self, tensors: dict[str, Tensor], size: int | Tensor, rows: dict[str, Rows]
    ) -> None:
        self._tensors = tensors
        self._rows = rows
        self.size = size

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def rows(self, name: str) -> Rows:
        """Return which rows of a tensor count."""
        return self._rows[name]


def as_it_comes(prepared: Prepared, device: torch.device) -> Given:
    """Return a batch with as many rows as it has."""
    arrays = prepared.arrays.items()
    tensors = {name: torch.from_numpy(array).to(device) for name, array in arrays}
    rows = {name: Rows(len(array)) for name, array in arrays}
    return Given(tensors, prepared.size, rows)


def packed(prepared: Prepared, rows: int) -> np.ndarray:
    """Return a batch as one row of whole numbers, whose length depends on its form alone.

    First the samples, then each array in the order of its name, filled up to its room with what
    comes first in it (so that what is computed of them is some number); then ``size``, and how many
    of the samples and of each array are its own.
    """
    form = prepared.form(rows)
    arrays = [prepared.samples, *(prepared.arrays[name] for name, _ in form.arrays)]
    filled = []
    for room, array in zip((rows, *(room for _, room in form.arrays)), arrays, strict=True):
        filled.append(np.full(room, array[0] if len(array) else 0, np.int64))
        filled[-1][: len(array)] = array
    counts = [prepared.size, *(len(array) for array in arrays)]
    return np.concatenate([*filled, np.array(counts, np.int64)])


def unpacked(packed_row: Tensor, form: Form) -> tuple[Tensor, Tensor, Given]:
    """Return what :func:`packed` put in: samples (rows,), how many pass, what the loss is given.

    Everything is a view of the row or computed from it: a recorded step reads what the row holds
    when it is replayed.
    """
    rooms = [form.rows, *(room for _, room in form.arrays)]
    samples, *parts = packed_row[: sum(rooms)].split(rooms)
    counts = packed_row[sum(rooms) :].to(torch.float32)
    tensors, held = {}, {}
    for (name, room), part, count in zip(form.arrays, parts, counts[2:], strict=True):
        places = torch.arange(room, device=packed_row.device)
        tensors[name] = part
        held[name] = Rows(count, (places < count).to(torch.float32))
    return samples, counts[1], Given(tensors, counts[0], held)
