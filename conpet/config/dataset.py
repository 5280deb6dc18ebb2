"""What a dataset's YAML may say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from conpet.config.partition import Partition
from conpet.config.raw import RawFile, named_apart
from conpet.config.settings import Count, Seed
from conpet.config.strict import Strict
from conpet.errors import UserError

Files = Annotated[list[RawFile], BeforeValidator(named_apart)]
# more tasks than any stream has: a mistyped number would plan for hours
Tasks = Annotated[int, Field(ge=1, le=10_000)]
Generated = Annotated[int, Field(ge=1, le=100_000)]
MENTIONS = {"relation": ("head", "tail"), "entity": ("entity",), "sentence": ()}  # of each kind
#: ``fields``: a text has several named parts, like a premise and a hypothesis
Kind = Literal["relation", "entity", "sentence", "fields"]


class Generator(Strict):
    """The project's own sentence generator; ``relations`` standard, reserved, or a list."""

    seed: Seed = 100
    relations: Literal["standard", "reserved"] | list[str] = "standard"
    train: Generated = 60
    valid: Generated = 12
    test: Generated = 24

    def files(self) -> list[RawFile]:
        """Return the files the generator writes, as a download would list them."""
        return [RawFile(name=f"{s}.json", split=s) for s in ("train", "valid", "test")]


class SeedOrder(Strict):
    """Labels sorted, shuffled by ``seed``, cut into ``tasks`` groups (docs/methods.md, Streams)."""

    seed: Seed
    tasks: Tasks


class FileOrder(Strict):
    """A published order: a file of config/class_orders/."""

    file: str


class ClassOrder(Strict):
    """What such a file holds: the classes of each task, and where the order was published."""

    dataset: str = ""
    source: str = ""
    tasks: Annotated[list[Annotated[list[str], Field(min_length=1)]], Field(min_length=1)]


class GroupOrder(Strict):
    """A raw file that maps group names to labels (CLINC150's domains), groups in file order."""

    groups: str
    tasks: Tasks


