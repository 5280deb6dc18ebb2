"""What each stage of the workflow depends on beside its input files: the values its job is told.

A stage's text holds only what differs from the defaults, so a new key with its default changes no
text, and reruns nothing. The experiment's hash is made of the same texts. In turn a default never
changes: tests/config/test_defaults.py pins them.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from conpet.config.dataset import (
    Generator,
    GroupOrder,
    Kind,
    NamedOrder,
    Outside,
    SeedOrder,
)
from conpet.config.head import Head
from conpet.config.method import Look
from conpet.config.model_source import ModelSource
from conpet.config.partition import Partition
from conpet.config.raw import RawFile
from conpet.config.settings import Compute, Settings
from conpet.config.strict import Strict


class Stage(Strict):
    """The settings of one stage."""

    def text(self) -> str:
        """Return them as JSON, without what is a default; the same values give the same text."""
        return json.dumps(self.model_dump(mode="json", exclude_defaults=True), sort_keys=True)


class FetchModel(Stage):
    """A model's snapshot."""

    source: ModelSource


class FetchDataset(Stage):
    """A part's raw files: fetched, or written by the generator."""

    files: list[RawFile] = []
    generator: Generator | None = None

    def sources(self) -> list[RawFile]:
        """Return the raw files."""
        return self.generator.files() if self.generator else self.files

    def anywhere(self) -> FetchDataset:
        """Return it without the folders of this machine that its files lie in."""
        files = [
            file.model_copy(update={"url": None}) if file.local_path() else file
            for file in self.files
        ]
        return self.model_copy(update={"files": files})


class Prepare(Stage):
    """How a part's raw files are read; of the files, their names and splits alone."""

    format: str
    options: dict[str, Any] = {}
    files: list[RawFile]
    duplicates: Literal["keep", "drop", "drop_near"] = "keep"
    #: where duplicates go: the classes that the part's task has, if it does not have all
    classes: list[str] | None = None
    #: so too: the tasks that the stream has of those that the rows name
    tasks: list[str] | None = None
    labels: dict[str, str] = {}
    prefix: str = ""


class PublishedOrder(Strict):
    """The classes of each task."""

    tasks: list[list[str]]


class Split(Stage):
    """How a part's samples become tasks.

    Without ``order`` they are one task, of ``classes`` or else of all that there are.
    """

    order: SeedOrder | GroupOrder | PublishedOrder | NamedOrder | None = None
    classes: list[str] | None = None
    shared: bool = False
    split: Partition


class Encode(Stage):
    """How a part's samples become token ids."""

    kind: Kind
    template: str
    pooling: Literal["mask", "last", "mean"] = "mask"
    max_length: int
    max_cloze_words: int


class Learn(Stage):
    """How a task is learnt, or its selector: the method, and the run's settings at that task.

    ``revision`` is the learner's: results of an earlier one are made anew, or of an earlier
    replay's or head's. Before a head that is fitted, another one is trained, with a revision too.
    """

    learner: str
    revision: int = 1
    replay_revision: int = 1
    head_revision: int = 1
    trained_head_revision: int = 1
    options: dict[str, Any] = {}
    replay: str
    replay_options: dict[str, Any] = {}
    pooling: Literal["mask", "last", "mean"] = "mask"
    lora_targets: list[str] | str
    settings: Settings = Settings()
    shots: int | None = None
    validation: bool = True

    def training(self) -> Learn:
        """Return it with nothing said of what is fitted after the training.

        Two of one value train the same, step by step.
        """
        head = self.settings.head
        if not head.fitted:
            return self
        trained = {"head": Head(rows=head.rows)}
        settings = self.settings.model_copy(update=trained)
        revisions = {"head_revision": self.trained_head_revision, "trained_head_revision": 1}
        return self.model_copy(update={"settings": settings, **revisions})


class Evaluate(Stage):
    """How a state is asked; what it is, it says itself."""

    compute: Compute = Compute()


class Package(Stage):
    """What is written beside a run's states, so that it can be opened elsewhere."""

    compute: Compute = Compute()
    kind: Kind
    template: str
    max_length: int
    #: of a table, the column that texts were read from, where it is another than ``text``
    column: str = ""
    outside: Outside | None = None
    title: str
    licence: str
    source: ModelSource


def text_column(format: str, options: dict[str, Any]) -> str:
    """Return the column that a table's texts stand in; '' of ``text``, of several, and of others.

    Args:
        format: of the files; options: its reader's.
    """
    column = options.get("text") if format == "table" else None
    return column if isinstance(column, str) and column != "text" else ""


class Track(Stage):
    """What MLflow is told of a run beside its files."""

    tasks: int
    title: str = ""
    learner: str
    options: dict[str, Any] = {}
    replay: str
    replay_options: dict[str, Any] = {}
    settings: Settings = Settings()
    look: Look | None = None
