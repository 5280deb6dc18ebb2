"""How samples are cut into train, valid and test."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from conpet.config.settings import Count, Seed
from conpet.config.strict import Strict


class Partition(Strict):
    """How samples are cut into train, valid and test.

    ``official`` keeps the files' own split; ``per_class`` cuts each label's samples by ``shares``;
    ``pooled`` shuffles everything first and cuts once (the authors' OntoNotes). ``most``: so many
    of each label's samples at most, drawn by the seed, before they are cut (``per_class``), or so
    many to train on. ``least``: labels with fewer samples are dropped, and counted (with an
    official split: fewer to train on). ``validation: false``: those that would serve validation
    are trained on, and the state after the last epoch is kept. ``without_test``: the test samples
    are left out, and the others are cut anew: to choose settings by, not to report.
    """

    scheme: Literal["official", "per_class", "pooled"] = "official"
    seed: Seed = 100
    shares: list[Annotated[float, Field(ge=0)]] = [0.8, 0.1, 0.1]
    most: Count | None = None
    least: Count | None = None
    validation: bool = True
    without_test: bool = False

    @field_validator("shares")
    @classmethod
    def _make_one(cls, value: list[float]) -> list[float]:
        if len(value) != 3 or value[0] == 0 or abs(sum(value) - 1) > 1e-6:
            raise ValueError("expected three shares that sum to 1, like [0.8, 0.1, 0.1]")
        return value
