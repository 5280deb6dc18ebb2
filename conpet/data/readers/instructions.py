"""Instructions with answers: the files of instruction tuning and its continual benchmarks.

Format: JSON, ``{"Instances": [{"input": TEXT, "output": LABEL, "options": [LABEL, ...]}, ...]}``, a
list of such objects, or (.jsonl) one a line; other keys are ignored. The text is ``input``, or
``instruction`` where that is empty or missing (Alpaca); where an instance has both, the instruction
is left out: it is the same all over a task. Where it is not, that is noted, and ``instruction:
true`` makes it a field of the text, before ``input``. ``lines: [premise, hypothesis]`` takes the
lines of the input for fields. An output may be a list of one. ``options``, a list or a text of one
a line (or all in one, with commas), are optional: an output that is none of them is dropped, and
counted. Ids are those of ``id``, else ``FILE:PLACE``.

Licence and citation: those of the data inside. Files: Super-NaturalInstructions (Wang et al. 2022),
and continual benchmarks made of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from pydantic import field_validator, model_validator

from conpet.config.raw import RawFile
from conpet.data.readers import _common
from conpet.data.readers._common import (
    Entry,
    Record,
    by_line,
    check_entry,
    check_list,
    check_named,
    stem,
)
from conpet.data.readers._files import at_line, read_json, read_json_lines
from conpet.data.report import Report
from conpet.data.schema import join_fields
from conpet.errors import UserError

INSTRUCTIONS = "instructions that are not read"
_HEADING = re.compile(r"^(?:options?|choices)\b[^:]*(?::|$)\s*", re.IGNORECASE)
_BETWEEN = re.compile(r"[,;|]")
_SHOWN = 40  # letters of an instruction


class Options(_common.Options):
    """The fields of a text, where it has some."""

    lines: list[str] | None = None
    instruction: bool = False

    @field_validator("lines")
    @classmethod
    def _fields_have_names(cls, value: list[str] | None) -> list[str] | None:
        if value is not None:
            check_named(value)
        return value

    @model_validator(mode="after")
    def _names_differ(self) -> Options:
        if self.instruction and "instruction" in (self.lines or []):
            raise ValueError(
                "lines: a field 'instruction', which instruction: true adds: rename it"
            )
        return self

    def fields(self) -> list[str]:
        """Return the names of a text's fields; none of a plain text."""
        if not self.instruction:
            return self.lines or []
        return ["instruction", *(self.lines or ["input"])]


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
        unread: dict[str, str] = {}
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
            said = (entry.instruction or "").strip()
            if said and not options.instruction and (entry.input or "").strip():
                unread.setdefault(said, place)
            found = _text(entry, options)
            if isinstance(found, str):
                report.drop(found, place)
                continue
            name = f"{stem(file)}:{number}" if entry.id is None else str(entry.id)
            yield Record(place, name, output[0], file.split, *found)
        if len(unread) > 1:
            report.note(f"{file.name}: {INSTRUCTIONS}", _differ(unread))


def _text(entry: _Entry, options: Options) -> tuple[str, tuple[tuple[str, int, int], ...]] | str:
    """Return an instance's text, empty where a field is, and its fields as spans; or why none."""
    text, instruction = entry.input or "", entry.instruction or ""
    if not options.instruction and not text.strip():
        text = instruction
    if not options.fields():
        return text, ()
    fields = {"instruction": instruction} if options.instruction else {}
    found = by_line(text, options.lines) if options.lines else {"input": text}
    return found if isinstance(found, str) else join_fields(fields | found)


def _differ(unread: dict[str, str]) -> str:
    """Say how many instructions there are beside the inputs, and what to do about it."""
    (one, _), (other, place) = list(unread.items())[:2]
    return (
        f"{len(unread)} of them, {one[:_SHOWN]!r} and at {place} {other[:_SHOWN]!r}: where they "
        "ask other things, say instruction: true in options, and name {instruction} in template"
    )


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
        given = [_HEADING.sub("", line.strip()).removeprefix("- ") for line in given.splitlines()]
        given = [line for line in given if line.strip()]
        if len(given) == 1:  # all on one line; an option that has a comma itself stays one too
            given += _BETWEEN.split(given[0])
    return {option.strip() for option in given or []}
