"""Texts that all have the same lines, like a premise and a hypothesis: the fields they seem."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from conpet.data.guess import Look
from conpet.data.schema import check_field

_FEWEST, _MOST = 2, 4  # lines: more are a document
_ROWS = 5  # fewer may be alike by chance
# a word or three that each text's line begins with: "sentence 1: ..."
_CALLED = re.compile(r"([^\W\d_]\w*(?: \w+){0,2}):\s")


def with_lines(look: Look, texts: Sequence[str]) -> Look:
    """Return a look at a file with the fields that the lines of its texts seem to be, if any."""
    if not (names := _fields(texts)):
        return look
    said = f"every text has {len(names)} lines, taken for its fields {', '.join(names)}"
    options = {**look.options, "lines": names}
    return replace(look, options=options, said=(*look.said, said))


def without_lines(look: Look) -> Look:
    """Return a look as it was before :func:`with_lines`."""
    if "lines" not in look.options:
        return look
    options = {key: value for key, value in look.options.items() if key != "lines"}
    said = "its texts have lines, but not those of other files: taken for one text each"
    return replace(look, options=options, said=(*look.said[:-1], said))


def _fields(texts: Sequence[str]) -> list[str]:
    rows = [text.strip().splitlines() for text in texts if text.strip()]
    counts = {len(row) for row in rows}
    if len(rows) < _ROWS or len(counts) != 1 or not _FEWEST <= (count := counts.pop()) <= _MOST:
        return []
    if not all(line.strip() for row in rows for line in row):
        return []
    names = [_name([row[at] for row in rows]) for at in range(count)]
    if "" in names or len(set(names)) < count:
        return [f"line_{at + 1}" for at in range(count)]
    return names


def _name(lines: Sequence[str]) -> str:
    """Return what all lines call themselves; nothing where they do not, or a template cannot."""
    called = {found[1].lower() if (found := _CALLED.match(line)) else "" for line in lines}
    name = re.sub(r"\W+", "_", called.pop()) if len(called) == 1 else ""
    try:
        check_field(name)
    except ValueError:
        return ""
    return name
