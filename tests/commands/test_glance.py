"""An experiment at a glance: what is measured, what that tells, and commands that are there."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conpet.commands import main
from conpet.commands.glance import glance
from conpet.data.marks import as_text
from conpet.data.samples import write_samples
from conpet.data.schema import Mention, Sample
from conpet.files import write_json
from conpet.predicting.texts import as_sample
from conpet.reporting.collect import Results, collect
from conpet.reporting.verdict import told
from tests.conftest import ROOT
from tests.reporting.synthetic import build, cells, known

MARIE = Sample("a", "Marie met Bo in Rome", "x", "test", (
    Mention("head", 0, 5), Mention("tail", 16, 20), Mention("head", 10, 12),
))  # fmt: skip


def made(folder: Path, *seeds: int) -> Results:
    matrix = cells(methods=("finetune", "emr", "static_emr"), seeds=seeds, n_tasks=3)
    build(folder, matrix, per_class=12)
    return collect("demo", folder, matrix, **known())


def test_a_line_per_method_with_mean_and_spread(tmp_path: Path) -> None:
    results = made(tmp_path, 100, 200, 300)
    head, *lines = glance(results)
    assert head.split() == [
        "Method",
        "Accuracy",
        "(%)",
        "Forgets",
        "(points)",
        "Samples",
        "per",
        "task",
    ]
    assert [line.split("  ")[0] for line in lines] == ["Fine-tuning", "EMR", "Static ConPET (EMR)"]
    assert all(line.count("±") == 2 for line in lines)
    shutil.rmtree(tmp_path / "demo/demo/minilm/emr")
    pending = glance(collect("demo", tmp_path, cells(methods=("finetune", "emr")), **known()))
    assert pending[-1].split()[1:] == ["…"] * 3


def test_one_seed_says_nothing(tmp_path: Path) -> None:
    (line,) = told(made(tmp_path, 100))
    assert line.startswith("Static ConPET (EMR) and EMR are not told apart (")
    assert line.endswith("points): one seed says nothing.")


def test_what_seeds_and_texts_tell_is_a_sentence(tmp_path: Path) -> None:
    results = made(tmp_path, 100, 200, 300)
    emr = results.about["emr"].model_copy(update={"against": ["finetune"]})
    other = results.about["finetune"].model_copy(update={"against": ["emr"]})
    found = replace(results, about={**results.about, "emr": emr, "finetune": other})
    below, above, _ = told(found)
    assert below.startswith("Fine-tuning is ")
    assert " points below EMR: seeds and test texts agree." in below
    assert above.startswith("EMR is ")
    assert " points above Fine-tuning: seeds and test texts agree." in above


def test_show_names_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    there = tmp_path / "results"
    matrix = cells(methods=("finetune", "static_emr"), seeds=(100,), n_tasks=4)
    _, run = found = build(there, matrix, per_class=2).runs

    def following(*words: Any) -> list[str]:
        main([*words, "--results", str(there)])
        said = capsys.readouterr().out.partition("\nNext\n")[2].splitlines()
        return [line.strip() for line in said[::2]]

    make, ours = following("show", "demo")[:3], following("show", "demo")[3:]
    assert [line.split()[1:] for line in make] == [
        [target, "--config", "experiment=demo"] for target in ("learners", "report", "mlflow")
    ]
    assert [line.split()[1] for line in ours] == ["init", "targets"]
    main(["show", "demo", "--results", str(there)])
    said = capsys.readouterr().out
    assert "\n\n\n" not in said
    # the demo has other methods and seeds than these
    assert "where some seeds are there, the mean over these" in said
    assert " runs are not finished: " in said
    (there / "demo/report.html").touch()
    write_json(there / "demo/tracked.json", {})
    write_samples(there / "data/demo/base/samples.parquet", [MARIE] * 99)
    for ready in found:  # the best is asked
        (ready.folder.root / "model").mkdir()
    ask, page, ui, *_ = following("show", "--experiment", "demo")
    assert ask.endswith(
        f"predict --run {run.folder.root} --text '<e1>Marie</e1> met Bo in <e2>Rome</e2>'"
    )
    assert page == str(there / "demo/report.html")
    os.utime(there / "demo/report.html", (1.0, 1.0))  # made before the results that are there now
    assert "report" in following("show", "--experiment", "demo")[1]
    assert "report.html" not in following("show", "--experiment", "demo")[1]
    assert ui.split()[1] == "ui"
    os.utime(there / "demo/tracked.json", (1.0, 1.0))
    assert " mlflow --config" in following("show", "--experiment", "demo")[2]
    with pytest.raises(SystemExit, match="demo and --experiment demo: give one of them"):
        main(["show", "demo", "--experiment", "demo"])
    with pytest.raises(SystemExit, match="give an experiment: a name in config/experiments"):
        main(["show"])
    for metrics in there.rglob("metrics.json"):
        metrics.unlink()
    with pytest.raises(
        SystemExit, match=r"8 trainings done, and nothing is tested yet of demo: sn"
    ):
        main(["show", "demo", "--results", str(there)])
    (there / "published/demo").mkdir(parents=True)
    with pytest.raises(SystemExit, match=r"experiment=demo; others' is in .*published/demo$"):
        main(["show", "demo", "--results", str(there)])


def test_a_table_of_nothing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--experiment", "demo", "--results", str(tmp_path)]
    main(["table", "main", *words, "--out", str(tmp_path / "main")])
    assert f"{tmp_path}/demo: nothing is tested yet: all is pending" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "kind", "fields"),
    [
        ("plain text", "sentence", []),
        ("<e1>Ana</e1> saw <e2>Oslo</e2>", "relation", []),
        ("in <e>Oslo</e>", "entity", []),
        ('{"a": "one", "b": "two"}', "fields", ["a", "b"]),
    ],
)
def test_a_sample_is_asked_about_as_it_was_given(text: str, kind: str, fields: list[str]) -> None:
    assert as_text(as_sample(text, kind, "t", fields)) == text


def test_a_figure_of_some_methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = made(tmp_path / "results", 100)
    two = results.only(["static_emr", "finetune"])
    assert two.methods == ["static_emr", "finetune"]
    assert len(two.runs) == 2
    monkeypatch.chdir(ROOT)
    words = ["plot", "accuracy", "--experiment", "demo", "--results", str(tmp_path / "results")]
    main([*words, "--out", str(tmp_path / "all")])
    main([*words, "--out", str(tmp_path / "one"), "--method", "static_emr"])
    assert (tmp_path / "one.svg").stat().st_size < (tmp_path / "all.svg").stat().st_size
    with pytest.raises(SystemExit, match="plot: unknown method 'no'"):
        main([*words, "--out", str(tmp_path / "two"), "--method", "no"])


def test_alone_it_says_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    said = capsys.readouterr().out
    assert said.startswith("Teach a language model one task after another.")
    assert all(len(line) <= 80 for line in said.splitlines())
