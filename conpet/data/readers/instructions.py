"""Instructions with answers: the files of instruction tuning and its continual benchmarks.

Format: JSON, ``{"Instances": [{"input": TEXT, "output": LABEL, "options": [LABEL, ...]}, ...]}``, a
list of such objects, or (.jsonl) one a line; other keys are ignored. The text is ``input``, or
``instruction`` where that is empty or missing (Alpaca); where an instance has both, the instruction
is left out: it is the same all over a task. An output may be a list of one. ``options``, a list or
a text of one a line, are optional: an output that is none of them is dropped, and counted. Ids are
those of ``id``, else ``FILE:PLACE``.

Licence and citation: those of the data inside. Files: Super-NaturalInstructions (Wang et al. 2022),
and continual benchmarks made of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from conpet.config.raw import RawFile
from conpet.data.readers._common import (
    Entry,
    Options,
    Record,
    check_entry,
    check_list,
    stem,
)
from conpet.data.readers._files import at_line, read_json, read_json_lines
from conpet.data.report import Report
from conpet.errors import UserError


class _Entry(Entry):
    input: str | None = None
    instruction: str | None = None
    output: str | list[str]
    options: list[str] | str | None = None
    id: str | int | None = None


def records(
    raw: Path, files: Sequence[RawFile], options: Options, report: Report
) -> Iterator[Record]:
    """Yield one record an instance, in file order."""
    for file in files:
        for number, place, value in _instances(raw, file):
            entry = check_entry(_Entry, value, place)
            if entry.input is None and entry.instruction is None:
                raise UserError(f"{place}: input: missing: correct the file or its format")
            output = [entry.output] if isinstance(entry.output, str) else entry.output
            if len(output) != 1:
                report.drop("not one output", place)
                continue
            if (known := _options(entry.options)) and output[0].strip() not in known:
                report.drop("output that is none of the options", place)
                continue
            text = entry.input or ""
            text = text if text.strip() else entry.instruction or ""
            name = f"{stem(file)}:{number}" if entry.id is None else str(entry.id)
            yield Record(place, name, output[0], file.split, text)


def _instances(raw: Path, file: RawFile) -> Iterator[tuple[int, str, object]]:
    if PurePosixPath(file.name).suffix.lower() == ".jsonl":
        for number, value in read_json_lines(raw, file):
            yield number, at_line(file, number), value
        return
    found = read_json(raw, file)
    where = file.name
    if isinstance(found, dict):
        if "Instances" not in found:
            raise UserError(f"{at_line(file, 1)}: Instances: missing: not this format")
        found, where = found["Instances"], f"{file.name}: Instances"
    for number, value in enumerate(check_list(found, where)):
        yield number, f"{where}[{number}]" if where != file.name else f"{where}: [{number}]", value


def _options(given: list[str] | str | None) -> set[str]:
    if isinstance(given, str):
        given = [line.strip().removeprefix("- ") for line in given.splitlines()]
        given = [line for line in given if line and not line.lower().startswith("option")]
    return {option.strip() for option in given or []}
