"""What a dataset's YAML may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from conpet.config.settings import Count
from conpet.config.strict import Strict
from conpet.data.raw import RawFile

Split = Literal["train", "valid", "test"]


class Generator(Strict):
    """The project's own sentence generator; ``relations`` standard, reserved, or a list."""

    seed: int = 100
    relations: Literal["standard", "reserved"] | list[str] = "standard"
    train: Count = 60
    valid: Count = 12
    test: Count = 24

    def files(self) -> list[RawFile]:
        """Return the files the generator writes, as a download would list them."""
        return [RawFile(name=f"{s}.json", split=s) for s in ("train", "valid", "test")]


class SeedOrder(Strict):
    """Labels sorted, shuffled by ``seed``, cut into ``tasks`` groups (section 4)."""

    seed: int
    tasks: Count


class FileOrder(Strict):
    """A published order: a file of config/class_orders/."""

    file: str


class GroupOrder(Strict):
    """A raw file that maps group names to labels (CLINC150's domains), groups in file order."""

    groups: str
    tasks: Count


class Partition(Strict):
    """How samples are cut into train, valid and test.

    ``official`` keeps the files' own split; ``per_class`` cuts each label's samples by ``shares``;
    ``pooled`` shuffles everything first and cuts once (the authors' OntoNotes).
    """

    scheme: Literal["official", "per_class", "pooled"] = "official"
    seed: int = 100
    shares: list[float] = [0.8, 0.1, 0.1]


class Addition(Strict):
    """New classes that arrived later: their own files become the stream's next task."""

    files: list[RawFile] = []
    generator: Generator | None = None
    classes: Annotated[list[str], Field(min_length=1)]

    def sources(self) -> list[RawFile]:
        """Return the raw files of this addition."""
        return self.generator.files() if self.generator else self.files


class Dataset(Strict):
    """One dataset: where it comes from, how it reads, how it becomes a stream of tasks."""

    title: str
    licence: str
    citation: str = ""
    homepage: str = ""
    kind: Literal["relation", "entity", "sentence"]
    format: str
    options: dict[str, Any] = {}
    template: str
    files: list[RawFile] = []
    generator: Generator | None = None
    order: SeedOrder | FileOrder | GroupOrder
    split: Partition = Partition()
    additions: list[Addition] = []

    @model_validator(mode="after")
    def _has_one_source(self) -> Dataset:
        if bool(self.files) == bool(self.generator):
            raise ValueError("give either files or generator")
        if "{mask}" not in self.template:
            raise ValueError("template must contain {mask}")
        return self

    def part(self, name: str) -> Dataset | Addition:
        """Return the dataset itself for ``base``, its first addition for ``add1``, and so on."""
        return self if name == "base" else self.additions[int(name.removeprefix("add")) - 1]

    def sources(self) -> list[RawFile]:
        """Return the raw files of the base part."""
        return self.generator.files() if self.generator else self.files

    def parts(self) -> list[str]:
        """Return the names of all parts, in the order of their tasks."""
        return ["base", *(f"add{i + 1}" for i in range(len(self.additions)))]
