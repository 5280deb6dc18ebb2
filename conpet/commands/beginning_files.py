"""Data files that belong together, with their labels: what a first YAML is guessed from."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from conpet.config.raw import RawFile
from conpet.config.strict import validate
from conpet.data import readers
from conpet.data.guess import Look, look
from conpet.data.guess_lines import with_lines, without_lines
from conpet.data.guess_names import folder_says_split, name_without_split, split_of
from conpet.data.report import Report
from conpet.errors import UserError
from conpet.names import name_of


@dataclass(frozen=True)
class Group:
    """Files that belong together: a dataset, or one task of a stream."""

    name: str
    files: list[Path]
    look: Look
    labels: Counter[str]
    trained: Counter[str]
    notes: list[str]

    @property
    def has_split(self) -> bool:
        """Whether the data say what is trained on."""
        own = self.look.format == "clinc150" or "split" in self.look.options
        named = {split_of(file) for file in self.files}
        return own or named >= {"train", "test"}

    @property
    def called(self) -> set[str]:
        """The splits that the files' names say."""
        return {str(split_of(file)) for file in self.files} - {""}

    def split_of(self, file: Path) -> str:
        """Return the split of a file, where those of all files together are one."""
        return split_of(file) if self.has_split else ""


def grouped(files: Sequence[Path]) -> list[Group]:
    """Put files of different splits of one thing together, in the order given."""
    for file in files:
        if not file.is_file():
            raise UserError(f"{file}: no such file: give the paths of data files")
        # control characters, line breaks, and letters of another encoding
        if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in str(file)):
            raise UserError(f"{str(file)!a}: is no name for a YAML: rename it")
        try:
            validate(RawFile, {"name": file.name}, str(file))
        except UserError as error:
            raise UserError(f"{error}: rename it") from None
    found: dict[tuple[str, str], list[Path]] = {}
    for file in files:
        around = file.absolute().parents[1 if folder_says_split(file) else 0]
        found.setdefault((str(around), name_without_split(file)), []).append(file)
    groups = []
    for (parent, base), members in found.items():
        looks = [look(file) for file in members]
        for file, other in zip(members, looks, strict=True):
            if (other.format, other.options) != (looks[0].format, looks[0].options):
                raise UserError(f"{file}: reads otherwise than {members[0]}: give them alone")
        folder = Path(parent).name
        several = [other for _, other in found].count(base) > 1
        name = name_of(f"{folder}_{base}" if base and several else base or folder)
        groups.append(_group(name, members, looks[0]))
    if len({str(group.look.options.get("lines")) for group in groups}) > 1:
        # one template is for all
        return [replace(group, look=without_lines(group.look)) for group in groups]
    return groups


def _group(name: str, files: list[Path], about: Look) -> Group:
    """Return files that read alike, with the labels that they hold."""
    root = Path(os.path.commonpath([file.absolute().parent for file in files]))
    raw = [
        RawFile(name=file.absolute().relative_to(root).as_posix(), split=split_of(file))
        for file in files
    ]
    options = {key: value for key, value in about.options.items() if key}
    report = Report()
    samples = readers.read(about.format, root, raw, options, report)
    trained = Counter(sample.label for sample in samples if sample.split in ("train", ""))
    notes = report.as_dict()["notes"].items()
    wrong = [f"{key}: {value}" for key, value in notes if key.endswith(readers.DOUBTFUL)]
    if about.format in ("table", "instructions") and not readers.fields_of(about.format, options):
        about = with_lines(about, [sample.text for sample in samples])
    return Group(name, files, about, Counter(s.label for s in samples), trained, wrong)


def named(groups: Sequence[Group]) -> str:
    """Return a name for all of them."""
    if len(groups) == 1:
        return groups[0].name
    common = Path(os.path.commonpath([f.absolute().parent for g in groups for f in g.files])).name
    return common or "stream"
