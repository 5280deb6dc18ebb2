"""A file of new classes becomes a dataset's next task: one entry in its config."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from ruamel.yaml.scalarstring import SingleQuotedScalarString

from conpet.config.dataset import Dataset
from conpet.config.plain_yaml import editor
from conpet.config.raw import RawFile
from conpet.config.strict import choose, read_yaml, validate
from conpet.data import readers
from conpet.data.report import Report
from conpet.errors import UserError
from conpet.files import read_json, sha256, write_text

KEY = "additions"
_FORMATS = {"sentence": "table", "relation": "marked", "entity": "marked"}


def extend(
    dataset: str,
    file: Path,
    config_dir: Path,
    results: Path,
    format: str | None = None,
    options: dict[str, Any] | None = None,
    report: Report | None = None,
) -> list[str]:
    """Append a labelled file to a dataset's stream; return the new classes.

    The classes come in the order in which the file first names them. Without a split of its own
    (an option ``split``, as ``table`` has it) each class is cut 80/10/10. Nothing is trained here.

    Args:
        format: a reader's name; ``table`` for sentences and ``marked`` for the rest by default.
        results: where a class that was learnt already is looked for.
        report: is told of the rows that are dropped.

    Raises:
        UserError: the file cannot be read, or holds a class that the stream has.
    """
    path = config_dir / "datasets" / f"{dataset}.yaml"
    known = sorted(p.stem for p in path.parent.glob("*.yaml"))
    choose("dataset", dataset, known, "extend")
    data = validate(Dataset, read_yaml(path), str(path))
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    form = format or _FORMATS[data.kind]
    raw = RawFile(name=file.name)
    samples = readers.read(form, file.parent, [raw], options or {}, report or Report())
    classes = list(dict.fromkeys(s.label for s in samples))
    _refuse_old(classes, data, dataset, results, file)
    entry: dict[str, Any] = {
        "files": [
            {
                "name": file.name,
                "url": Path(os.path.relpath(file.resolve(), path.parent.resolve())).as_posix(),
                "sha256": sha256(file),
            }
        ],
        "format": form,
        "options": options or {},
        # quoted: `yes` is text to us and true to a reader of YAML 1.1
        "classes": [SingleQuotedScalarString(name) for name in classes],
    }
    if not any(s.split for s in samples):
        entry["split"] = {"scheme": "per_class"}
    _append(path, entry)
    return classes


def _refuse_old(classes: list[str], data: Dataset, dataset: str, results: Path, file: Path) -> None:
    taken = {name for addition in data.additions for name in addition.classes}
    prepared = results / "data" / dataset / "base" / "prepare.json"
    if prepared.is_file():
        taken |= set(read_json(prepared)["labels"])
    twice = [name for name in classes if name in taken]
    if twice:
        raise UserError(
            f"{file}: class {twice[0]}: the stream has it: a task brings new classes only"
        )


def _append(path: Path, entry: dict[str, Any]) -> None:
    """Add an entry to the file's list of additions; comments and quotes stay as they are."""
    yaml = editor()
    content = yaml.load(path.read_text(encoding="utf-8"))
    if not content.get(KEY):
        content[KEY] = []
    content[KEY].append(entry)
    text = io.StringIO()
    yaml.dump(content, text)
    write_text(path, text.getvalue())
