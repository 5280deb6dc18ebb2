"""Raw files -> samples -> tasks -> tokens: a step a stage, from files to files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conpet.config.dataset import GroupOrder
from conpet.config.raw import MANIFEST
from conpet.config.stages import Encode, FetchDataset, Prepare, Split
from conpet.data import readers
from conpet.data.report import Report
from conpet.data.samples import read_samples, write_samples
from conpet.data.sources import fetch_files, read_manifest
from conpet.data.split import split_samples
from conpet.data.tokenizer import longest, open_tokenizer
from conpet.errors import UserError
from conpet.files import atomic_folder, sha256, write_json
from conpet.reading import read_object


def fetch_dataset(about: FetchDataset, dataset: str, out: Path, mirror: Path | None) -> None:
    """Fetch or generate a part's raw files, verified, with a manifest beside them."""
    if about.generator is None:
        fetch_files(about.files, out, dataset, mirror)
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


def prepare(about: Prepare, part: tuple[str, str], raw: Path, out: Path, report: Path) -> None:
    """Read a part's raw files into samples; the report says what was dropped, where and why.

    Args:
        part: the names of the dataset and of its part.
    """
    read_manifest(raw)
    found = Report()
    samples = readers.read(about.format, raw, about.files, about.options, found)
    labels = Counter(s.label for s in samples)
    write_samples(out, samples)
    counts = {"samples": len(samples), "labels": dict(sorted(labels.items()))}
    write_json(report, {"dataset": part[0], "part": part[1], **counts, **found.as_dict()})


def split(
    about: Split,
    part: tuple[str, str],
    samples: Path,
    raw: Path,
    before: Sequence[Path],
    out: Path,
) -> None:
    """Cut a part's samples into tasks by the class order.

    Args:
        part: the names of the dataset and of its part.
        before: tasks.json of the earlier parts.
    """
    earlier = [read_object(path, "tasks") for path in before]
    seen = [name for value in earlier for task in value["tasks"] for name in task["classes"]]
    order: Any = about.classes or (about.order.model_dump() if about.order else {})
    try:
        stream = split_samples(
            read_samples(samples),
            order,
            about.split,
            first_task=1 + sum(len(value["tasks"]) for value in earlier),
            groups=_groups(about, raw),
            seen=seen,
        )
    except UserError as error:
        raise UserError(f"{part[0]} ({part[1]}): {error}") from None
    write_json(out, {"dataset": part[0], "part": part[1], "order": order, **stream})


def _groups(about: Split, raw: Path) -> dict[str, list[str]] | None:
    """Return the groups that an order goes by, if it does."""
    if not isinstance(about.order, GroupOrder):
        return None
    path = raw / about.order.groups
    groups: dict[str, list[str]] = read_object(path)
    if len(groups) < about.order.tasks:
        raise UserError(f"{path}: {len(groups)} groups, but order.tasks says {about.order.tasks}")
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

    parts = read_object(tasks, "tasks")["tasks"]
    dropped = encode_part(read_samples(samples), parts, about, open_tokenizer(snapshot), out)
    length = int(np.diff(read_part(out).arrays["offsets"]).max(initial=0))
    if length > (most := longest(snapshot)):
        out.unlink()
        raise UserError(
            f"{name}: a text has {length} tokens, but model {snapshot.name} reads {most} at most: "
            "lower settings.encoding.max_length"
        )
    for reason, count in dropped.items():
        print(f"{name}: left out {count}: {reason}")
