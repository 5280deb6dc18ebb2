"""What is published is compared cell by cell with what is made now."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from conpet.files import sha256, write_json
from conpet.reporting.elsewhere import compare_means
from tests.chain import Chain
from tests.conftest import ROOT

PUBLISHED = ROOT / "results/published"

TABLE = "dataset,method,whole,seconds\ntiny,emr,70.05,3.1\ntiny,dynamic,63.54,4.0\n"


METRICS = "tiny/metrics.json"


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    made = Chain(tmp_path)
    for kind, name, text in (("tables", "main.csv", TABLE), ("figures", "a.svg", "<svg/>")):
        path = made.results / "tiny" / kind / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (made.results / METRICS).write_text("{}")
    provenance(made)
    return made


def run(chain: Chain, command: str, *words: str | Path) -> None:
    chain(command, "--experiment", "tiny", "--results", chain.results, *words)


def verify(chain: Chain, *words: str) -> Path:
    out = chain.folder / "verified.txt"
    place = ["--config-dir", chain.config, "--published", chain.folder / "published"]
    run(chain, "verify", *place, "--out", out, *words)
    return out


def publish(chain: Chain) -> None:
    place = ["--config-dir", chain.config, "--out", chain.folder / "published" / "tiny"]
    run(chain, "publish", *place)


def test_tables_of_other_settings_are_not_published(chain: Chain) -> None:
    write_json(chain.results / "tiny/tables/main.json", {"config_sha256": "00"})
    with pytest.raises(SystemExit, match="tiny/tables: made of other settings than tiny has now"):
        publish(chain)
    assert not (chain.folder / "published").exists()


def test_tables_of_other_runs_are_not_published(chain: Chain) -> None:
    (chain.results / METRICS).write_text('{"trained": "again"}')
    with pytest.raises(SystemExit, match=r"other bytes than .*: snakemake publish makes it again"):
        publish(chain)
    assert not (chain.folder / "published").exists()


def test_tables_of_other_settings_are_not_compared(chain: Chain) -> None:
    publish(chain)
    write_json(chain.results / "tiny/tables/main.json", {"config_sha256": "00"})
    with pytest.raises(SystemExit, match="now: snakemake verify makes them again"):
        verify(chain)


def test_figures_of_others_that_are_not_there_are_one_line(chain: Chain) -> None:
    with pytest.raises(SystemExit, match=r"--reported nope\.csv: no such file"):
        run(chain, "tables", "--config-dir", chain.config, "--reported", "nope.csv")


def test_figures_of_others_on_other_data_are_told(
    chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.csv"
    head = "dataset,method,backbone,setting,source,whole_accuracy,average_accuracy"
    for dataset, told in (("tinny", True), ("tiny", False)):
        path.write_text(f"{head}\n{dataset},emr,bert,s,me,80,\n")
        words = ("main", "--config-dir", chain.config, "--reported", path)
        run(chain, "table", *words, "--out", tmp_path / "main")
        note = f"note: --reported {path}: no figure is on tiny: they are on tinny"
        assert (note in capsys.readouterr().err) == told


def test_what_was_published_is_found_again(chain: Chain) -> None:
    publish(chain)
    kept = chain.folder / "published" / "tiny"
    assert (kept / "tables/main.csv").read_text() == TABLE
    assert (kept / "figures/a.svg").is_file()
    (chain.results / "tiny/tables/main.csv").write_text(TABLE.replace("3.1", "9.9"))
    assert "the same as published, digit by digit" in verify(chain).read_text()  # but for seconds


def test_what_is_finished_is_kept_and_not_taken_for_the_whole(chain: Chain) -> None:
    folder, kept = chain.results / "tiny", chain.folder / "published" / "tiny"
    place = ["--config-dir", chain.config, "--out", kept]
    with pytest.raises(SystemExit, match="no such folder: snakemake partial makes it first"):
        run(chain, "publish", "--partial", *place)
    for kind in ("tables", "figures"):
        shutil.copytree(folder / kind, folder / "partial" / kind)
    (folder / "partial/tables/main.csv").write_text(TABLE.replace("63.54", ""))
    names = [f"tiny/tiny/minilm/{m}/seed1/task01/metrics.json" for m in ("emr", "dynamic")]
    for name in names:
        write_json(chain.results / name, {})
    for place_of, there in (("partial/tables", names[:1]), ("tables", names)):
        inputs = {name: sha256(chain.results / name) for name in there}
        provenance(chain, folder / place_of, inputs=inputs)
    run(chain, "publish", "--partial", *place)
    assert (kept / "tables/main.csv").read_text() == TABLE.replace("63.54", "")
    with pytest.raises(SystemExit, match="1 run of 2 were pending when it was published"):
        verify(chain)


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


def test_a_column_that_is_newer_is_told_and_no_difference(
    chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(chain)
    newer = "dataset,method,whole,seconds,macro_f1\ntiny,emr,70.05,3.1,1\ntiny,dynamic,63.54,4,1\n"
    (chain.results / "tiny/tables/main.csv").write_text(newer)
    assert "the same as published, digit by digit" in verify(chain).read_text()
    said = capsys.readouterr().out
    assert "newer than what is published, not compared: main.csv: columns macro_f1" in said


def provenance(chain: Chain, tables: Path | None = None, **changes: object) -> None:
    from conpet.commands.checks import open_experiment

    experiment = open_experiment("tiny", chain.config)  # with the learners' revisions
    record = {"config_sha256": experiment.sha256(), "cpu": "A", "packages": {"torch": "2.13.0"}}
    inputs = {METRICS: sha256(chain.results / METRICS), "author_results.csv": "of no result"}
    folder = tables or chain.results / "tiny/tables"
    write_json(folder / "main.json", {**record, "inputs": inputs, **changes})


def means(accuracy: float, std: float, forgets: float = 0.1) -> str:
    return (
        "dataset,method,whole_accuracy_mean,whole_accuracy_std,n,p,forgetting_mean\n"
        f"tiny,emr,{accuracy},{std},3,0.04,{forgets}\n"
    )


@pytest.mark.parametrize(
    ("std", "there", "same"),
    [
        (0.03, 0.79, True),  # 8.61 standard errors of 0.024 are allowed
        (0.03, 0.93, False),
        (0.0, 0.708, True),
        (0.0, 0.715, False),
    ],
)
def test_another_platform_is_told_and_allowed_what_seeds_differ_by(
    std: float, there: float, same: bool, chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    table = chain.results / "tiny/tables/main.csv"
    table.write_text(means(0.70, std))
    provenance(chain)
    publish(chain)
    (chain.results / METRICS).write_text("{} ")
    provenance(chain, cpu="B", packages={"torch": "2.14.1"}, cards=["cuda (One)"])
    # what follows from the means, as p does, is not compared
    table.write_text(means(there, std).replace("0.04", "0.9"))
    if same:
        said = "1 means and counts as published, on another platform: within what seeds differ by"
        assert said in verify(chain).read_text()
    else:
        line = r"1 cells differ .*of 1 means over seeds, by more than seeds do\); 1 of 2 files"
        with pytest.raises(SystemExit, match=line):
            verify(chain)
    out = capsys.readouterr().out
    assert "another platform: cpu: B instead of A" in out
    assert "another platform: torch: 2.14.1 instead of 2.13.0" in out
    assert "another platform: cards: ['cuda (One)'] instead of none" in out


def test_a_method_that_another_platform_lacks_is_named(chain: Chain) -> None:
    table = chain.results / "tiny/tables/main.csv"
    table.write_text(means(0.70, 0.03))
    provenance(chain)
    publish(chain)
    provenance(chain, cpu="B")
    table.write_text(means(0.70, 0.03).replace("emr", "crl"))
    with pytest.raises(SystemExit, match="1 cells differ"):
        verify(chain)


def test_the_same_platform_is_allowed_nothing(chain: Chain) -> None:
    provenance(chain)
    publish(chain)
    (chain.results / "tiny/tables/main.csv").write_text(TABLE.replace("70.05", "70.0500001"))
    with pytest.raises(SystemExit, match="1 cells differ"):
        verify(chain)


def test_other_settings_are_not_compared(chain: Chain) -> None:
    publish(chain)
    write_json(chain.folder / "published/tiny/tables/main.json", {"config_sha256": "other"})
    with pytest.raises(SystemExit, match="published of other settings"):
        verify(chain)


def test_tables_alone_prove_nothing(chain: Chain) -> None:
    publish(chain)
    tables, metrics = chain.results / "tiny/tables", chain.results / METRICS
    metrics.write_text('{"whole": 1}')
    with pytest.raises(SystemExit, match=r"metrics\.json: other bytes than .*tables was made of"):
        verify(chain)
    metrics.unlink()
    with pytest.raises(SystemExit, match=r"metrics\.json: not there, but .*tables was made of it"):
        verify(chain)
    (tables / "main.json").unlink()
    with pytest.raises(SystemExit, match="says of no file what it was made of"):
        verify(chain)
    shutil.rmtree(tables)
    with pytest.raises(SystemExit, match="no tables of tiny yet: snakemake verify makes them"):
        verify(chain)


def test_nothing_published_is_one_line(chain: Chain) -> None:
    with pytest.raises(SystemExit) as stopped:
        verify(chain)
    assert "nothing is published of experiment tiny" in str(stopped.value.code)


@pytest.mark.parametrize("name", sorted(p.name for p in PUBLISHED.iterdir() if p.is_dir()))
def test_every_published_table_can_be_compared_from_elsewhere(name: str, tmp_path: Path) -> None:
    kept = PUBLISHED / name / "tables"
    there = shutil.copytree(kept, tmp_path / "tables")
    # differences of methods count their seeds by another name; they differ by as much as methods do
    path = there / "significance.csv"
    frame = pd.read_csv(path)
    std = frame["difference_std"].fillna(0)  # of one seed none is known
    frame["difference_mean"] += 8 * std / frame["seeds"].clip(lower=1) ** 0.5
    frame.to_csv(path, index=False)
    assert compare_means(kept, there).lines == []
    frame["difference_mean"] += 200 * std + 0.03 * (frame["seeds"] == 1)  # of one, two points
    frame.to_csv(path, index=False)
    assert compare_means(kept, there).lines


@pytest.mark.parametrize("name", ["tunable", "samples_per_task", "kept_samples"])
def test_counts_are_the_same_on_every_platform(name: str, tmp_path: Path) -> None:
    for folder, value in (("a", 400), ("b", 401)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "cost.csv").write_text(f"dataset,method,n,{name}\nd,emr,3,{value}\n")
    assert compare_means(tmp_path / "a", tmp_path / "a").lines == []
    (line,) = compare_means(tmp_path / "a", tmp_path / "b").lines
    assert line == f"cost.csv: row dataset=d method=emr: {name}: 400 against 401"
