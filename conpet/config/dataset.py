"""What a dataset's YAML may say."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from conpet.config.raw import RawFile, named_apart
from conpet.config.settings import Count, Seed
from conpet.config.strict import Strict
from conpet.errors import UserError

Files = Annotated[list[RawFile], BeforeValidator(named_apart)]
# more tasks than any stream has: a mistyped number would plan for hours
Tasks = Annotated[int, Field(ge=1, le=10_000)]
Generated = Annotated[int, Field(ge=1, le=100_000)]
_NAMES = {"relation": ("head", "tail"), "entity": ("entity",), "sentence": ()}
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


class Partition(Strict):
    """How samples are cut into train, valid and test.

    ``official`` keeps the files' own split; ``per_class`` cuts each label's samples by ``shares``;
    ``pooled`` shuffles everything first and cuts once (the authors' OntoNotes). ``most``: so many
    of each label's samples at most, drawn by the seed, before they are cut (``per_class`` alone).
    """

    scheme: Literal["official", "per_class", "pooled"] = "official"
    seed: Seed = 100
    shares: list[Annotated[float, Field(ge=0)]] = [0.8, 0.1, 0.1]
    most: Count | None = None

    @field_validator("shares")
    @classmethod
    def _make_one(cls, value: list[float]) -> list[float]:
        if len(value) != 3 or value[0] == 0 or abs(sum(value) - 1) > 1e-6:
            raise ValueError("expected three shares that sum to 1, like [0.8, 0.1, 0.1]")
        return value

    @model_validator(mode="after")
    def _most_needs_classes(self) -> Partition:
        if self.most is not None and self.scheme != "per_class":
            raise ValueError("most goes with scheme per_class only")
        return self


class Addition(Strict):
    """New classes that arrived later: their own files become the stream's next task.

    ``format``, ``options`` and ``split`` are the dataset's own where they are not said here; with a
    ``format`` of its own, it has the options that it says, and no others.
    """

    files: Files = []
    generator: Generator | None = None
    format: str | None = None
    options: dict[str, Any] | None = None
    split: Partition | None = None
    classes: Annotated[list[str], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_one_source(self) -> Addition:
        if bool(self.files) == bool(self.generator):
            raise ValueError("give either files or generator")
        return self

    def sources(self) -> list[RawFile]:
        """Return the raw files of this addition."""
        return self.generator.files() if self.generator else self.files


class Outside(Strict):
    """Texts of none of the classes: a list of texts, or of [text, ...], in a raw JSON file."""

    file: str
    key: str


class Dataset(Strict):
    """One dataset: where it comes from, how it reads, how it becomes a stream of tasks.

    ``duplicates: drop`` keeps one of equal texts with one label, and none with several labels.
    """

    title: str
    licence: str
    citation: str = ""
    homepage: str = ""
    kind: Kind
    format: str
    options: dict[str, Any] = {}
    duplicates: Literal["keep", "drop"] = "keep"
    template: str
    files: Files = []
    generator: Generator | None = None
    order: SeedOrder | FileOrder | GroupOrder
    split: Partition = Partition()
    additions: list[Addition] = []
    outside: Outside | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Dataset:
        if bool(self.files) == bool(self.generator):
            raise ValueError("give either files or generator")
        return self

    @model_validator(mode="after")
    def _has_a_cloze(self) -> Dataset:
        found = re.findall(r"\{(\w*)\}", self.template)
        unknown = [name for name in found if name not in ("mask", *_NAMES.get(self.kind, found))]
        if unknown:
            known = ", ".join(f"{{{name}}}" for name in ("mask", *_NAMES[self.kind]))
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
            UserError: the template names another, or the kind is not that of such texts.
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

    def part(self, name: str) -> Dataset | Addition:
        """Return the dataset itself for ``base``, its first addition for ``add1``, and so on."""
        return self if name == "base" else self.additions[int(name.removeprefix("add")) - 1]

    def reading(self, part: str) -> tuple[str, dict[str, Any]]:
        """Return the format of a part's files, and the reader's options."""
        source = self.part(part)
        if source.format is None:
            return self.format, self.options if source.options is None else source.options
        return source.format, source.options or {}

    def partition(self, part: str) -> Partition:
        """Return how a part's samples are cut into train, valid and test."""
        return self.part(part).split or self.split

    def sources(self) -> list[RawFile]:
        """Return the raw files of the base part."""
        return self.generator.files() if self.generator else self.files

    def sample_files(self, part: str) -> list[RawFile]:
        """Return the raw files of a part that hold samples: all but the order's group file."""
        groups = self.order.groups if isinstance(self.order, GroupOrder) else None
        return [f for f in self.part(part).sources() if f.name != groups]

    def parts(self) -> list[str]:
        """Return the names of all parts, in the order of their tasks."""
        return ["base", *(f"add{i + 1}" for i in range(len(self.additions)))]
