"""A packaged learner is taught the classes of a labelled file."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

from conpet.commands.columns import named_as_typed, trained_columns
from conpet.commands.description_text import repeated_lines
from conpet.config.raw import RawFile
from conpet.config.strict import validate
from conpet.data import readers
from conpet.data.duplicates import count_duplicates
from conpet.data.marks import as_text
from conpet.data.report import Report
from conpet.data.twins import twins
from conpet.errors import UserError
from conpet.predicting.predictor import load
from conpet.predicting.teaching import fitted_of


def teach_file(
    run: str,
    file: Path,
    out: Path,
    options: dict[str, Any],
    backbone: tuple[Path | None, Path | None],
) -> None:
    """Teach the classes of a file (format ``table``; relations and entities are marked).

    Args:
        out: the package to write; the one that is opened stays as it is.
        backbone: its folder, and a mirror to fetch it from, where they are given.

    Raises:
        UserError: the file cannot be read, the learner's head is trained, or ``out`` is there.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    if out.exists():
        raise UserError(f"{out}: is there already: give another name")
    for name in ("split", "task"):
        if name in options:
            raise UserError(f"--option {name}: every row is taught: leave it out")
    report = Report()
    raw = validate(RawFile, {"name": file.name}, str(file))
    predictor = load(run, snapshot=backbone[0], mirror=backbone[1])
    fitted_of(predictor.learner)  # whatever is wrong with the file: this cannot be mended in it
    asked = [key for key in ("text", "label") if key not in options]
    options = trained_columns(predictor, file, options) | options
    with named_as_typed(file, asked):
        samples = readers.read("table", file.parent, [raw], options, report)
    start = time.process_time()
    with warnings.catch_warnings(action="ignore"):  # told below, with the places
        new = predictor.teach([as_text(s) for s in samples], [s.label for s in samples])
    spent = time.process_time() - start
    predictor.save(out)
    for line in report.lines():
        print(line)
    for _, line in repeated_lines(count_duplicates((sample, "") for sample in samples)):
        print(f"note: {line}: each counts")
    if alike := twins(predictor.classes):
        print(f"note: {alike}")
    print(f"taught {len(samples)} texts in {spent:.2f} seconds of computing")
    print(f"new classes: {', '.join(new) or 'none'}")
    print(f"{out}: knows {len(predictor.classes)} classes; its threshold is that of before")
