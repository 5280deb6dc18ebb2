"""What a file of texts and labels looks like: format, columns, split; guesses, to be shown."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conpet.config.raw import RawFile
from conpet.data.readers._common import is_split
from conpet.data.readers._files import read_json, read_json_lines, read_text, refuse_mark_line
from conpet.data.readers._rows import DELIMITERS, SUFFIXES, Form, read_rows
from conpet.data.report import Report
from conpet.errors import UserError

LOOKED_AT = 2000  # rows
_TEXTS = (
    "text", "sentence", "utterance", "query", "review", "content", "question", "comment", "tweet",
    "title", "message", "document", "body", "input", "description",
)  # fmt: skip
_LABELS = (
    "label", "labels", "intent", "class", "category", "relation", "topic", "sentiment", "target",
    "gold_label", "tag", "output", "answer", "y", "stars", "rating",
)  # fmt: skip
_PAIRS = (
    ("premise", "hypothesis"), ("sentence1", "sentence2"), ("question1", "question2"),
    ("text_a", "text_b"), ("text1", "text2"), ("question", "sentence"), ("question", "passage"),
    ("context", "question"), ("claim", "evidence"),
)  # fmt: skip
_SPLIT_COLUMNS = ("split", "fold", "partition", "subset", "set")
_TASK_COLUMNS = ("task", "domain", "dataset", "source", "product")
_MOST_TASKS = 30


@dataclass(frozen=True)
class Look:
    """What a file seems to be.

    Attributes:
        format: the reader.
        options: the reader's.
        tasks: names of the tasks that a column holds, in order of appearance.
        said: why, a line each.
    """

    format: str
    options: dict[str, Any] = field(default_factory=dict)
    tasks: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def look(file: Path, labelled: bool = True) -> Look:
    """Guess how a file reads.

    Args:
        labelled: whether it has labels; else what is said of them counts for nothing.

    Raises:
        UserError: it cannot be read, or its columns of text and label cannot be told.
    """
    raw = RawFile(name=file.name)
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        kinds = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise UserError(f"{file}: of a kind that is not guessed: give {kinds}")
    known = _published(file, raw) if suffix in (".json", ".jsonl", ".txt") else None
    return known or _table(file, raw, labelled)


def _published(file: Path, raw: RawFile) -> Look | None:
    """Return the format of a benchmark's file, by its first record."""
    if file.suffix.lower() == ".txt":
        return _tagged(file, raw)
    if file.suffix.lower() == ".jsonl":
        value: Any = [v for v, _ in zip(_lines(file.parent, raw), range(5), strict=False)]
    else:
        value = read_json(file.parent, raw)
    if isinstance(value, dict):
        return _object(file, value)
    record = value[0] if isinstance(value, list) and value else None
    return _record(file, record) if isinstance(record, dict) else None


def _tagged(file: Path, raw: RawFile) -> Look | None:
    lines = [line for line in read_text(file.parent, raw).splitlines()[:50] if line.strip()]
    tagged = all(line.count("\t") == 1 for line in lines)
    if tagged and any(line.split("\t")[1].startswith("B-") for line in lines):
        return Look("crossner", said=("tokens with BIO tags",))
    return None


def _record(file: Path, record: dict[str, Any]) -> Look | None:
    keys, text = set(record), str(record.get("text", ""))
    if {"token", "subj_start", "relation"} <= keys:
        return Look("tacred", said=("records as TACRED has them",))
    if "output" in keys and keys & {"input", "instruction"}:
        return Look("instructions", said=("instructions with input and output",))
    marked = "label" in keys and re.search(r"<e[12]?>", text)
    if marked and file.suffix.lower() == ".jsonl":
        kind = "relation" if "<e1>" in text else "entity"
        return Look("marked", {"": kind}, said=(f"texts with marks: a {kind}",))
    return None


def _lines(folder: Path, raw: RawFile) -> Iterable[Any]:
    return (value for _, value in read_json_lines(folder, raw))


def _object(file: Path, value: dict[str, Any]) -> Look:
    if "Instances" in value:
        return Look("instructions", said=("Instances with input and output",))
    if {"train", "val", "test"} <= set(value):
        return Look("clinc150", said=("train, val and test, lists of [text, label]",))
    lists = [entry for entry in value.values() if isinstance(entry, list) and entry]
    if lists and all(isinstance(entry[0], dict) and "tokens" in entry[0] for entry in lists):
        return Look("fewrel", said=("lists of records by relation, as FewRel has them",))
    raise UserError(
        f"{file}: an object that no reader knows ({', '.join(list(value)[:5])}, ...): make it a "
        "list of objects with a text and a label"
    )


def _table(file: Path, raw: RawFile, labelled: bool) -> Look:
    form = Form()
    said: list[str] = []
    if file.suffix.lower() in (".csv", ".tsv", ".txt"):
        form, said = _form(file, raw)
    try:
        rows = _rows(file, raw, form)
    except UserError as error:
        # a quote that nothing closes is a letter, where all rows are as wide then
        form = replace(form, quotes=False)
        try:
            rows = _rows(file, raw, form)
        except UserError:
            raise error from None
        said = [*said, "quotes are letters"]
    names = list(rows[0]) if rows else []
    if not rows:
        raise UserError(f"{file}: no row: give a file of texts and labels")
    split = _split_column(rows, names)
    if len(rows) == LOOKED_AT and _named(names, _TASK_COLUMNS):
        every = _rows(file, raw, form, None)  # a sorted file has its other tasks further below
    else:
        every = rows
    task = _task_column(every, names)
    taken = {name for name in (split, task) if name}
    label = _label_column(rows, [name for name in names if name not in taken])
    texts = _text_columns(rows, [name for name in names if name not in {*taken, label}])
    if (label is None and labelled) or not texts:
        raise UserError(
            f"{file}: which columns hold text and label cannot be told from {', '.join(names)}: "
            "write a YAML with options: {text: COLUMN, label: COLUMN}"
        )
    options: dict[str, Any] = {} if form.header else {"header": False}
    options |= {} if form.quotes else {"quotes": False}
    if form.delimiter:
        options["delimiter"] = form.delimiter
    options["text"] = texts[0] if len(texts) == 1 else _fields(texts)
    options["label"] = label
    options |= {"split": split} if split else {}
    options |= {"task": task} if task else {}
    said.append(f"text {' and '.join(map(repr, texts))}, label {label!r}")
    said += [f"column {split!r} is the split"] if split else _not_taken(rows, names)
    said += [f"column {task!r} names the task"] if task else []
    tasks = tuple(name for name in dict.fromkeys(_values(every, task)) if name) if task else ()
    return Look("table", options, tasks, tuple(said))


