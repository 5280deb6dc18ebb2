"""Texts, typed or in a file, answered by a trained learner as CSV."""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conpet.commands.columns import (
    asks_for_fields,
    check_columns,
    check_lines,
    read_kept,
    read_texts,
    trained_columns,
)
from conpet.data.report import Report
from conpet.errors import UserError
from conpet.files import write_text
from conpet.predicting.predictor import Predictor, load

if TYPE_CHECKING:
    import pandas as pd

_DECIMALS = 6
_NOT_CSV = (".tsv", ".json", ".jsonl", ".parquet", ".xlsx")


@dataclass(frozen=True)
class Asking:
    """What is asked, and where the answer goes.

    Attributes:
        columns: those of the file that hold the text; none: as in training.
        keep: further columns of the file, which stand beside the answer.
        options: the reader's.
        out: the CSV to write; None prints it.
    """

    file: Path | None
    texts: Sequence[str]
    columns: Sequence[str]
    keep: Sequence[str]
    options: Mapping[str, Any]
    out: Path | None

    def check(self) -> None:
        """Refuse what contradicts itself, or would not be heeded."""
        if bool(self.texts) == bool(self.file):
            raise UserError("predict: give either --text (once or more) or a file")
        if self.out and self.out.suffix.lower() in _NOT_CSV:
            said = f"answers are written as CSV: call it {self.out.stem}.csv"
            raise UserError(f"--out {self.out}: {said}")
        table = self.file is not None and self.file.suffix.lower() != ".txt"
        if not table and set(self.options) - {"text"}:
            raise UserError("--option: there is no table here: leave it out")
        if not table and self.keep:
            raise UserError(f"--keep {self.keep[0]}: there is no table here: leave it out")
        if self.columns and self.file is None:
            raise UserError(f"--column {self.columns[0]}: there is no table here: leave it out")
        if self.columns and "text" in self.options:
            raise UserError("--column and --option text=: both name the text's columns: give one")
        if unheeded := [name for name in ("label", "split", "id") if name in self.options]:
            raise UserError(f"--option {unheeded[0]}: texts alone are read: leave it out")

    def check_lines_alone(self) -> None:
        """Refuse a column of lines of text, once they are known to be no table."""
        if self.columns and self.file and self.file.suffix.lower() == ".txt":
            said = "of a .txt every line is a text: leave it out"
            raise UserError(f"--column {self.columns[0]}: {said}")

    def reading(self) -> dict[str, Any]:
        """Return the reader's options, the text's columns among them where they are named."""
        columns = [*self.columns]
        named = {"text": columns if len(columns) > 1 else columns[0]} if columns else {}
        return {**named, **self.options}


def answer_texts(
    run: str,
    asking: Asking,
    opened: Mapping[str, Any],
    threshold: float | bool,
    probabilities: bool,
) -> None:
    """Print what a learner says of texts as CSV, or write it.

    Args:
        opened: how the learner is opened, keywords of :class:`Predictor`.
        threshold: as in :meth:`Predictor.predict`.
        probabilities: whether each class has a column.

    Raises:
        UserError: what is asked contradicts itself, cannot be read, or does not fit the learner.
    """
    asking.check()
    report = Report()
    predictor, texts, options = _opened(run, asking, opened, report)
    for about, note in report.as_dict()["notes"].items():
        print(f"conpet: {about}: {note}", file=sys.stderr)
    _tell_of_older(run, predictor.about.files)
    check_columns(asking.file, texts, predictor.fields)
    check_lines(asking.file, texts, [*asking.columns, predictor.about.column or "text"])
    asking.check_lines_alone()
    kept = read_kept(asking.file, options, asking.keep) if asking.file and asking.keep else {}
    frame = predictor.predict(texts, threshold).frame(probabilities)
    for name in map(str, frame.columns):
        if name == "confidence" or name.startswith("p:"):
            # further digits change with the texts that are asked beside a text
            frame[name] = frame[name].round(_DECIMALS)
    _write_answers(_beside(frame, texts, kept), asking.out)


def _opened(
    run: str, asking: Asking, opened: Mapping[str, Any], report: Report
) -> tuple[Predictor, list[Any], dict[str, Any]]:
    """Return the learner, the texts, and the reader's options by which they were read.

    A file is read before the learner is opened, which takes longer, where the learner need not be
    asked for its columns.
    """
    file, options = asking.file or Path(), asking.reading()
    waits = asks_for_fields(asking.file, options)
    texts: list[Any] = [*asking.texts]
    if asking.file and not waits:
        texts = read_texts(file, options, report)
    predictor = load(run, **opened)
    if waits:
        options |= trained_columns(predictor, file, options)
        texts = read_texts(file, options, report)
    if not texts:
        raise UserError(f"{file}: holds no text: nothing to answer")
    return predictor, texts, options


def _tell_of_older(run: str, files: object) -> None:
    """Say so where a package keeps no hashes of its files."""
    if not files:
        said = "an older version packaged it, so that its files cannot be checked"
        print(f"conpet: {run}: {said}: package the run again", file=sys.stderr)


def _beside(
    frame: pd.DataFrame, texts: Sequence[Any], kept: Mapping[str, list[Any]]
) -> pd.DataFrame:
    """Return answers with the texts or their fields before them, and before those what is kept."""
    import pandas as pd

    asked = list(texts[0]) if isinstance(texts[0], dict) else ["text"]
    columns = [(name, [t[name] if isinstance(t, dict) else t for t in texts]) for name in asked]
    for given in (columns, list(kept.items())):
        for place, (name, values) in enumerate(given):
            # as they are: of whole numbers and a gap pandas makes floats, and digits go
            column = pd.Series(values, frame.index, dtype=object)
            again = next(n for n in itertools.count() if name + n * " (file)" not in frame.columns)
            frame.insert(place, name + again * " (file)", column)
    return frame


def _write_answers(frame: pd.DataFrame, out: Path | None) -> None:
    """Write a table as CSV: into a file, or print it."""
    written = frame.to_csv(index=False, lineterminator="\n")
    if "\r" in written:
        # bare, it ends a row to who reads the file, and the writer puts quotes round \n alone
        written = frame.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    if out:
        write_text(out, written)
    else:
        sys.stdout.write(written)
