"""A file of new classes becomes a dataset's next task: one entry in a file of its own."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml.scalarstring import SingleQuotedScalarString

from conpet.commands.checks import DataChecks, open_experiment
from conpet.commands.columns import named_as_typed
from conpet.commands.extension_classes import named
from conpet.commands.extension_reading import check_mentions, reading
from conpet.config.additions import additions_file
from conpet.config.dataset import Dataset
from conpet.config.loading import load_datasets
from conpet.config.partition import Partition
from conpet.config.plain_yaml import editor
from conpet.config.raw import RawFile
from conpet.config.shared import told_apart_by
from conpet.config.strict import choose, validate, within
from conpet.data import readers
from conpet.data.duplicates import drop_duplicates, identity, known_texts, near_identity
from conpet.data.report import Report
from conpet.data.samples import read_samples
from conpet.data.schema import Sample
from conpet.data.shortage import least_rows, remedy, shortages, untrainable
from conpet.data.split import split_samples, too_rare
from conpet.data.steps import earlier
from conpet.errors import UserError
from conpet.files import sha256, visible, write_text
from conpet.wording import counted

KEY = "additions"


def extend(
    dataset: str,
    file: Path,
    config_dir: Path,
    results: Path,
    format: str | None = None,
    options: dict[str, Any] | None = None,
    report: Report | None = None,
    experiment: str = "",
    shared: bool = False,
    labels: Mapping[str, str] | None = None,
) -> list[str]:
    """Append a labelled file to a dataset's stream; return the new classes.

    The entry goes to config/additions/DATASET.yaml, and the dataset's own config stays as it is.
    The classes come in the order in which the file first names them. Without a split of its own
    (an option ``split``, as ``table`` has it) each class is cut by the dataset's shares (80/10/10);
    its seed, ``most`` and ``least`` hold too. Nothing is trained here.

    Args:
        format: a reader's name; ``table`` for sentences and ``marked`` for the rest by default.
        results: where a class that was learnt already is looked for.
        report: is told of the rows that are dropped, and of what is worth knowing.
        experiment: one that writes the dataset out; else it is one of config/datasets.
        shared: whether classes of earlier tasks may come again, and are the same.
        labels: those of the file that are others in the stream, with their names there.

    Raises:
        UserError: the file cannot be read, has texts of another form than the stream's, holds a
            class that the stream has, or too few samples of one to learn it.
    """
    data = _find(dataset, config_dir, experiment)
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    _refuse_twice(data, file)
    report = report or Report()
    form, options = reading(data, file, format, options, report)
    raw = validate(RawFile, {"name": file.name}, str(file))
    with named_as_typed(file):
        samples = readers.read(form, file.parent, [raw], options, report)
    check_mentions(data, samples, file)
    here = results / "data" / dataset
    samples, renamed = named(samples, labels or {}, (data, here), shared, file, report)
    classes = list(dict.fromkeys(s.label for s in samples))
    if data.duplicates != "keep":
        samples = _first_of_each(samples, data, here, report)
    else:
        _note_known(samples, data, here, report)
    scheme = "official" if any(s.split for s in samples) else "per_class"
    # what the dataset's own split says beside that holds for the new task too
    said = {**data.split.model_dump(exclude_defaults=True), "scheme": scheme}
    partition = validate(Partition, said, "split")
    with within(str(file)):
        samples, classes = _common(samples, classes, partition, report)
        _check_size(samples, classes, partition, report)
    path = additions_file(config_dir, dataset)
    entry = _entry(file, path, (form, options), classes, renamed)
    entry |= {"split": said} | ({"shared": True} if shared else {})
    whose = {"experiment": _yaml_of(experiment, config_dir)} if experiment else {}
    _append(path, entry, whose | ({"data": told_apart_by(data)} if experiment else {}))
    return classes


def _entry(
    file: Path,
    path: Path,
    read: tuple[str, dict[str, Any]],
    classes: list[str],
    renamed: dict[str, str],
) -> dict[str, Any]:
    """Return what the additions file at ``path`` says of a new one, but for its split."""
    url = Path(os.path.relpath(file.resolve(), path.parent.resolve())).as_posix()
    labels = {_quoted(old): _quoted(new) for old, new in renamed.items()}
    return {
        "files": [{"name": file.name, "url": url, "sha256": sha256(file)}],
        "format": read[0],
        "options": read[1],
        **({"labels": labels} if labels else {}),
        "classes": [_quoted(name) for name in classes],
    }


def _quoted(name: str) -> SingleQuotedScalarString:
    """Return a name as YAML has it in quotes: `yes` is text to us and true to YAML 1.1."""
    return SingleQuotedScalarString(name)


def _yaml_of(experiment: str, config_dir: Path) -> str:
    """Return the file of an experiment that was given by name or path."""
    given = Path(experiment)
    named = config_dir / "experiments" / f"{experiment}.yaml"
    return str(given if given.suffix in (".yaml", ".yml") else named)


def _find(dataset: str, config_dir: Path, experiment: str) -> Dataset:
    if experiment:
        found = open_experiment(experiment, config_dir, DataChecks()).datasets
        choose("dataset", dataset, list(found), "extend")
        return found[dataset]
    known = [p.stem for p in visible(config_dir / "datasets", "*.yaml")]
    if dataset not in known:
        where = "extend: for one that an experiment writes out, give --experiment"
        choose("dataset", dataset, known, where)
    return load_datasets([dataset], config_dir, "extend", DataChecks())[0][dataset]


def _prepared(data: Dataset, results: Path) -> list[Path]:
    paths = [results / part / "samples.parquet" for part in data.parts()]
    return [path for path in paths if path.is_file()]


def _first_of_each(
    samples: list[Sample], data: Dataset, results: Path, report: Report
) -> list[Sample]:
    """Return the samples that will be left once those of the parts that are prepared are known."""
    alike = near_identity if data.duplicates == "drop_near" else identity
    before = earlier(_prepared(data, results), alike)
    return drop_duplicates(samples, report, alike, before)


def _note_known(samples: list[Sample], data: Dataset, results: Path, report: Report) -> None:
    """Tell of texts that stand in the stream's prepared parts already, which keeps both."""
    before = [sample for path in _prepared(data, results) for sample in read_samples(path)]
    same, others = known_texts(samples, before)
    if same + others:
        labelled = f", {others} of them with another label alone" if others else ""
        report.note(
            "texts that stand in the stream already",
            f"{same + others} of {len(samples)}{labelled}: what is tested may have been trained "
            "on: duplicates: drop in the dataset's config leaves them out",
        )


