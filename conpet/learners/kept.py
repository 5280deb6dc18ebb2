"""What a state keeps beside the adapter, read back: a head, and what else its learner needs."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from conpet.errors import UserError, reason
from conpet.models.saving import read_tensors

LEARNER_FILE = "learner.safetensors"


class _Taken(dict[str, Tensor]):
    """Tensors by name that know which of them were asked for."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__(tensors)
        self.left = set(tensors)

    def __getitem__(self, name: str) -> Tensor:
        self.left.discard(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.left.discard(name)
        return super().get(name, default)

    def items(self) -> ItemsView[str, Tensor]:  # type: ignore[override]
        self.left.clear()
        return super().items()


@contextmanager
def kept_tensors(folder: Path) -> Iterator[dict[str, Tensor]]:
    """Yield what :meth:`Learner.tensors` gave a state, for the block to take up: all, by names.

    Raises:
        UserError: the file is not whole, or holds other tensors than the block needs.
    """
    path = folder / LEARNER_FILE
    tensors = _Taken(read_tensors(path))
    again = "another learner's, or of another model: learn the task again"
    try:
        yield tensors
    except KeyError as error:
        raise UserError(f"{path}: no {error}: {again}") from None
    except (IndexError, RuntimeError, TypeError) as error:  # torch's, where shapes do not fit
        raise UserError(f"{path}: does not fit ({reason(error)}): {again}") from None
    if tensors.left:
        raise UserError(f"{path}: {min(tensors.left)!r} is too many: {again}")
