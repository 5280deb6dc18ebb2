"""The one loop, and what takes its steps: one by one, or as a recorded CUDA graph."""

from conpet.training.engine import Engine, choose_engine
from conpet.training.given import Given, Prepared, Rows
from conpet.training.history import History
from conpet.training.loop import fit, run_epoch, stepper
from conpet.training.optimizer import make_optimizer
from conpet.training.pieces import Pieces
from conpet.training.split import Split

__all__ = [
    "Engine", "Given", "History", "Pieces", "Prepared", "Rows", "Split", "choose_engine", "fit",
    "make_optimizer", "run_epoch", "stepper",
]  # fmt: skip
