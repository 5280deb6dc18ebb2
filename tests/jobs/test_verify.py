"""What is published is compared cell by cell with what is made now."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chain import Chain

TABLE = "dataset,method,whole,seconds\ntiny,emr,70.05,3.1\ntiny,dynamic,63.54,4.0\n"


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    made = Chain(tmp_path)
    for kind, name, text in (("tables", "main.csv", TABLE), ("figures", "a.svg", "<svg/>")):
        path = made.results / "tiny" / kind / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return made


def run(chain: Chain, command: str, *words: str | Path) -> None:
    results = ["--results", chain.results]
    chain(command, *results, *words)


def verify(chain: Chain, *words: str) -> Path:
    out = chain.folder / "verified.txt"
    run(chain, "verify", "--published", chain.folder / "published", "--out", out, *words)
    return out


def publish(chain: Chain) -> None:
    run(chain, "publish", "--out", chain.folder / "published" / "tiny")


def test_what_was_published_is_found_again(chain: Chain) -> None:
    publish(chain)
    kept = chain.folder / "published" / "tiny"
    assert (kept / "tables/main.csv").read_text() == TABLE
    assert (kept / "figures/a.svg").is_file()
    (chain.results / "tiny/tables/main.csv").write_text(TABLE.replace("3.1", "9.9"))
    assert "the same as published" in verify(chain).read_text()  # seconds are not compared


def test_a_cell_that_differs_is_named(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    publish(chain)
    (chain.results / "tiny/tables/main.csv").write_text(TABLE.replace("63.54", "63.64"))
    with pytest.raises(SystemExit) as stopped:
        verify(chain)
    assert "tiny: 1 cells differ" in str(stopped.value.code)
    assert not (chain.folder / "verified.txt").exists()
    said = capsys.readouterr().out
    assert "main.csv: row dataset=tiny method=dynamic: whole: 63.54 against 63.64" in said
    assert verify(chain, "--tolerance", "0.1").is_file()


def test_nothing_published_is_one_line(chain: Chain) -> None:
    with pytest.raises(SystemExit) as stopped:
        verify(chain)
    assert "nothing is published of experiment tiny" in str(stopped.value.code)