def _refuse_twice(data: Dataset, file: Path) -> None:
    """Refuse a file that is a task of the stream already: its tests would have been trained on."""
    digest = sha256(file)
    for part in data.parts():
        known = data.part(part).sources()
        # files of one's own need say no hash
        here = [path for one in known if (path := one.local_path()) and path.is_file()]
        if digest in [one.sha256 for one in known] + [sha256(path) for path in here]:
            raise UserError(
                f"{file}: the stream has this very file already ({part}): give one of other texts"
            )


def _common(
    samples: list[Sample], classes: list[str], partition: Partition, report: Report
) -> tuple[list[Sample], list[str]]:
    """Return the samples and classes that ``split.least`` leaves; the report counts the others."""
    rare = too_rare(samples, partition)
    if not (left := [name for name in classes if name not in rare]):
        raise UserError(
            f"no class has {partition.least} samples to train on, as the dataset's split.least "
            "asks: give more of them, or lower it"
        )
    for name, count in rare.items():
        said = f"{counted(count, 'sample')}, split.least is {partition.least}"
        report.note(f"class {name} is dropped", said)
    return [sample for sample in samples if sample.label not in rare], left


def _check_size(
    samples: Sequence[Sample], classes: list[str], partition: Partition, report: Report
) -> None:
    """Refuse classes that no method can learn; what else lacks samples goes to the report."""
    labels = [sample.label for sample in samples]
    shares = partition.shares if partition.validation else (1 - partition.shares[2], 0.0)
    least = (least_rows(shares, [0]) or 1) if partition.scheme == "per_class" else 1
    few = [name for name in classes if 0 < labels.count(name) < least]
    if not few:
        (task,) = split_samples(samples, classes, partition)["tasks"]
        learnt = {labels[row] for row in task["train"]}
        few = [name for name in classes if name not in learnt]
    if few:
        size = labels.count(few[0])
        raise UserError(
            f"class {few[0]}: {counted(size, 'sample')}, none to train on: "
            + remedy(partition, cut_already=True)
        )
    if untrainable([task], partition):
        raise UserError(
            f"no validation sample in the new task: {remedy(partition, cut_already=True)}"
        )
    if not task["test"]:
        raise UserError(f"no test sample in the new task: {remedy(partition, cut_already=True)}")
    for number, line in enumerate(shortages([task], labels, partition), start=1):
        report.note(f"shortage {number}", line)


def _append(path: Path, entry: dict[str, Any], whose: dict[str, str]) -> None:
    """Add an entry to the file's list of additions; comments and quotes stay as they are.

    ``whose`` says which experiment writes the dataset out: other data of its name must not be
    taken for it.
    """
    yaml = editor()
    content = yaml.load(path.read_text(encoding="utf-8")) if path.is_file() else {KEY: []}
    content[KEY] = content[KEY] or []  # as it is when its last entry was deleted
    content[KEY].append(entry)
    content.update(whose)
    text = io.StringIO()
    yaml.dump(content, text)
    write_text(path, text.getvalue())