class NamedOrder(Strict):
    """The tasks that the data name themselves (a table's option ``task``), in this order."""

    names: Annotated[list[str], Field(min_length=1)]

    @field_validator("names")
    @classmethod
    def _once_each(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("each task may stand there only once")
        return value


#: keys of a split that hold for the whole stream: what is chosen, and what it is measured on
_OF_ALL_TASKS = ("validation", "without_test")

_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Labels = Annotated[dict[str, _Name], Field(min_length=1)]


class Source(Strict):
    """One task with files of its own.

    ``format``, ``options`` and ``split`` are the dataset's own where they are not said here; with a
    ``format`` of its own, it has the options that it says, and no others. ``labels`` renames those
    of the files, ``prefix`` is put before all of them; ``classes`` are those that the task has, of
    the new names, else all. ``shared``: classes of earlier tasks may come again, and are the same.
    """

    files: Files = []
    generator: Generator | None = None
    format: str | None = None
    options: dict[str, Any] | None = None
    split: Partition | None = None
    labels: Labels | None = None
    prefix: str = ""
    shared: bool | None = None
    classes: Annotated[list[str], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Source:
        if bool(self.files) == bool(self.generator):
            raise ValueError("give either files or generator")
        return self

    def sources(self) -> list[RawFile]:
        """Return the raw files of this task."""
        return self.generator.files() if self.generator else self.files


class Addition(Source):
    """A task that arrived later: its classes are named, so that the stream cannot change."""

    classes: Annotated[list[str], Field(min_length=1)]


class Outside(Strict):
    """Texts of none of the classes: a list of texts, or of [text, ...], in a raw JSON file."""

    file: str
    key: str


class Dataset(Strict):
    """One dataset: where it comes from, how it reads, how it becomes a stream of tasks.

    The tasks are cut from its files by ``order``, or each has files of its own (``tasks``).
    ``duplicates: drop`` keeps one of equal texts with one label, and none with several labels;
    ``drop_near`` takes for equal what differs in white space, case or Unicode form alone.
    ``shared``: classes of earlier tasks may come again, and are the same. ``shots``: so many
    samples of each class and task are trained on, drawn by the run's seed.
    """

    title: str
    licence: str
    citation: str = ""
    homepage: str = ""
    kind: Kind
    format: str
    options: dict[str, Any] = {}
    duplicates: Literal["keep", "drop", "drop_near"] = "keep"
    template: str
    files: Files = []
    generator: Generator | None = None
    tasks: list[Source] = []
    order: SeedOrder | FileOrder | GroupOrder | NamedOrder | None = None
    split: Partition = Partition()
    labels: Labels | None = None
    shared: bool = False
    shots: Count | None = None
    additions: list[Addition] = []
    outside: Outside | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Dataset:
        if self.tasks:
            if self.files or self.generator or self.order or self.labels:
                raise ValueError(
                    "tasks: say files, generator, order and labels in each, not beside"
                )
            return self
        if bool(self.files) == bool(self.generator):
            raise ValueError("give either files or generator")
        if self.order is None:
            raise ValueError("order: this key is required")
        if ("task" in self.options) != isinstance(self.order, NamedOrder):
            raise ValueError(
                "options.task, a column of names, and order: {names: [...]} go together"
            )
        return self

    @model_validator(mode="after")
    def _has_the_files_it_names(self) -> Dataset:
        names = [file.name for file in self.part("base").sources()]
        named = {"outside.file": self.outside.file} if self.outside else {}
        named |= {"order.groups": self.order.groups} if isinstance(self.order, GroupOrder) else {}
        for key, name in named.items():
            if name not in names:
                raise ValueError(f"{key}: {name} is not among files: {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _is_cut_the_same(self) -> Dataset:
        for place, found in (("tasks", self.tasks), ("additions", self.additions)):
            for number, source in enumerate(found):
                for key in _OF_ALL_TASKS:
                    said = source.split and key in source.split.model_fields_set
                    if said and getattr(source.split, key) != getattr(self.split, key):
                        raise ValueError(
                            f"{place}[{number}].split.{key}: all tasks have it or none: "
                            "say it in the dataset's own split"
                        )
        return self

    @model_validator(mode="after")
    def _has_a_cloze(self) -> Dataset:
        found = re.findall(r"\{(\w*)\}", self.template)
        unknown = [name for name in found if name not in ("mask", *MENTIONS.get(self.kind, found))]
        if unknown:
            known = ", ".join(f"{{{name}}}" for name in ("mask", *MENTIONS[self.kind]))
            raise ValueError(f"template: unknown {{{unknown[0]}}}: kind {self.kind} has {known}")
        if found.count("mask") != 1:
            raise ValueError("template: must contain {mask} once")
        if set(re.sub(r"\{\w+\}", "", self.template)) & set("{}"):
            raise ValueError("template: a brace stands alone: braces are for names only")
        if self.kind == "fields" and (set(found) == {"mask"} or "" in found):
            raise ValueError("template: name the fields of a text, like {premise} {hypothesis}")
        return self

    def check_fields(self, found: list[str] | None) -> None:
        """Hold the template against the fields that a part's texts have, where they are known.

        Raises:
            UserError: the template names another or not all, or the kind is not that of such texts.
        """
        if found is None:
            return
        if bool(found) != (self.kind == "fields"):
            what = f"has fields ({', '.join(found)})" if found else "is of one part"
            raise UserError(f"kind: {self.kind}, but options: a text {what}")
        named = re.findall(r"\{(\w+)\}", self.template) if found else []
        if unknown := [name for name in named if name not in ("mask", *found)]:
            fields = ", ".join(f"{{{name}}}" for name in ("mask", *found))
            raise UserError(f"template: unknown {{{unknown[0]}}}: a text has {fields}")
        if unread := [name for name in found if name not in named]:
            raise UserError(
                f"template: no {{{unread[0]}}}, which options: text has: it would never be read"
            )

    def part(self, name: str) -> Dataset | Source:
        """Return a part: ``base`` is the dataset itself, or its first task where each has files.

        ``add1`` is the next: the second such task, or the first addition.
        """
        number = 0 if name == "base" else int(name.removeprefix("add"))
        first: list[Dataset] | list[Source] = self.tasks or [self]
        parts: list[Dataset | Source] = [*first, *self.additions]
        return parts[number]

    def parts(self) -> list[str]:
        """Return the names of all parts, in the order of their tasks."""
        count = len(self.tasks or [self]) + len(self.additions)
        return ["base", *(f"add{i}" for i in range(1, count))]

    def base_tasks(self, published: Sequence[Sequence[str]]) -> int:
        """Return how many tasks the base part holds, given those of its published order."""
        if isinstance(self.order, NamedOrder):
            return len(self.order.names)
        if self.order is None:
            return 1  # each task has files of its own, and so is a part
        return len(published) if isinstance(self.order, FileOrder) else self.order.tasks

    def renaming(self, part: str) -> dict[str, Any]:
        """Return how a part's labels become those of the stream: ``labels`` and ``prefix``."""
        source = self.part(part)
        prefix = source.prefix if isinstance(source, Source) else ""
        return {"labels": source.labels or {}, "prefix": prefix}

    def reading(self, part: str) -> tuple[str, dict[str, Any]]:
        """Return the format of a part's files, and the reader's options."""
        source = self.part(part)
        if source.format is None:
            return self.format, self.options if source.options is None else source.options
        return source.format, source.options or {}

    def partition(self, part: str) -> Partition:
        """Return how a part's samples are cut into train, valid and test."""
        found = self.part(part).split or self.split
        return found.model_copy(update={key: getattr(self.split, key) for key in _OF_ALL_TASKS})

    def shares_classes(self, part: str) -> bool:
        """Say whether classes of earlier tasks may come again in a part."""
        return bool(self.shared if (own := self.part(part).shared) is None else own)

    def sources(self) -> list[RawFile]:
        """Return the raw files of the base part."""
        if self.tasks:
            return self.tasks[0].sources()
        return self.generator.files() if self.generator else self.files

    def sample_files(self, part: str) -> list[RawFile]:
        """Return the raw files of a part that hold samples: not the groups, nor texts outside."""
        groups = self.order.groups if isinstance(self.order, GroupOrder) else None
        found = [f for f in self.part(part).sources() if f.name != groups]
        outside = self.outside.file if self.outside else None
        # one file may hold both, as clinc150's does
        return [f for f in found if f.name != outside] or found
