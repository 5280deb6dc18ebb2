"""How a file that becomes a task is read: as the stream's own files, so far as it can be."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conpet.config.dataset import MENTIONS, Dataset
from conpet.config.raw import RawFile
from conpet.config.strict import validate, within
from conpet.data import readers
from conpet.data.readers import table
from conpet.data.report import Report
from conpet.data.schema import Sample
from conpet.errors import UserError

_FORMATS = {"sentence": "table", "relation": "marked", "entity": "marked", "fields": "table"}


def reading(
    data: Dataset,
    file: Path,
    format: str | None,
    given: dict[str, Any] | None,
    report: Report,
) -> tuple[str, dict[str, Any]]:
    """Return the format of a new file, and the reader's options.

    Raises:
        UserError: there is no such format or option, or texts read so are not of the stream's form.
    """
    form = format or _FORMATS[data.kind]
    raw = validate(RawFile, {"name": file.name}, str(file))
    own, said = data.reading("base")
    if given is None and own == form == "instructions":
        given = said  # they name no columns: they say what a text is
    options = _options(given, said if own == form == "table" else None, file, raw, report)
    with within(str(file)):
        _check_fields(data, readers.fields_of(form, options))
    return form, options


def check_mentions(data: Dataset, samples: Sequence[Sample], file: Path) -> None:
    """Refuse texts in which other things are marked than the stream's kind has marked.

    Raises:
        UserError: the first of them.
    """
    if data.kind == "fields":
        return
    wanted = set(MENTIONS[data.kind])
    for sample in samples:
        found = {mention.role for mention in sample.mentions}
        if found == wanted:
            continue
        if missing := sorted(wanted - found):
            raise UserError(
                f"{file}: sample {sample.id}: no {missing[0]} is marked, as kind: {data.kind} has "
                "it: give a file that marks it (--format marked, or another that does)"
            )
        raise UserError(
            f"{file}: sample {sample.id}: a text with marks, but kind: {data.kind} has none: give "
            "plain texts"
        )


def _check_fields(data: Dataset, found: list[str]) -> None:
    """Refuse texts of one part where the stream's have fields, and the other way round."""
    if data.kind == "fields" and not found:
        names = [name for name in re.findall(r"\{(\w+)\}", data.template) if name != "mask"]
        like = json.dumps(dict.fromkeys(names, "COLUMN"))
        raise UserError(
            f"kind: fields: a text of the stream has {', '.join(names)}, one of this file is of "
            f"one part: say which columns they are, --option 'text={like}'"
        )
    data.check_fields(found)


def _options(
    given: dict[str, Any] | None,
    own: dict[str, Any] | None,
    file: Path,
    raw: RawFile,
    report: Report,
) -> dict[str, Any]:
    """Return the reader's options, as given and as the dataset has them where read alike."""
    if own is None:
        return given or {}
    if given is None:
        return _as_before(own, file, raw)
    return _with_split(given, own.get("split"), file, raw, report)


def _as_before(options: dict[str, Any], file: Path, raw: RawFile) -> dict[str, Any]:
    """Return as much of a dataset's own options as a new file has columns for.

    A column that says train, valid and test is followed wherever it is there: else rows that are
    marked as test would be trained on.
    """
    said = {key: value for key, value in options.items() if key != "task"}
    columns = {key: value for key, value in said.items() if key in ("split", "id")}
    # the fields of a text are the stream's, whatever the label is called
    usual = ("label",) if isinstance(said.get("text"), list | dict) else ("text", "label")
    form = _without(said, *usual)
    for tried in (said, _without(said, "id"), _without(said, "split", "id"), form, columns,
                  _without(columns, "id")):  # fmt: skip
        if table.fits(file.parent, raw, validate(table.Options, tried, "options")):
            return tried
    return {}


def _with_split(
    options: dict[str, Any], split: str | None, file: Path, raw: RawFile, report: Report
) -> dict[str, Any]:
    """Return options as they were given, and the dataset's column of splits, as above."""
    more = {**options, "split": split}
    if split is None or "split" in options:
        return options
    try:
        checked = validate(table.Options, more, "options")
    except UserError:
        return options  # the reader says what is wrong with them
    if not table.fits(file.parent, raw, checked):
        return options
    report.note("split", f"column {split} says it, as in the dataset's other files")
    return more


def _without(options: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in names}
