"""Ten kinds of bad input against every format: one clear line, or a counted drop."""

from __future__ import annotations

from pathlib import Path

import pytest

from conpet.config.raw import RawFile
from conpet.data.readers import FORMATS as ALL_FORMATS
from conpet.data.readers import read
from conpet.data.report import Report
from conpet.data.schema import Sample
from conpet.errors import UserError
from tests.data.readers import cases_entities, cases_texts
from tests.data.readers.cases import KINDS, Drop, Error, Never, Note

FORMATS = {
    "fewrel": cases_entities.fewrel(),
    "fewnerd": cases_entities.fewnerd(),
    "typing": cases_entities.typing(),
    "tacred": cases_entities.tacred(),
    "ace": cases_entities.ace(),
    "crossner": cases_entities.crossner(),
    "clinc150": cases_texts.clinc150(),
    "table (csv)": cases_texts.csv(),
    "instructions": cases_texts.instructions(),
    "table (json)": cases_texts.table_json(),
    "table (jsonl)": cases_texts.table_jsonl(),
    "table (parquet)": cases_texts.table_parquet(),
    "marked": cases_texts.marked(),
    "authors": cases_entities.authors(),
}
CASES = [
    (name, kind)
    for name, case in FORMATS.items()
    for kind in KINDS
    if not isinstance(case.bad[kind], Never)
]


def _read(folder: Path, name: str, bad: bytes | None) -> tuple[list[Sample], Report]:
    case = FORMATS[name]
    files = [RawFile(name=f"good.{case.suffix}", split="train")]
    (folder / files[0].name).write_bytes(case.good)
    if bad is not None:
        files.append(RawFile(name=f"bad.{case.suffix}", split="test"))
        (folder / files[1].name).write_bytes(bad)
    report = Report()
    return read(case.format or name, folder, files, case.options, report), report


def test_the_table_is_complete() -> None:
    assert {case.format or name for name, case in FORMATS.items()} == set(ALL_FORMATS)
    assert all(set(case.bad) == set(KINDS) for case in FORMATS.values())


@pytest.mark.parametrize("name", FORMATS)
def test_the_good_file_is_read_without_complaint(name: str, tmp_path: Path) -> None:
    samples, report = _read(tmp_path, name, None)
    assert len(samples) >= 2
    assert report.dropped == 0
    assert any("café" in sample.text for sample in samples)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_bad_input(name: str, kind: str, tmp_path: Path) -> None:
    case = FORMATS[name].bad[kind]
    assert not isinstance(case, Never)
    bad, expected = case
    if isinstance(expected, Error):
        with pytest.raises(UserError) as caught:
            _read(tmp_path, name, bad)
        message = str(caught.value)
        assert "\n" not in message
        assert message.startswith(f"bad.{FORMATS[name].suffix}: ")
        assert expected.where in message
        assert expected.what in message
        assert str(tmp_path) not in message
        return
    good, _ = _read(tmp_path, name, None)
    samples, report = _read(tmp_path, name, bad)
    noted = report.as_dict()
    assert len(samples) > 0
    if isinstance(expected, Drop):
        drop = noted["dropped"][expected.reason]
        assert drop["count"] == 1
        assert drop["first"][0].startswith(f"bad.{FORMATS[name].suffix}: ")
        assert expected.where in drop["first"][0]
    else:
        assert isinstance(expected, Note)
        assert noted["notes"]["labels_without_training_samples"] == list(expected.labels)
        assert set(expected.labels) <= {s.label for s in samples} - {s.label for s in good}


@pytest.mark.parametrize("name", FORMATS)
def test_wherever_a_file_breaks_off_no_label_is_made_up(name: str, tmp_path: Path) -> None:
    case = FORMATS[name]
    whole, _ = _read(tmp_path, name, None)
    labels = {sample.label for sample in whole}
    file = RawFile(name=f"good.{case.suffix}")
    for length in range(len(case.good)):
        (tmp_path / file.name).write_bytes(case.good[:length])
        report = Report()
        try:
            samples = read(case.format or name, tmp_path, [file], case.options, report)
        except UserError:
            continue
        # a CSV cell that breaks off cannot be told from a short one: the report says so
        assert {s.label for s in samples} <= labels or report.as_dict()["notes"]


# without Parquet: what its library does with a broken binary file is not ours to promise
@pytest.mark.parametrize("name", [name for name in FORMATS if "parquet" not in name])
def test_whatever_byte_is_wrong_the_error_is_one_line(name: str, tmp_path: Path) -> None:
    case = FORMATS[name]
    file = RawFile(name=f"good.{case.suffix}")
    errors = 0
    for position in range(0, len(case.good), 7):
        for byte in b'\x00\xff\r\n\t"[{,7':
            wrong = case.good[:position] + bytes([byte]) + case.good[position + 1 :]
            (tmp_path / file.name).write_bytes(wrong)
            try:
                read(case.format or name, tmp_path, [file], case.options, Report())
            except UserError as error:
                errors += 1
                assert str(error).startswith(f"good.{case.suffix}: ")
                assert len(str(error).splitlines()) == 1
    assert errors > 0
