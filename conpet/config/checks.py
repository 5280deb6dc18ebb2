"""What the layers above know of the names and options that a config holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conpet.config.dataset import Dataset
from conpet.config.head import Head
from conpet.config.method import Method
from conpet.config.model import Model
from conpet.config.settings import Settings, Tuning


class Checks:
    """Asked while a config is read. This one knows nothing, and lets everything pass.

    The config itself knows no reader, learner, replay or PEFT type: conpet.commands.checks does.
    """

    def kind(self, format: str, options: dict[str, Any], where: str) -> str | None:
        """Return the kind of a format's texts with such options, where there is only one.

        Raises:
            UserError: there is no such format, or it has no such options.
        """
        return None

    def fields(self, format: str, options: dict[str, Any]) -> list[str] | None:
        """Return the names of the fields of a format's texts; None where that is not known."""
        return None

    def says_split(self, format: str, files: Sequence[Path]) -> bool:
        """Say whether files of a format hold each sample's split themselves."""
        return False

    def reading(self, format: str, options: dict[str, Any]) -> None:
        """Raise a UserError unless a format has such options."""

    def method(self, method: Method, where: str) -> None:
        """Raise a UserError unless learner and replay have such options and fit each other."""

    def revisions(self, learner: str, replay: str, head: str) -> dict[str, int]:
        """Return which revision there is of each: another one gives other numbers."""
        return {}

    def learning(
        self, method: Method, settings: Settings, on: tuple[Dataset, Model], where: str
    ) -> None:
        """Raise a UserError unless a method can learn a stream with a model, so set."""

    def tuning(self, tuning: Tuning, targets: list[str] | str) -> None:
        """Raise a UserError unless there is such a tuning."""

    def head(self, head: Head, method: Method | None, model: Model) -> None:
        """Raise a UserError unless there is such a head, and learner and model suit it."""
