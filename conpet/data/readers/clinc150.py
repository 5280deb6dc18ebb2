"""CLINC150: intents of short requests, one JSON file with its own split.

Format (data_full.json): an object with the keys train, val, test and oos_train, oos_val, oos_test,
each a list of [text, intent]. The out-of-scope keys are skipped, and counted in the report, unless
the option ``oos`` is true. Sample ids are ``FILE:KEY:INDEX``; val becomes the split valid.

Licence: CC BY 3.0. Citation: Larson et al. 2019, "An Evaluation Dataset for Intent Classification
and Out-of-Scope Prediction", EMNLP-IJCNLP.
Files: data/data_full.json of github.com/clinc/oos-eval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from conpet.config.raw import RawFile
from conpet.data.readers import _common
from conpet.data.readers._common import Record, check_list
from conpet.data.readers._files import read_json
from conpet.data.report import Report
from conpet.errors import UserError

_SPLITS = {"train": "train", "val": "valid", "test": "test"}
_OUT_OF_SCOPE = {f"oos_{key}": split for key, split in _SPLITS.items()}


class Options(_common.Options):
    """``oos``: keep the out-of-scope requests, as one more label."""

    oos: bool = False


def records(
    raw: Path,
    files: Sequence[RawFile],
    options: Options,
    report: Report,
) -> Iterator[Record]:
    """Yield one record a request, keys and requests in file order."""
    skipped = 0
    for file in files:
        parts = _common.check_dict(read_json(raw, file), file)
        for key in _SPLITS:
            if key not in parts:
                raise UserError(f"{file.name}: {key}: missing: expected train, val and test")
        for key, entries in parts.items():
            if key not in _SPLITS and key not in _OUT_OF_SCOPE:
                raise UserError(f"{file.name}: {key}: unknown key: expected train, val, test, oos_")
            if key in _OUT_OF_SCOPE and not options.oos:
                skipped += len(check_list(entries, f"{file.name}: {key}"))
                continue
            split = _SPLITS.get(key) or _OUT_OF_SCOPE[key]
            for index, entry in enumerate(check_list(entries, f"{file.name}: {key}")):
                place = f"{file.name}: {key}[{index}]"
                text, label = _pair(entry, place)
                yield Record(place, f"{_common.stem(file)}:{key}:{index}", label, split, text)
    if skipped:
        report.note("out_of_scope_skipped", skipped)


def _pair(entry: object, place: str) -> tuple[str, str]:
    match entry:
        case [str(text), str(label)]:
            return text, label
        case [_]:
            raise UserError(f"{place}: missing intent: expected [text, intent]")
    raise UserError(f"{place}: not this format: expected [text, intent]")
