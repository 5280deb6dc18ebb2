"""What the labels of a file that becomes a task are to the stream: new classes, or old ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from conpet.config.dataset import Dataset, Source
from conpet.config.strict import within
from conpet.data import readers
from conpet.data.report import Report
from conpet.data.schema import Sample
from conpet.data.steps import rename
from conpet.data.twins import twins
from conpet.errors import UserError
from conpet.files import read_json
from conpet.wording import some


def named(
    samples: list[Sample],
    given: Mapping[str, str],
    stream: tuple[Dataset, Path],
    shared: bool,
    file: Path,
    report: Report,
) -> tuple[list[Sample], dict[str, str]]:
    """Return the samples with the stream's names of their classes, and what was renamed.

    Where classes may come again, a label that another file of the stream has under another name
    is renamed as there.

    Args:
        given: of the file -> of the stream.
        stream: the dataset, and the folder of its results.
        shared: whether it was asked that classes of earlier tasks come again.

    Raises:
        UserError: no sample has a label that is to be renamed; a class is old where all must be
            new, or all are new where old ones were asked for.
    """
    data, results = stream
    taken, whole = _taken(data, results)
    if not whole and not (shared or data.shared):
        report.note(
            "classes",
            "the stream's are not all known yet: one that it has will be refused when it is made",
        )
    renames = {old: new.strip() for old, new in given.items()}
    if blank := [old for old, new in renames.items() if not new]:
        raise UserError(f"--labels {blank[0]}=: no class: give OLD=NEW")
    if shared or data.shared:
        found = {sample.label for sample in samples}
        before = {old: new for old, new in _renames(data).items()
                  if old in found - taken - given.keys() and new in taken}  # fmt: skip
        if before:
            said = ", ".join(f"{old} is {new}" for old, new in before.items())
            report.note("labels", f"{said}, as in the stream's other files")
        renames |= before
    with within(str(file)):
        samples = rename(samples, renames, "")
    classes = list(dict.fromkeys(sample.label for sample in samples))
    if not shared and not data.shared:
        _refuse_old(classes, taken, file)
        _refuse_renamed(classes, taken, _renames(data), file)
    elif whole:
        _check_new(classes, taken, shared, file, report)
    if alike := twins([*sorted(taken), *classes]):
        report.note("names", alike)
    return samples, renames


def _renames(data: Dataset) -> dict[str, str]:
    """Return how the stream's files have their labels renamed; of two the later says it."""
    found: dict[str, str] = {}
    for part in data.parts():
        said = data.renaming(part)
        found |= {old: said["prefix"] + new for old, new in said["labels"].items()}
    return found


def _taken(data: Dataset, results: Path) -> tuple[set[str], bool]:
    """Return the classes that the stream has, as far as they are known; and whether all are."""
    taken: set[str] = set()
    whole = True
    for part in data.parts():
        source = data.part(part)
        if isinstance(source, Source) and source.classes:
            taken |= set(source.classes)
            continue
        said = data.renaming(part)
        taken |= {said["prefix"] + name for name in said["labels"].values()}
        prepared = results / part / "prepare.json"
        if prepared.is_file():
            known = read_json(prepared)
            if not isinstance(known, dict) or not isinstance(known.get("labels"), dict):
                raise UserError(f"{prepared}: says no labels: delete it and make it again")
            taken |= set(known["labels"])
        elif (labels := _labels_here(data, part)) is not None:
            taken |= labels
        else:
            whole = False
    return taken, whole


def _labels_here(data: Dataset, part: str) -> set[str] | None:
    """Return the labels of a part that is not prepared, where its files are one's own."""
    form, options = data.reading(part)
    found: set[str] = set()
    for file in data.part(part).sources():
        path = file.local_path()
        if path is None or file.member or not path.is_file():
            return None
        raw = file.model_copy(update={"name": path.name})
        try:
            samples = readers.read(form, path.parent, [raw], options, Report())
        except UserError:
            return None  # whoever prepares it says what is wrong
        found |= {sample.label for sample in samples}
    said = data.renaming(part)
    return {said["prefix"] + said["labels"].get(name, name) for name in found} or None


def _refuse_old(classes: list[str], taken: set[str], file: Path) -> None:
    twice = [name for name in classes if name in taken]
    if twice:
        raise UserError(
            f"{file}: class {twice[0]}: the stream has it: a task brings new classes only, or say "
            "--shared where they are the same"
        )


def _refuse_renamed(
    classes: list[str], taken: set[str], renames: Mapping[str, str], file: Path
) -> None:
    """Refuse a class that the stream has by the name that its other files have for it."""
    for name in classes:
        if (new := renames.get(name, name)) != name and new in taken:
            raise UserError(
                f"{file}: class {name}: the stream has it, as {new}: a task brings new classes "
                "only, or say --shared where they are the same"
            )


def _check_new(
    classes: list[str], taken: set[str], shared: bool, file: Path, report: Report
) -> None:
    """Say which classes are new where old ones may come again; refuse it where none is old."""
    new = [name for name in classes if name not in taken]
    if not new:
        return
    has = f"the stream has {some(sorted(taken))}"
    if shared and len(new) == len(classes):
        raise UserError(
            f"{file}: none of its classes ({some(new)}) comes again, {has}: give --labels "
            f"'{new[0]}=CLASS' where it is one by another name, or leave --shared away"
        )
    report.note(
        "new classes",
        f"{some(new)} ({has}): where one is a class by another name, delete the entry and give "
        f"--labels '{new[0]}=CLASS'",
    )
