"""SEQ*: the backbone is tuned on the first task alone; after that only new classes' weights are.

What is forgotten in fine-tuning is mostly the classifier's: so the representation is left as the
first task made it, and the rows of old classes are never touched again. Its method adds a cosine
head, which no class wins by the length of its weights, with all rows there from the start. Zheng
et al. 2024 (arXiv 2312.07887), section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conpet.config.settings import Settings
from conpet.errors import UserError
from conpet.heads import head_class
from conpet.learners.classifier import Classifier


class Seq(Classifier):
    """Warm-up on task 1; then a frozen backbone, old rows that are held, new ones that learn."""

    @classmethod
    def check(cls, options: Any, settings: Settings, shared: bool) -> None:
        """Refuse a trained head where classes come again: their rows are held."""
        if shared and not head_class(settings.head.type).fitted:
            raise UserError(
                "seq: where classes come again nothing of them is learnt after task 1: take "
                "another learner, or a head that is fitted (head: lda)"
            )

    def load(self, states: Sequence[Path], selector: Path | None) -> None:
        """Take up the earlier state, and freeze what it has learnt."""
        super().load(states, selector)
        if self.context.task > 1:
            self.backbone.freeze()
            self.head.hold(self.stream.known(self.context.task - 1))


LEARNER = Seq
