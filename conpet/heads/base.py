"""What every head is: trained with the task, or fitted after it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from conpet.config.strict import Strict
from conpet.seeds import derive

Array = NDArray[np.float64]
UNSEEN_BELOW = 50.0  # e^-50: what is left to a class without a sample


class Trained(nn.Module, ABC):
    """A row of weights per class, trained with the task, (n, width) -> (n, rows).

    A new row's first weights depend on the seed and its place only, so a head grown task by task
    equals one that was made large enough at once. ``bias`` has no entry where a head has none.
    """

    Options: ClassVar[type[Strict]] = Strict
    fitted: ClassVar[bool] = False
    has_bias: ClassVar[bool] = True

    def __init__(self, width: int, rows: int, seed: int, options: Any = None) -> None:
        super().__init__()
        self.seed = seed
        self.options: Any = options or self.Options()
        self.held: dict[str, Tensor] = {}
        self.weight = nn.Parameter(torch.empty(0, width))
        if self.has_bias:
            self.bias = nn.Parameter(torch.empty(0))
        self.grow(rows)

    @abstractmethod
    def forward(self, hidden: Tensor) -> Tensor:
        """Return the scores of each row."""

    def whole(self, name: str) -> Tensor:
        """Return ``weight`` or ``bias`` of all rows, those that are held included."""
        free: Tensor = getattr(self, name)
        return torch.cat([self.held[name], free]) if self.held else free

    def hold(self, rows: int) -> None:
        """Freeze the first rows: from here on only the others are parameters."""
        for name, parameter in list(self.named_parameters()):
            self.held[name] = parameter.detach()[:rows].clone()
            setattr(self, name, nn.Parameter(parameter.detach()[rows:].clone()))

    def grow(self, rows: int) -> None:
        """Add rows until there are ``rows``, with nn.Linear's usual first weights."""
        width = self.weight.shape[1]
        bound = 1 / math.sqrt(width)
        weights, biases = [self.weight.data], [self.bias.data] if self.has_bias else []
        for row in range(len(self.weight), rows):
            generator = torch.Generator().manual_seed(derive(self.seed, "head", row))
            drawn = torch.empty(width + 1).uniform_(-bound, bound, generator=generator)
            weights.append(drawn[None, :width].to(self.weight.device))
            biases.append(drawn[width:].to(self.weight.device))
        self.weight = nn.Parameter(torch.cat(weights))
        if self.has_bias:
            self.bias = nn.Parameter(torch.cat(biases))

    def tensors(self, prefix: str = "head") -> dict[str, Tensor]:
        """Return the weights by name, for a state's file."""
        names = [name for name, _ in self.named_parameters()]
        return {f"{prefix}.{name}": self.whole(name).detach() for name in names}

    def take(self, tensors: dict[str, Tensor], prefix: str = "head") -> None:
        """Put the rows of an earlier state in; rows that came later keep their first weights."""
        rows = len(tensors[f"{prefix}.weight"])
        self.grow(max(rows, len(self.weight)))
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter[:rows] = tensors[f"{prefix}.{name}"].to(parameter.device)


@dataclass(frozen=True)
class Measured:
    """Representations of samples, shape (n, width), and their class numbers, shape (n,)."""

    x: Array
    labels: NDArray[np.int64]


class Fitted(ABC):
    """A head that is fitted after a task on representations, in float64 on the CPU.

    It keeps sums, not samples: its state is of one size however many samples there were, and what
    it was told of earlier classes stays until it is told anew.

    Attributes:
        count: samples that each class was fitted on, shape (classes,).
    """

    Options: ClassVar[type[Strict]] = Strict
    fitted: ClassVar[bool] = True
    #: whether validation samples choose something of it
    validated: ClassVar[bool] = False

    def __init__(self, width: int, seed: int, options: Any) -> None:
        self.width = width
        self.seed = seed
        self.options = options
        self.count: Array = np.zeros(0)

    @property
    def classes(self) -> int:
        """How many classes it knows; 0 before the first fit."""
        return len(self.count)

    @abstractmethod
    def fit(
        self, found: Measured, classes: int, joins: bool, valid: Measured | None = None
    ) -> None:
        """Take samples in and solve.

        Args:
            found: of all classes, or of some.
            classes: how many there are now; a class without a sample keeps what it has.
            joins: whether earlier samples are in the same space and none of them is in ``found``,
                so that both count; else ``found`` takes their place where it has the class.
            valid: samples to choose by, for a head that is ``validated``.
        """

    @abstractmethod
    def plain(self, x: Array) -> Array:
        """Return the scores of representations (n, width), shape (n, classes)."""

    def scores(self, x: Array) -> Array:
        """Return scores whose softmax is p(class | x) where classes are equally likely.

        That is up to a temperature, which packaging finds: what is fitted on its own samples is
        too sure. A class that never had a sample is scored below all others.
        """
        found = self.plain(np.asarray(x, np.float64))
        absent = self.count == 0
        if absent.any():
            found[:, absent] = found.min(axis=1, keepdims=True, initial=0.0) - UNSEEN_BELOW
        return found

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Return what a state keeps, by name."""

    @abstractmethod
    def take(self, tensors: dict[str, Tensor]) -> None:
        """Take up what :meth:`tensors` gave.

        Raises:
            KeyError, RuntimeError: a tensor is absent, or of another shape.
        """


class Moving(Fitted):
    """A fitted head whose sums can follow a linear map of the space (``head.samples: kept``)."""

    @abstractmethod
    def move(self, weight: Array, bias: Array) -> None:
        """Follow what was at x to x @ weight + bias; the next fit solves."""


def sized(array: Array, classes: int) -> Array:
    """Return an array (known, ...) with rows of zeros behind it, shape (classes, ...)."""
    rows = np.zeros((classes - len(array), *array.shape[1:]))
    return np.concatenate([array, rows])


def shaped(tensor: Tensor, *shape: int) -> Array:
    """Return a state's tensor as an array.

    Raises:
        RuntimeError: it has another shape.
    """
    if tuple(tensor.shape) != shape:
        raise RuntimeError(f"a head's tensor is {tuple(tensor.shape)}, not {shape}")
    return tensor.numpy().astype(np.float64)


def packed(square: Array) -> Tensor:
    """Return a symmetric matrix (d, d) as its lower triangle, shape (d (d + 1) / 2,)."""
    return torch.from_numpy(square[np.tril_indices(len(square))])


def unpacked(tensor: Tensor, width: int) -> Array:
    """Return the matrix that :func:`packed` made a triangle of."""
    square = np.zeros((width, width))
    square[np.tril_indices(width)] = shaped(tensor, width * (width + 1) // 2)
    return square + np.tril(square, -1).T
