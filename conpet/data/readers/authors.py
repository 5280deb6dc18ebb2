"""The ConPET authors' processed files, which hold their exact splits.

Format: ``DATASET_split_{train,valid,test}_dataset_p10_key.json`` (p5 for ACE 2005): a list of
tasks, each a list of ``[key, class index, text]``. In a text [unused0] and [unused1] stand round
the head and [unused2] and [unused3] round the tail of a relation (with [unused0] and [unused1]
alone: round the mention of an entity type), and a cloze with [MASK] ends it. Markers and cloze are
taken out. Labels are the names in the option ``labels``, by class index, or else class_INDEX. The
split is that of the file; ids are the keys. The report's note ``tasks`` holds the labels of each
task, in the authors' order of tasks.

Licence: that of the dataset inside. Citation: Song et al. 2023, "ConPET: Continual
Parameter-Efficient Tuning for Large Language Models", arXiv 2309.14763.
Files: the data download named in github.com/Raincleared-Song/ConPET.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from conpet.config.raw import RawFile
from conpet.data.readers import _common
from conpet.data.readers._common import Record, check_list, pair_markers
from conpet.data.readers._files import read_json
from conpet.data.report import Report
from conpet.errors import UserError

_MARKER = re.compile(r"\[unused([0-3])\]")
_CLOZE = re.compile(r" In this sentence, (?:(?! In this sentence, ).)*\[MASK\].*$", re.DOTALL)


class Options(_common.Options):
    """``labels``: the class names, in the order of the class indices."""

    labels: list[str] | None = None


def records(
    raw: Path, files: Sequence[RawFile], options: Options, report: Report
) -> Iterator[Record]:
    """Yield one record a sample, tasks and samples in file order."""
    tasks: list[set[int]] = []
    for file in files:
        for task, entries in enumerate(check_list(read_json(raw, file), file.name)):
            if task == len(tasks):
                tasks.append(set())
            for index, entry in enumerate(check_list(entries, f"{file.name}: [{task}]")):
                place = f"{file.name}: [{task}][{index}]"
                key, number, text = _fields(entry, place)
                label = _label(number, options, place)
                tasks[task].add(number)
                parsed = _parse(text)
                if isinstance(parsed, str):
                    report.drop(parsed, place)
                    continue
                yield Record(place, key, label, file.split, *parsed)
    report.note("tasks", [[_label(n, options, "") for n in sorted(task)] for task in tasks])


def _fields(entry: object, place: str) -> tuple[str, int, str]:
    match entry:
        case [str(key), int(number), str(text)] if not isinstance(number, bool):
            return key, number, text
        case [_, _] | [_] | []:
            raise UserError(f"{place}: missing value: expected [key, class index, text]")
    raise UserError(f"{place}: not this format: expected [key, class index, text]")


def _label(number: int, options: Options, place: str) -> str:
    if options.labels is None:
        return f"class_{number}"
    if not 0 <= number < len(options.labels):
        raise UserError(
            f"{place}: class index {number}: the option labels has {len(options.labels)} names"
        )
    return options.labels[number]


def _parse(text: str) -> tuple[list[str], tuple[tuple[str, int, int], ...]] | str:
    """Return the tokens and the spans in tokens, or the reason why there are none."""
    roles = "head head tail tail" if "[unused2]" in text else "entity entity tail tail"
    tokens: list[str] = []
    markers = []
    for token in _CLOZE.sub("", text).split(" "):
        marker = _MARKER.fullmatch(token)
        if marker is None:
            tokens.append(token)
        else:
            markers.append((roles.split()[int(marker[1])], marker[1] in "02", len(tokens)))
    spans = pair_markers(markers)
    return spans if isinstance(spans, str) else (tokens, spans)
