"""Raw files -> samples -> tasks -> tokens: a step a stage, from files to files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from conpet.config.dataset import GroupOrder, NamedOrder
from conpet.config.raw import MANIFEST
from conpet.config.stages import Encode, FetchDataset, Prepare, Split
from conpet.config.strict import validate
from conpet.data import readers
from conpet.data.duplicates import (
    SEVERAL_LABELS,
    Identity,
    digest,
    drop_duplicates,
    identity,
    near_identity,
    seen_before,
)
from conpet.data.report import Report
from conpet.data.samples import read_samples, write_samples
from conpet.data.schema import Sample, own_name
from conpet.data.shortage import shortages, untestable, untrainable
from conpet.data.sources import fetch_files, read_manifest
from conpet.data.split import SPLITS, split_samples
from conpet.data.tasks import Groups, check_rows, check_samples, read_tasks
from conpet.data.tokenizer import longest, open_tokenizer
from conpet.data.twins import twins
from conpet.data.unnamed import unnamed_tasks
from conpet.errors import UserError
from conpet.files import atomic_folder, read_json, sha256, write_json
from conpet.wording import some

_NAMED = 12  # labels in a message


def fetch_dataset(
    about: FetchDataset, dataset: str, out: Path, mirror: Path | None, where: str = ""
) -> None:
    """Fetch or generate a part's raw files, verified, with a manifest beside them.

    Args:
        where: what lists the files, for messages.
    """
    if about.generator is None:
        fetch_files(about.files, out, dataset, mirror, where)
        return
    from conpet.data import generator

    wanted = about.generator
    named = {"standard": generator.STANDARD, "reserved": generator.RESERVED}
    relations = named[wanted.relations] if isinstance(wanted.relations, str) else wanted.relations
    with atomic_folder(out) as folder:
        counts = {"train": wanted.train, "valid": wanted.valid, "test": wanted.test}
        generator.write(folder, wanted.seed, relations, **counts)
        entries = [
            {
                "name": file.name,
                "sha256": sha256(folder / file.name),
                "bytes": (folder / file.name).stat().st_size,
                "split": file.split,
                "source": "conpet.data.generator",
            }
            for file in about.sources()
        ]
        write_json(folder / MANIFEST, {"files": entries})


def prepare(
    about: Prepare,
    part: tuple[str, str],
    raw: Path,
    out: Path,
    report: Path,
    before: Sequence[Path] = (),
) -> None:
    """Read a part's raw files into samples; the report says what was dropped, where and why.

    Args:
        part: the names of the dataset and of its part.
        before: samples.parquet of the earlier parts, where duplicates are to be dropped.
    """
    read_manifest(raw)
    found = Report()
    samples = readers.read(about.format, raw, about.files, about.options, found)
    samples = rename(samples, about.labels, about.prefix)
    if about.duplicates != "keep":
        alike = near_identity if about.duplicates == "drop_near" else identity
        if about.tasks is not None:
            for sample in (s for s in samples if s.task not in about.tasks):
                found.drop("task that the stream does not have", sample.id)
            samples = [s for s in samples if s.task in about.tasks]
        if about.classes is not None:  # of others no copy is in the stream
            others = [s for s in samples if s.label not in about.classes]
            for sample in others:
                found.drop("class that the task does not have", sample.id)
            samples = [s for s in samples if s.label in about.classes]
        samples = drop_duplicates(samples, found, alike, earlier(before, alike))
    labels = Counter(s.label for s in samples)
    write_samples(out, samples)
    counts = {"samples": len(samples), "labels": dict(sorted(labels.items()))}
    told = {"dataset": part[0], "part": part[1], "settings": about.text()}
    write_json(report, {**told, **counts, **found.as_dict()})


def earlier(before: Sequence[Path], alike: Identity) -> set[str]:
    """Return the texts of earlier parts, also those that had several labels and are in none."""
    found: set[str] = set()
    for path in before:
        found |= {digest(alike(sample)) for sample in read_samples(path)}
        report = path.with_name("prepare.json")
        if report.is_file():
            found |= set(read_json(report)["notes"].get(SEVERAL_LABELS, []))
    return found


def rename(samples: list[Sample], labels: Mapping[str, str], prefix: str) -> list[Sample]:
    """Return the samples with the labels of the stream.

    Args:
        labels: of the files -> of the stream; those that are not there stay.
        prefix: put before every label.

    Raises:
        UserError: no sample has a label that is to be renamed.
    """
    found = {sample.label for sample in samples}
    if absent := [name for name in labels if name not in found]:
        known = some(sorted(found), _NAMED)
        raise UserError(f"labels: {absent[0]!r}: no sample has it: the labels are {known}")
    for old, new in labels.items():
        own_name(new, f"labels: {old!r}")
    if not labels and not prefix:
        return samples
    return [replace(s, label=prefix + labels.get(s.label, s.label)) for s in samples]


def split(
    about: Split,
    part: tuple[str, str],
    samples: Path,
    raw: Path,
    before: Sequence[Path],
    out: Path,
    strict: bool = True,
) -> None:
    """Cut a part's samples into tasks by the class order.

    Args:
        part: the names of the dataset and of its part.
        before: tasks.json of the earlier parts.
        strict: refuse a task that no method can learn.

    Raises:
        UserError: the order does not fit the samples, or a task has no sample to choose by, or
            the first one none to test on.
    """
    earlier = [task for path in before for task in read_tasks(path)]
    seen = [] if about.shared else [name for task in earlier for name in task["classes"]]
    found = read_samples(samples)
    order: Any = about.classes or (about.order.model_dump() if about.order else None)
    try:
        stream = split_samples(
            found,
            order,
            about.split,
            first_task=1 + len(earlier),
            groups=_groups(about, raw),
            seen=seen,
            shared=about.shared,
        )
    except UserError as error:
        raise UserError(f"{part[0]} ({part[1]}): {error}") from None
    if strict:
        for amiss in (untrainable, untestable):
            if line := amiss(stream["tasks"], about.split):
                raise UserError(f"{part[0]} ({part[1]}): {line}")
        for line in shortages(stream["tasks"], [s.label for s in found], about.split):
            print(f"{part[0]} ({part[1]}): {line}")
        if line := _leak(found, stream["tasks"]):
            print(f"{part[0]} ({part[1]}): {line}")
        if isinstance(about.order, NamedOrder) and (
            line := unnamed_tasks(found, about.order.names)
        ):
            print(f"{part[0]} ({part[1]}): {line}")
        if alike := twins([*seen, *(name for task in stream["tasks"] for name in task["classes"])]):
            print(f"{part[0]} ({part[1]}): {alike}")
    told = {"dataset": part[0], "part": part[1], "settings": about.text(), "order": order}
    write_json(out, {**told, "samples_sha256": sha256(samples), **stream})


def _leak(samples: Sequence[Sample], tasks: Sequence[dict[str, Any]]) -> str:
    """Say how many of a part's tests are trained on too; nothing where none is."""
    put = ((samples[row], name) for task in tasks for name in SPLITS for row in task[name])
    count, of = seen_before(put)
    if not count:
        return ""
    return (
        f"{count:,} of {of:,} test texts stand in training or validation too: duplicates: drop "
        "leaves copies out (`conpet describe` shows them)"
    )