def _form(file: Path, raw: RawFile) -> tuple[Form, list[str]]:
    """Return how a CSV is written: delimiter, and whether the first line is a sample."""
    text = read_text(file.parent, raw, mixed_line_ends=True)
    refuse_mark_line(text, raw)
    lines = list(io.StringIO(text[:200_000], newline=""))[:50]
    usual = "," if file.suffix.lower() == ".csv" else "\t"

    def widths(delimiter: str) -> list[int]:
        try:
            found = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            return [1]
        return found or [1]

    ways = {mark: widths(mark) for mark in (usual, *DELIMITERS)}
    even = {mark: found[0] for mark, found in ways.items() if len(set(found)) == 1 and found[0] > 1}
    mark = usual if usual in even or not even else max(even, key=lambda mark: even[mark])
    said = [] if mark == usual else [f"delimiter {DELIMITERS[mark]}"]
    rows = [row for row in csv.reader(lines, delimiter=mark) if row]
    header = not _is_sample(rows)
    said += [] if header else ["no header line: columns 1, 2, ..."]
    return Form(None if mark == usual else mark, True, header), said


def _is_sample(rows: Sequence[Sequence[str]]) -> bool:
    """Say whether the first row looks like those below it: known names, and no value repeated."""
    if len(rows) < 2:
        return False
    first = [cell.strip().lower() for cell in rows[0]]
    named = {*_TEXTS, *_LABELS, *_SPLIT_COLUMNS, *(name for pair in _PAIRS for name in pair)}
    if any(cell in named for cell in first):
        return False
    below = [[cell.strip().lower() for cell in row] for row in rows[1:]]
    again = any(
        cell in {row[i] for row in below if i < len(row)} for i, cell in enumerate(first) if cell
    )
    return again or any(len(cell.split()) > 4 for cell in first)


def _rows(
    file: Path, raw: RawFile, form: Form, most: int | None = LOOKED_AT
) -> list[dict[str, Any]]:
    columns: Sequence[str] = ()
    if file.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        columns = pq.ParquetFile(file).schema_arrow.names
    found = read_rows(file.parent, raw, form, columns, Report())
    return [row.values for row in itertools.islice(found, most)]


def _named(names: Sequence[str], known: Sequence[str]) -> str | None:
    lower = {name.strip().lower(): name for name in reversed(names)}
    return next((lower[name] for name in known if name in lower), None)


def _values(rows: Sequence[dict[str, Any]], name: str) -> list[str]:
    return [str(row[name]).strip() for row in rows if row.get(name) not in (None, "")]


def _split_column(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str | None:
    name = _named(names, _SPLIT_COLUMNS)
    return name if name is not None and not _no_splits(rows, name) else None


def _no_splits(rows: Sequence[dict[str, Any]], name: str) -> list[str]:
    """Return the values of a column that the readers do not take for a split."""
    return [value for value in dict.fromkeys(_values(rows, name)) if not is_split(value)]


def _not_taken(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[str]:
    """Say why a column that seems to hold the split is passed over."""
    name = _named(names, _SPLIT_COLUMNS)
    if name is None or not (other := _no_splits(rows, name)):
        return []
    if not any(map(is_split, _values(rows, name))):
        return []
    return [f"column {name!r} is not taken for the split: {other[0]!r} is no train, valid or test"]


def _task_column(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str | None:
    name = _named(names, _TASK_COLUMNS)
    fits = name is not None and 1 < len(set(_values(rows, name))) <= _MOST_TASKS
    return name if fits else None


def _label_column(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str | None:
    if (named := _named(names, _LABELS)) is not None:
        return named
    counts = {name: len(set(_values(rows, name))) for name in names}
    few = [name for name in names if 1 < counts[name] <= max(2, len(rows) // 3)]
    return min(few, key=lambda name: counts[name], default=None)


def _text_columns(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[str]:
    lower = {name.strip().lower(): name for name in names}
    for pair in _PAIRS:
        if all(name in lower for name in pair):
            return [lower[name] for name in pair]
    if (named := _named(names, _TEXTS)) is not None:
        return [named]

    def length(name: str) -> float:
        values = _values(rows, name)
        return sum(map(len, values)) / max(1, len(values))

    letters = [n for n in names if any(re.search(r"[^\W\d]", v) for v in _values(rows, n))]
    return [max(letters, key=length)] if letters else []


def _fields(columns: Sequence[str]) -> list[str] | dict[str, str]:
    plain = [re.sub(r"\W+", "_", column.strip().lower()) for column in columns]
    return list(columns) if plain == list(columns) else dict(zip(plain, columns, strict=True))


def as_json(value: Any) -> str:
    """Return a value in the flow style that YAML and JSON share."""
    return json.dumps(value, ensure_ascii=False)
