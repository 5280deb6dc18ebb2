"""Raw files -> samples -> tasks -> tokens."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from conpet.config import Experiment
from conpet.config.dataset import Addition, GroupOrder
from conpet.data import readers
from conpet.data.raw import MANIFEST, Report
from conpet.data.schema import read_samples, write_samples
from conpet.data.sources import fetch_files, read_manifest
from conpet.errors import UserError
from conpet.files import atomic_folder, read_json, sha256, write_json


def fetch_dataset(
    experiment: Experiment, dataset: str, part: str, out: Path, mirror: Path | None
) -> None:
    """Fetch or generate a part's raw files, verified, with a manifest beside them."""
    source = experiment.datasets[dataset].part(part)
    if source.generator is None:
        fetch_files(source.sources(), out, dataset, mirror)
        return
    from conpet.data import generator

    wanted = source.generator
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
            for file in source.sources()
        ]
        write_json(folder / MANIFEST, {"files": entries})


def prepare(
    experiment: Experiment, dataset: str, part: str, raw: Path, out: Path, report: Path
) -> None:
    """Read a part's raw files into samples; the report says what was dropped, where and why."""
    data = experiment.datasets[dataset]
    read_manifest(raw)
    found = Report()
    form, options = data.reading(part)
    samples = readers.read(form, raw, data.sample_files(part), options, found)
    if not samples:
        raise UserError(f"{raw}: no sample could be read: see the dataset's format and options")
    labels = Counter(s.label for s in samples)
    write_samples(out, samples)
    write_json(
        report,
        {
            "dataset": dataset,
            "part": part,
            "samples": len(samples),
            "labels": dict(sorted(labels.items())),
        }
        | found.as_dict(),
    )


def split(
    experiment: Experiment,
    dataset: str,
    part: str,
    samples: Path,
    raw: Path,
    before: list[Path],
    out: Path,
) -> None:
    """Cut a part's samples into tasks by the class order."""
    from conpet.data.split import split as cut_stream

    data = experiment.datasets[dataset]
    source = data.part(part)
    earlier = [read_json(path) for path in before]
    seen = [name for value in earlier for task in value["tasks"] for name in task["classes"]]
    first = 1 + sum(len(value["tasks"]) for value in earlier)
    params = experiment.params("split", dataset, part=part)
    order: Any = params["classes"] if isinstance(source, Addition) else params["order"]
    groups = None
    if not isinstance(source, Addition) and isinstance(data.order, GroupOrder):
        groups = read_json(raw / data.order.groups)
        if len(groups) < data.order.tasks:
            raise UserError(
                f"{raw / data.order.groups}: {len(groups)} groups, "
                f"but order.tasks says {data.order.tasks}"
            )
    try:
        stream = cut_stream(
            read_samples(samples),
            order,
            data.partition(part),
            first_task=first,
            groups=groups,
            seen=seen,
        )
    except UserError as error:
        raise UserError(f"{dataset} ({part}): {error}") from None
    write_json(out, {"dataset": dataset, "part": part, "order": order, **stream})


def open_tokenizer(snapshot: Path) -> Any:
    """Open the tokenizer of a model's snapshot."""
    import transformers

    transformers.logging.set_verbosity_error()
    if not (snapshot / "tokenizer_config.json").is_file():
        raise UserError(f"{snapshot}: no tokenizer here: run `conpet fetch-model` first")
    return transformers.AutoTokenizer.from_pretrained(snapshot, use_fast=True)


def longest(snapshot: Path) -> int:
    """Return how many tokens a model can read at once."""
    config = read_json(snapshot / "config.json")
    most: int = config.get("max_position_embeddings", sys.maxsize)
    if "roberta" in config.get("model_type", ""):
        most -= 1 + config["pad_token_id"]  # its positions are counted from there
    return most


def encode(
    experiment: Experiment,
    dataset: str,
    model: str,
    snapshot: Path,
    samples: Path,
    tasks: Path,
    out: Path,
) -> None:
    """Turn a part's samples into token ids for a model."""
    import numpy as np

    from conpet.data.encoding import encode_part, read_part

    tokenizer = open_tokenizer(snapshot)
    params = experiment.params("encode", dataset, model)
    dropped = encode_part(read_samples(samples), read_json(tasks)["tasks"], params, tokenizer, out)
    length = int(np.diff(read_part(out).arrays["offsets"]).max(initial=0))
    if length > (most := longest(snapshot)):
        out.unlink()
        raise UserError(
            f"{dataset}: a text has {length} tokens, but model {model} reads {most} at most: "
            "lower settings.encoding.max_length"
        )
    for reason, count in dropped.items():
        print(f"{dataset}: left out {count}: {reason}")
