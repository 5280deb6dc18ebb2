"""A packaged learner answers as its evaluation did, however it is asked."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import conpet
from conpet.card import read_card
from conpet.commands import main
from conpet.errors import UserError
from conpet.files import read_json, write_json
from conpet.predicting.predictor import NONE
from conpet.predicting.texts import as_sample
from tests.chain import Chain
from tests.predicting.conftest import TASKS, Packaged
from tests.tiny import make_samples

METHODS = ("static_emr", "dynamic")


@pytest.mark.parametrize("method", [*METHODS, "dynamic_lda"])
def test_answers_as_the_evaluation_did(method: str, packaged: Packaged, learnt: Chain) -> None:
    run = packaged(method)
    samples = [s for s in make_samples() if s.split == "test"]
    found = conpet.load(run).predict([s.text for s in samples])
    said = pd.read_parquet(run / f"task{TASKS:02d}/predictions.parquet").sort_values("row")
    everything = make_samples()
    expected = {
        everything[row].id: guess
        for row, guess in zip(said["row"], said["prediction"], strict=True)
    }
    assert found.labels == [expected[s.id] for s in samples]
    assert found.probabilities.shape == (len(samples), len(found.classes))
    assert found.probabilities.sum(1) == pytest.approx(np.ones(len(samples)))
    assert (found.selected is not None) == method.startswith("dynamic")
    about = json.loads((run / "model/model.json").read_text())
    assert about["calibration"]["samples"] == 24
    assert about["calibration"]["nll"][1] <= about["calibration"]["nll"][0]


@pytest.mark.parametrize("method", METHODS)
def test_a_text_is_given_the_same_whatever_is_asked_with_it(
    method: str, packaged: Packaged
) -> None:
    predictor = conpet.load(packaged(method) / "model")
    texts = [s.text + " a the" * (i % 3) for i, s in enumerate(make_samples()[::7])]
    together = predictor.predict(texts)
    for i, text in enumerate(texts):
        alone = predictor.predict([text])
        assert alone.labels == together.labels[i : i + 1]
        np.testing.assert_allclose(alone.probabilities[0], together.probabilities[i], atol=1e-6)


def test_nothing_asked_nothing_said(packaged: Packaged) -> None:
    assert len(conpet.load(packaged("dynamic")).predict([])) == 0


def test_below_the_threshold_no_class_is_given(packaged: Packaged) -> None:
    predictor = conpet.load(packaged("static_emr"))
    texts = [s.text for s in make_samples()[:40]]
    free = predictor.predict(texts)
    apart = np.sort(free.confidence)
    middle = float(apart[np.diff(apart).argmax() :][:2].mean())  # in the widest gap
    bound, sure = predictor.predict(texts, threshold=middle), free.confidence >= middle
    assert 0 < sure.sum() < len(sure)
    assert bound.labels == [b if s else NONE for b, s in zip(free.labels, sure, strict=True)]
    assert list(bound.task) == [t if s else 0 for t, s in zip(free.task, sure, strict=True)]
    calibrated = predictor.predict(texts, threshold=True)
    assert predictor.about.calibration is not None
    low = free.confidence < predictor.about.calibration.threshold
    assert [label == NONE for label in calibrated.labels] == list(low)


def test_the_package_stands_alone(packaged: Packaged, learnt: Chain, tmp_path: Path) -> None:
    run = packaged("dynamic")
    shutil.copytree(run / "model", tmp_path / "elsewhere")
    texts = [s.text for s in make_samples()[:10]]
    there = conpet.load(tmp_path / "elsewhere", snapshot=learnt.snapshot).predict(texts)
    here = conpet.load(run).predict(texts)
    assert there.labels == here.labels
    assert (there.probabilities == here.probabilities).all()
    for what in ("snapshot", "mirror"):
        with pytest.raises(UserError, match=f"gone: no such folder, given as {what}"):
            conpet.load(run, **{what: tmp_path / "gone"})
    names = {p.name for p in (tmp_path / "elsewhere").rglob("*") if p.is_file()}
    assert not names & {"state.json", "timing.json"}


@pytest.mark.parametrize("what", ["selector", "options"])
def test_a_selector_that_was_learnt_again_is_not_asked_by_its_old_package(
    what: str, packaged: Packaged, tmp_path: Path
) -> None:
    run = shutil.copytree(packaged("dynamic"), tmp_path / "run")
    snapshot = packaged("dynamic").parents[4] / "models/tiny"
    assert conpet.load(run, snapshot=snapshot).predict(["the w0x0"])
    last = run / f"task{TASKS:02d}"
    if what == "selector":
        (last / "selector/learner.safetensors").write_bytes(b"other")
    else:
        state = read_json(last / "state/state.json")
        state["settings"]["options"] = {"selector": "classes"}
        write_json(last / "state/state.json", state)
    with pytest.raises(UserError, match=r"model: .* has been learnt again since: snakemake"):
        conpet.load(run, snapshot=snapshot)
    assert conpet.load(run / "model", snapshot=snapshot).predict(["the w0x0"])


def test_a_run_that_was_learnt_again_does_not_answer_by_its_old_package(
    packaged: Packaged, tmp_path: Path
) -> None:
    run = shutil.copytree(packaged("static_emr"), tmp_path / "run")
    snapshot = packaged("static_emr").parents[4] / "models/tiny"
    assert conpet.load(run, snapshot=snapshot).predict(["the w0x0"])
    (run / f"task{TASKS:02d}/state/learner.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match=r"model: task\d\d has been learnt again since: snakemake"):
        conpet.load(run, snapshot=snapshot)
    shutil.rmtree(run / f"task{TASKS:02d}")
    assert conpet.load(run, snapshot=snapshot).predict(["the w0x0"])  # it stands alone


def test_a_run_with_one_more_task_does_not_answer_by_its_old_package(
    packaged: Packaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(packaged("static_emr"), tmp_path / "run")
    snapshot = packaged("static_emr").parents[4] / "models/tiny"
    more = run / f"task{TASKS + 1:02d}/state/state.json"
    more.parent.mkdir(parents=True)
    more.write_text("{}")
    with pytest.raises(UserError, match=rf"knows {TASKS} tasks, and one more has been learnt"):
        conpet.load(run, snapshot=snapshot)
    name = read_card(run / "model").experiment
    monkeypatch.chdir(tmp_path)
    Path(f"{name}.yaml").touch()  # an experiment of one's own is named by its file
    with pytest.raises(
        UserError, match=rf"learners --config experiment={name}\.yaml makes it again"
    ):
        conpet.load(run, snapshot=snapshot)
    assert conpet.load(run / "model", snapshot=snapshot).predict(["the w0x0"])
    os.utime(more, (0, 0))  # left over from a longer stream
    assert conpet.load(run, snapshot=snapshot).predict(["the w0x0"])


def test_the_backbone_is_fetched_once_by_its_pin(
    packaged: Packaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONPET_CACHE", str(tmp_path / "cache"))
    shutil.copytree(packaged("static_emr") / "model", tmp_path / "elsewhere")
    first = conpet.load(tmp_path / "elsewhere").predict(["w0x1 a"])
    (folder,) = (tmp_path / "cache/models").iterdir()
    made = folder.stat().st_mtime_ns
    again = conpet.load(tmp_path / "elsewhere").predict(["w0x1 a"])
    assert again.labels == first.labels
    assert folder.stat().st_mtime_ns == made


def test_another_backbone_is_refused(
    packaged: Packaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONPET_CACHE", str(tmp_path / "cache"))
    shutil.copytree(packaged("static_emr") / "model", tmp_path / "elsewhere")
    path = tmp_path / "elsewhere/model.json"
    about = json.loads(path.read_text())
    about["backbone"]["files"]["config.json"] = "0" * 64
    path.write_text(json.dumps(about))
    with pytest.raises(UserError, match="other files than the learner was trained on"):
        conpet.load(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("tasks", "selector", "said"),
    [
        ((1, 3), 3, "--state: they are of tasks [1, 3], but tasks [1, 2, 3] are needed"),
        ((2, 1, 3), 3, "--state: they are of tasks [2, 1, 3], but tasks [1, 2, 3] are needed"),
        ((1, 2, 3), 2, "the selector of task 2, not 3"),
    ],
)
def test_states_that_do_not_answer_together_are_not_packaged(
    tasks: tuple[int, ...], selector: int, said: str,
    packaged: Packaged, learnt: Chain, tmp_path: Path,
) -> None:  # fmt: skip
    run, out = packaged("dynamic"), tmp_path / "out"
    states = [word for t in tasks for word in ("--state", run / f"task{t:02d}/state")]
    chosen = ["--selector", run / f"task{selector:02d}/selector"]
    with pytest.raises(SystemExit) as ended:
        learnt.ask("package", *learnt.of, *states, *chosen, "--out", out)
    assert said in str(ended.value.code)
    assert not out.exists()


def test_the_command_says_the_same(
    packaged: Packaged, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = packaged("dynamic")
    texts = [s.text for s in make_samples()[:12]]
    frame = pd.DataFrame({"body": texts})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.txt").write_text("\n".join(texts) + "\n")
    expected = conpet.load(run).predict(texts)
    for name in ("a.csv", "a.jsonl", "a.parquet", "a.txt"):
        column = [] if name.endswith(".txt") else ["--column", "body"]
        main(["predict", "--run", str(run), *column, str(tmp_path / name)])
        rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert [row["text"] for row in rows] == texts
        assert [row["label"] for row in rows] == expected.labels
        said = [float(row["confidence"]) for row in rows]
        assert said == pytest.approx(list(expected.confidence), abs=1e-6)
    main(["predict", "--run", str(run), "--text", texts[3], "--probabilities"])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert sum(float(v) for k, v in row.items() if k.startswith("p:")) == pytest.approx(1)


def test_the_column_that_it_was_trained_on_is_read_where_the_file_has_it(
    packaged: Packaged, learnt: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(packaged("dynamic") / "model", run)
    card = read_json(run / "model.json")
    assert "column" not in card
    write_json(run / "model.json", {**card, "column": "body"})
    texts = [s.text for s in make_samples()[:3]]
    other = [s.text for s in make_samples()[3:6]]
    pd.DataFrame({"text": other, "body": texts}).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"text": other}).to_csv(tmp_path / "b.csv", index=False)
    for name, read in (("a.csv", texts), ("b.csv", other)):
        words = ["--run", str(run), "--snapshot", str(learnt.snapshot), str(tmp_path / name)]
        main(["predict", *words])
        rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert [row["text"] for row in rows] == read


def _bytes(name: str, data: bytes) -> Any:
    return lambda folder: (folder / name).write_bytes(data)


@pytest.mark.parametrize(
    ("words", "make", "line"),
    [
        (["--text", " "], None, "text 1: empty: give a text"),
        (["{f}/a.csv"], _bytes("a.csv", b"body\nx\n"), "a.csv: line 1: column 'text' is not among"),
        (["{f}/a.csv"], _bytes("a.csv", b"text\n\xff\xfe\n"), "not UTF-8"),
        (["{f}/a.txt"], _bytes("a.txt", b"ok\n\xff\n"), "a.txt: line 2: not UTF-8"),
        (["{f}/a.csv"], _bytes("a.csv", b""), "a.csv: line 1: the file is empty"),
        (["{f}/a.jsonl"], _bytes("a.jsonl", b"{"), "a.jsonl: line 1: column 2: not JSON"),
        (["{f}/a.jsonl"], _bytes("a.jsonl", b'{"text": [3]}\n'), "line 1: text: [3] is neither"),
        (["{f}/a.xls"], _bytes("a.xls", b""), "a.xls: give .csv, .tsv, .txt, .json, .jsonl"),
        (["{f}/none.csv"], None, "none.csv: no such file"),
        (["--text", "x", "--threshold", "7"], None, "threshold: 7.0: give a confidence, 0 to 1"),
        ([], None, "predict: give either --text (once or more) or a file"),
        (["--text", "x", "--run", "{f}/none"], None, "none: no such folder"),
        (["--text", "x", "--run", "{f}"], None, "no packaged learner here (model.json)"),
        (["--text", "x", "--run", "http://a.b/m"], None, "http://a.b/m: nothing is fetched from"),
        (["--text", "x", "--run", "s3://bucket/m"], None, "s3://bucket/m: nothing is fetched from"),
        (["--text", "x", "--run", "file:///etc"], None, "file:///etc: nothing is fetched from"),
        (["--text", "fine", "--text", "caf\udce9"], None, "text 2: holds bytes that are not UTF-8"),
        (["--text", "x", "--threads", "0"], None, "--threads"),
        (["--text", "x", "--out", "{f}"], None, "is a directory"),
        (["--text", "x", "--out", "{f}/a.parquet"], None, "a.parquet: answers are written as CSV"),
        (["--text", "x", "--keep", "id"], None, "--keep id: there is no table here: leave it out"),
        (["{f}/a.txt", "--keep", "id"], _bytes("a.txt", b"x\n"), "--keep id: there is no table"),
        (["--text", "x", "--column", "no"], None, "--column no: there is no table here"),
        (["{f}/a.txt", "--column", "no"], _bytes("a.txt", b"x\n"), "--column no: of a .txt every"),
        (["{f}/a.csv", "--column", "n", "--option", "text=text"], _bytes("a.csv", b"text,n\nx,1\n"),
         "--column and --option text=: both name the text's columns: give one"),
        (["{f}/a.csv", "--keep", "id"], _bytes("a.csv", b"text,n\nx,1\n"),
         "--keep: a.csv: line 1: column 'id' is not among the columns (text, n, cut at"),
        (["{f}/a.jsonl", "--keep", "id"], _bytes("a.jsonl", b'{"text": "x"}\n'),
         "--keep: a.jsonl: no column id: it has text: name a column that it has"),
    ],
)  # fmt: skip
def test_a_bad_request_is_one_line(
    words: list[str], make: Any, line: str, packaged: Packaged, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if make:
        make(tmp_path)
    given = [word.replace("{f}", str(tmp_path)) for word in words]
    run = str(packaged("static_emr"))
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["predict", "--run", run, *given])
    code = stopped.value.code
    message = capsys.readouterr().err.strip() if code == 2 else str(code)
    assert line in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'id,text,label\n07,the w0x0,"a, b"\n8,the w1x0,\n'),
        ("a.csv", "id;text;label\n07;the w0x0;a, b\n8;the w1x0;\n"),
        ("a.jsonl", '{"id": "07", "text": "the w0x0", "label": "a, b"}\n'
         '{"text": "the w1x0", "id": 8, "label": null}\n'),
    ],
)  # fmt: skip
def test_columns_of_the_file_stand_beside_the_answer(
    name: str, content: str, packaged: Packaged, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    run, out = packaged("static_emr"), tmp_path / "said.csv"
    words = ["predict", "--run", str(run), str(tmp_path / name), "--out", str(out)]
    main([*words, "--keep", "id", "--keep", "label"])
    said = pd.read_csv(out, dtype=str, keep_default_na=False)
    assert list(said) == ["id", "label (file)", "text", "label", "confidence", "task"]
    assert list(said["id"]) == ["07", "8"]
    assert list(said["label (file)"]) == ["a, b", ""]
    assert list(said["label"]) == conpet.load(run).predict(list(said["text"])).labels
    main([*words[:3], str(out), "--out", str(tmp_path / "again.csv"), "--keep", "label",
          "--keep", "label (file)"])  # fmt: skip
    kept = ["label (file)", "label (file) (file)"]
    assert list(pd.read_csv(tmp_path / "again.csv"))[:2] == kept


def test_a_text_of_any_length_is_read(packaged: Packaged) -> None:
    predictor = conpet.load(packaged("static_emr"))
    assert len(predictor.predict(["w1x1 " * 20_000, "w1x1"])) == 2


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("no mark", "relation", "t: .*mark it as <e1>head</e1> and <e2>tail</e2>"),
        ("<e>one</e>", "relation", "t: not a marked relation"),
        ("<e1>one</e1>", "entity", "t: .*mark it as <e>mention</e>"),
        ("<e>one", "entity", "t: .*mark it as <e>mention</e>"),
        ("<e1>a</e1> <e1>b</e1> <e2>c</e2>", "relation", "t: 2 mentions of one head: mark one"),
        ("<e1>a</e1> <e2>b</e2> <e2>c</e2>", "relation", "t: 2 mentions of one tail: mark one"),
        ("<e>a</e> <e>b</e>", "entity", "t: 2 mentions of one entity: mark one of them"),
        ("<e1></e1> of <e2>b</e2>", "relation", "t: span outside the text: mark it as"),
        ("<e1> </e1> of <e2>b</e2>", "relation", "t: blank mention: mark it as"),
        ("<e1>\u200b</e1> of <e2>b</e2>", "relation", "t: blank mention: mark it as"),
        ("<e>\u2060\ufeff</e> here", "entity", "t: blank mention: mark it as"),
        ("<e1>a <e2>b</e2></e1>", "relation", "t: overlapping spans: mark it as"),
        ("<e1>a <e2>b</e1> c</e2>", "relation", "t: overlapping spans: mark it as"),
        ("\u200b\u2060", "sentence", "t: empty: give a text"),
        (3, "sentence", "t: of type int: give a text"),
    ],
)
def test_marks_are_asked_for(text: object, kind: str, line: str) -> None:
    with pytest.raises(UserError, match=line):
        as_sample(text, kind, "t")


def test_marked_texts_keep_their_mentions() -> None:
    sample = as_sample("<e1>Marie</e1> saw <e2>Warsaw</e2>", "relation", "t")
    assert sample.text == "Marie saw Warsaw"
    assert [(m.role, sample.text[m.start : m.end]) for m in sample.mentions] == [
        ("head", "Marie"), ("tail", "Warsaw"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"), MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        OSError(errno.EMFILE, "Too many open files"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_what_the_machine_does_is_not_the_packages_fault(
    error: Exception, packaged: Packaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    run = packaged("static_emr")
    monkeypatch.setattr("conpet.predicting.predictor.assemble", fails)
    with pytest.raises(type(error)) as raised:
        conpet.load(run)
    assert raised.value is error
