"""What a config says, held against the readers, learners, replays and tunings that there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conpet.config import Experiment, Method, load_experiment
from conpet.config.checks import Checks
from conpet.config.dataset import Dataset
from conpet.config.head import Head
from conpet.config.model import Model
from conpet.config.settings import Settings, Tuning
from conpet.config.strict import choose, within


class LibraryChecks(Checks):
    """Asks this library; what concerns learners and tunings imports torch and PEFT: seconds."""

    def kind(self, format: str, options: dict[str, Any], where: str) -> str | None:
        """Return the kind of a format's texts with such options, where there is only one."""
        from conpet.data.readers import FORMATS, kind_of

        choose("format", format, list(FORMATS), where)
        with within(where):
            return kind_of(format, options)

    def fields(self, format: str, options: dict[str, Any]) -> list[str] | None:
        """Return the names of the fields of a format's texts."""
        from conpet.data.readers import fields_of

        return fields_of(format, options)

    def says_split(self, format: str, files: Sequence[Path]) -> bool:
        """Say whether files of a format hold each sample's split themselves."""
        from conpet.data.readers import says_split

        return says_split(format, files)

    def reading(self, format: str, options: dict[str, Any]) -> None:
        """Raise a UserError unless a format has such options."""
        from conpet.data.readers import check_options

        check_options(format, options)

    def method(self, method: Method, where: str) -> None:
        """Raise a UserError unless learner and replay have such options and fit each other."""
        from conpet.learners import check_method

        check_method(method, where)

    def revisions(self, learner: str, replay: str, head: str) -> dict[str, int]:
        """Return which revision of each there is, by what it is."""
        from conpet.learners import revisions

        return revisions(learner, replay, head)

    def learning(
        self, method: Method, settings: Settings, on: tuple[Dataset, Model], where: str
    ) -> None:
        """Raise a UserError unless a method can learn a stream with a model, so set."""
        from conpet.learners import check_settings

        data, model = on
        shared = any(map(data.shares_classes, data.parts()))
        check_settings(method, settings, model, where, shared)

    def tuning(self, tuning: Tuning, targets: list[str] | str) -> None:
        """Raise a UserError unless there is such a tuning."""
        from conpet.models.tuning import check

        check(tuning, targets)

    def head(self, head: Head, method: Method | None, model: Model) -> None:
        """Raise a UserError unless there is such a head, and learner and model suit it."""
        from conpet.heads import check_head
        from conpet.learners import check_takes

        check_head(head)
        model.check_layers(head.layers, "head.layers")
        if method is not None:
            check_takes(method.learner, head)


class LearningChecks(LibraryChecks):
    """Asks all but the readers: where a task is learnt, neither pandas nor pyarrow is needed."""

    def fields(self, format: str, options: dict[str, Any]) -> list[str] | None:
        """Let all fields pass."""
        return None

    def reading(self, format: str, options: dict[str, Any]) -> None:
        """Let all options pass."""


class DataChecks(LibraryChecks):
    """Asks the readers alone: enough where nothing is learnt, and quick."""

    def method(self, method: Method, where: str) -> None:
        """Let every method pass."""

    def learning(
        self, method: Method, settings: Settings, on: tuple[Dataset, Model], where: str
    ) -> None:
        """Let all settings pass."""

    def tuning(self, tuning: Tuning, targets: list[str] | str) -> None:
        """Let every tuning pass."""

    def head(self, head: Head, method: Method | None, model: Model) -> None:
        """Let every head pass."""


def open_experiment(name: str, config_dir: Path, checks: Checks | None = None) -> Experiment:
    """Load an experiment by name or path, held against all that there is.

    Raises:
        UserError: one line that says file, key and what would be right.
    """
    return load_experiment(name, config_dir, checks or LibraryChecks())
