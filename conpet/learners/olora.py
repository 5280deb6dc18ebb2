"""O-LoRA: every task gets a LoRA of its own, kept out of the directions that earlier ones use.

Earlier LoRAs stay as they are and go on to answer beside the newest: what they do is undone only
where the new one reads the same directions of the input, the rows of A. Wang et al. 2023
(arXiv 2310.14152), made for a generative model whose words are the labels; here a head has a row
per class, and is tuned on. (PEFT's `init_lora_weights: olora` is another paper's.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from conpet.config.settings import Settings
from conpet.config.strict import Strict
from conpet.learners.classifier import Classifier
from conpet.learners.context import Context
from conpet.models.stack import Stack, check_plain
from conpet.replay.base import Plan
from conpet.training import Given


class Options(Strict):
    """``strength`` is the paper's λ_1."""

    strength: Annotated[float, Field(ge=0, le=1e6)] = 0.5


class Olora(Classifier):
    """Cross-entropy plus λ Σ_i |A_i A_tᵀ|_1 over the earlier LoRAs i of every layer.

    The state's adapter is all LoRAs as one, of rank t r: stock PEFT reads it, and it grows by a
    LoRA with every task.
    """

    Options = Options

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.options: Options = context.options
        self.stack = Stack(self.backbone.model, "learner olora")
        self.newest: list[nn.Parameter] = self.backbone.parameters()
        self.grown = False

    @classmethod
    def check(cls, options: Any, settings: Settings, shared: bool) -> None:
        """Refuse a tuning that is not plain LoRA."""
        check_plain(settings.tuning, "learner olora")

    def load(self, states: Sequence[Path], selector: Path | None) -> None:
        """Take up the newest of the earlier states, whose adapter holds a LoRA a task."""
        if states:
            self.stack.widen(states[-1])
        super().load(states, selector)

    def parameters(self) -> list[nn.Parameter]:
        """Return the newest LoRA and the head."""
        return [*self.newest, *self.head.parameters()]

    def before_task(self, plan: Plan) -> None:
        """Freeze the earlier LoRAs and put a new one beside them; task 1 trains the slot's own."""
        if self.context.task > 1:
            self.newest = self.stack.grow(self.context.seed.of("lora", self.context.task))
            self.grown = True

    def loss_of(self, hidden: Tensor, given: Given) -> Tensor:
        """Return the cross-entropy and the overlap with the earlier LoRAs."""
        value = super().loss_of(hidden, given)
        return value + self.options.strength * self.stack.overlap() if self.grown else value

    def after_task(self, plan: Plan) -> None:
        """Put all LoRAs into one."""
        if self.grown:
            self.stack.settle()
            self.grown = False


LEARNER = Olora