def _groups(about: Split, raw: Path) -> dict[str, list[str]] | None:
    """Return the groups that an order goes by, if it does."""
    if not isinstance(about.order, GroupOrder):
        return None
    path = raw / about.order.groups
    groups = validate(Groups, read_json(path), path.name).root
    if len(groups) < about.order.tasks:
        raise UserError(
            f"{path.name}: {len(groups)} groups, but order.tasks says {about.order.tasks}"
        )
    return groups


def encode(about: Encode, name: str, snapshot: Path, samples: Path, tasks: Path, out: Path) -> None:
    """Turn a part's samples into token ids for a model.

    Args:
        name: what messages call the dataset.

    Raises:
        UserError: a text has more tokens than the model reads.
    """
    import numpy as np

    from conpet.data.encoding import encode_part, read_part

    found, parts = read_samples(samples), read_tasks(tasks)
    check_samples(samples, tasks)
    check_rows(parts, len(found), tasks)
    dropped = encode_part(found, parts, about, open_tokenizer(snapshot), out)
    length = int(np.diff(read_part(out).arrays["offsets"]).max(initial=0))
    if length > (most := longest(snapshot)):
        out.unlink()
        raise UserError(
            f"{name}: a text has {length} tokens, but model {snapshot.name} reads {most} at most: "
            "lower settings.encoding.max_length"
        )
    for reason, count in dropped.items():
        print(f"{name}: left out {count}: {reason}")
