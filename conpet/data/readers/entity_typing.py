"""OntoNotes and BBN fine-grained entity typing, one mention a line.

Format: lines ``start<TAB>end<TAB>tokens<TAB>labels``, tokens separated by single spaces, start and
end in tokens, end exclusive; a fifth column (features, in some releases) is ignored. A label is a
path (/person/artist/music); several stand separated by spaces. Of several labels the deepest is
taken when all others lie on its path (/person /person/artist gives /person/artist). Labels on
different paths leave no single class: the line is dropped, and counted; so is a last line without
its line end. Sample ids are ``FILE:LINE``.

Licence: OntoNotes LDC2013T19 and BBN LDC2005T33, both from the LDC. Citation: Gillick et al. 2014,
"Context-Dependent Fine-Grained Entity Type Tagging"; Weischedel and Brunstein 2005, "BBN Pronoun
Coreference and Entity Type Corpus".
Files: train.txt, dev.txt and test.txt in this form; users bring them themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from conpet.config.raw import RawFile
from conpet.data.readers._common import Options, Record, mention_record
from conpet.data.readers._files import NO_LINE_END, at_line, read_columns
from conpet.data.report import Report
from conpet.errors import UserError

_COLUMNS = ("start", "end", "tokens", "labels")


def records(
    raw: Path, files: Sequence[RawFile], options: Options, report: Report
) -> Iterator[Record]:
    """Yield one record a line, in file order."""
    for file in files:
        for number, values, finished in read_columns(raw, file, _COLUMNS, optional=1):
            if not values:
                continue
            place = at_line(file, number)
            if not finished:
                report.drop(NO_LINE_END, place)
                continue
            label = _deepest(values[3].split())
            if label is None:
                report.drop("labels on several paths", place)
                continue
            start, end = _index(values[0], "start", place), _index(values[1], "end", place)
            yield mention_record(file, number, values[2].split(" "), start, end, label)


def _index(value: str, name: str, place: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise UserError(f"{place}: {name}: {value!r} is not a token index") from None


def _deepest(labels: Sequence[str]) -> str | None:
    """Return the one label on whose path all others lie; none at all gives an empty label."""
    deepest = max(labels, key=len, default="")
    on_path = all(f"{deepest}/".startswith(f"{label.rstrip('/')}/") for label in labels)
    return deepest if on_path else None
