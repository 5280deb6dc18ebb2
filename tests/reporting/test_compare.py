"""Two folders of tables, cell by cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from conpet.errors import UserError
from conpet.files import write_text
from conpet.reporting.collect import Results
from conpet.reporting.compare import diff
from conpet.reporting.tables import TABLES, write_table

HEAD = "dataset,method,whole,seconds\n"


def two(tmp_path: Path, a: str, b: str) -> tuple[Path, Path]:
    write_text(tmp_path / "a" / "main.csv", HEAD + a)
    write_text(tmp_path / "b" / "main.csv", HEAD + b)
    return tmp_path / "a", tmp_path / "b"


def test_the_same(results: Results, tmp_path: Path) -> None:
    for name, (make, _) in TABLES.items():
        write_table(make(results), tmp_path / "a" / name)
        write_table(make(results), tmp_path / "b" / name)
    assert diff(tmp_path / "a", tmp_path / "b") == []


def test_a_cell_says_which(tmp_path: Path) -> None:
    a, b = two(tmp_path, "demo,emr,0.80,1\ndemo,crl,0.7,1\n", "demo,emr,0.81,1\ndemo,crl,0.7,1\n")
    assert diff(a, b) == [
        "main.csv: row dataset=demo method=emr: whole: 0.80 against 0.81",
    ]
    assert diff(a, b, tolerance=0.01) == []
    assert len(diff(a, b, tolerance=0.0099)) == 1


def test_rows_meet_by_key_not_by_place(tmp_path: Path) -> None:
    a, b = two(tmp_path, "demo,emr,0.8,1\ndemo,crl,0.7,1\n", "demo,crl,0.7,1\ndemo,emr,0.8,1\n")
    assert diff(a, b) == []


def test_equal_keys_meet_by_place(tmp_path: Path) -> None:
    a, b = two(tmp_path, "d,emr,0.8,1\nd,emr,0.7,1\n", "d,emr,0.8,1\nd,emr,0.6,1\n")
    assert diff(a, b) == ["main.csv: row dataset=d method=emr #2: whole: 0.7 against 0.6"]


def test_rows_columns_and_files_missing(tmp_path: Path) -> None:
    a, b = two(tmp_path, "demo,emr,0.8,1\n", "demo,crl,0.8,1\n")
    write_text(a / "deep" / "curve.csv", "x\n1\n")
    write_text(b / "main.csv", "dataset,method,other\ndemo,emr,1\n")
    lines = diff(a, b)
    assert any("deep/curve.csv: only in" in line for line in lines)
    assert "main.csv: column whole is not in the second" in lines
    assert "main.csv: column other is not in the first" in lines
    a, b = two(tmp_path, "demo,emr,0.8,1\n", "demo,crl,0.8,1\n")
    assert "main.csv: row dataset=demo method=emr is not in the second" in diff(a, b)


def test_what_a_later_version_has_more_of_may_be_no_difference(tmp_path: Path) -> None:
    head = "dataset,method,source,whole\n"
    ours = "demo,emr,this suite,0.8\ndemo,crl,reported: a paper,0.7\n"
    write_text(tmp_path / "a/main.csv", head + ours)
    more = "demo,emr,this suite,0.8,1\ndemo,crl,reported: a paper,0.7,\ndemo,seq,reported: b,0.1,\n"
    write_text(tmp_path / "b/main.csv", head.replace("whole", "whole,macro_f1") + more)
    write_text(tmp_path / "b/extra.csv", "x\n1\n")
    newer: list[str] = []
    assert diff(tmp_path / "a", tmp_path / "b", newer=newer) == []
    assert newer == [
        "extra.csv: the table",
        "main.csv: columns macro_f1, 1 rows of others' figures",
    ]
    assert len(diff(tmp_path / "a", tmp_path / "b")) == 3
    # what is published and gone, or a run more, is a difference all the same
    write_text(tmp_path / "b/main.csv", head + "demo,emr,this suite,0.8\ndemo,lwf,this suite,0.2\n")
    lines = diff(tmp_path / "a", tmp_path / "b", newer=[])
    assert len(lines) == 2
    assert "row dataset=demo method=lwf source=this suite is not in the first" in lines[1]


def test_claims_of_a_kind_that_was_not_made_then_are_no_difference(tmp_path: Path) -> None:
    head, old = "dataset,claim,unit,value\n", "demo,a,samples,0\n"
    write_text(tmp_path / "a/claims.csv", head + old)
    write_text(tmp_path / "b/claims.csv", head + old + "demo,b,equivalent,5\n")
    newer: list[str] = []
    assert diff(tmp_path / "a", tmp_path / "b", newer=newer) == []
    assert newer == ["claims.csv: 1 claims"]
    write_text(tmp_path / "b/claims.csv", head + old + "demo,b,parsecs,5\n")
    assert len(diff(tmp_path / "a", tmp_path / "b", newer=[])) == 1  # of that kind alone
    write_text(tmp_path / "b/claims.csv", head + old + "demo,b,samples,5\n")
    assert len(diff(tmp_path / "a", tmp_path / "b", newer=[])) == 1


def test_empty_is_not_a_number(tmp_path: Path) -> None:
    a, b = two(tmp_path, "demo,emr,,1\n", "demo,emr,0.0,1\n")
    assert diff(a, b, tolerance=1.0) == [
        "main.csv: row dataset=demo method=emr: whole: empty against 0.0"
    ]


def test_what_a_clock_measured_is_left_out_unless_asked(tmp_path: Path) -> None:
    a, b = two(tmp_path, "demo,emr,0.8,1\n", "demo,emr,0.8,2\n")
    assert diff(a, b) == []
    assert len(diff(a, b, ignore=())) == 1


def test_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no CSV table"):
        diff(tmp_path, tmp_path)


def test_a_negative_tolerance_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--tolerance -1: give 0 or more"):
        diff(tmp_path, tmp_path, tolerance=-1)
