"""A packaged learner with a fitted head: asked, and taught a class without training."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import conpet
from conpet.card import read_card
from conpet.errors import UserError
from conpet.files import read_json
from conpet.predicting.predictor import _ONE_AT_A_TIME, Predictor
from tests.chain import Chain
from tests.predicting.conftest import Packaged

NEW = [f"is w5x{i % 3} is w0x{(i + 1) % 3} it" for i in range(5)]  # like no other class's
OLD = ["the w0x0 a w0x1", "the w1x1 a w1x2", "the w2x0 a w2x2", "the w3x1 a w3x0"]


@pytest.fixture(scope="module")
def run(learnt: Chain, packaged: Packaged) -> Path:
    """Learn and package LDA of two layers of the frozen backbone."""
    settings = {"tuning": {"type": "none"}, "head": {"type": "lda", "layers": 2}}
    learnt.methods["lda"] = {
        "title": "LDA", "learner": "linear", "replay": "none", "settings": settings
    }  # fmt: skip
    learnt.write_methods()
    return packaged("lda")


@pytest.mark.parametrize("more_of_head", [{}, {"beside": "frozen"}])
def test_what_reads_through_a_mean_of_adapters_is_packaged_and_taught(
    learnt: Chain, packaged: Packaged, tmp_path: Path, more_of_head: dict[str, str]
) -> None:
    """What is taught is measured in the space that the package answers in."""
    import pandas as pd

    head = {"type": "lda", "samples": "kept", "adapter": "mean", **more_of_head}
    name = "_".join(["mean", *more_of_head])
    learnt.methods[name] = {
        "title": "mean", "learner": "linear", "replay": "dynamic", "settings": {"head": head}
    }  # fmt: skip
    learnt.write_methods()
    run = packaged(name)
    found = pd.read_parquet(run / "task03/predictions.parquet")
    known = conpet.load(run)
    assert known.predict(_texts(run, found)).labels == found["prediction"].tolist()
    before = known.predict(OLD).labels
    file = tmp_path / "new.csv"
    file.write_text("text,label\n" + "".join(f"{t},seventh\n" for t in NEW))
    Chain.__call__(None, "teach", "--run", run, file, "--out", tmp_path / "more")  # type: ignore[arg-type]
    more = conpet.load(tmp_path / "more", snapshot=run.parents[4] / "models/tiny")
    assert more.predict(NEW).labels == ["seventh"] * 5
    assert more.predict(OLD).labels == before


def test_nothing_is_trained_and_the_passes_are_counted(run: Path) -> None:
    state = read_json(run / "task02/state/state.json")
    assert (state["trainable_parameters"], state["samples_passed"], state["steps"]) == (0, 0, 0)
    assert state["forward_samples"] == 32  # the task's own: no old sample passes again
    assert state["epochs"] == []
    assert not (run / "task02/state/adapter").exists()


def test_a_package_answers_as_the_evaluation_did(run: Path) -> None:
    import pandas as pd

    about = read_card(run / "model")
    assert about.head.type == "lda"
    assert about.calibration is not None
    found = pd.read_parquet(run / "task03/predictions.parquet")
    said = conpet.load(run).predict(_texts(run, found))
    assert said.labels == found["prediction"].tolist()
    assert conpet.load(run).predict(OLD, threshold=True).labels


def _texts(run: Path, found: object) -> list[str]:
    import pandas as pd

    samples = pd.read_parquet(run.parents[4] / "data/s.parquet")
    return samples["text"].iloc[found["row"].to_numpy()].tolist()  # type: ignore[index]


def test_a_class_of_five_texts_is_taught_and_the_earlier_ones_stay(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = conpet.load(run)
    before = known.predict(OLD)
    file = tmp_path / "new.csv"
    file.write_text("text,label\n" + "".join(f"{t},seventh\n" for t in NEW))
    Chain.__call__(None, "teach", "--run", run, file, "--out", tmp_path / "more")  # type: ignore[arg-type]
    assert "taught 5 texts" in capsys.readouterr().out
    more = conpet.load(tmp_path / "more", snapshot=run.parents[4] / "models/tiny")
    assert more.classes == [*known.classes, "seventh"]
    said = more.predict(NEW)
    assert said.labels == ["seventh"] * 5
    assert (said.task == 4).all()
    after = more.predict(OLD)
    assert after.labels == before.labels
    about = read_card(tmp_path / "more")
    assert (about.task, about.taught) == (4, {"seventh": 5})
    assert read_json(run / "model/model.json").get("taught") is None


def test_what_teaching_takes_that_is_doubtful_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, name = tmp_path / "new.csv", conpet.load(run).classes[0]
    rows = [f"{NEW[0]},Seventh", f"{NEW[0]},Seventh", f"{NEW[1]},seventh", f"{NEW[1]},{name}"]
    file.write_text("text,label,split\n" + "".join(f"{row},test\n" for row in rows))

    def teach(out: str, *more: str) -> None:
        words = ("teach", "--run", run, file, "--out", tmp_path / out, *more)
        Chain.__call__(None, *words)  # type: ignore[arg-type]

    teach("more")
    said = capsys.readouterr().out
    assert "note: 1 of 4 samples are copies of another, with the same label: first new:3" in said
    assert "note: 1 of 2 different texts have several labels" in said
    assert "note: classes look alike: 'Seventh' and 'seventh'" in said
    with pytest.raises(SystemExit, match="--option split: every row is taught: leave it out"):
        teach("again", "--option", "split=split")
    assert not (tmp_path / "again").exists()


def test_other_columns_are_named_as_they_are_typed(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("message,category\n" + "".join(f"{t},seventh\n" for t in NEW))
    typed = "--option text=message --option label=category"
    words = ("teach", "--run", run, file, "--out", tmp_path / "more")
    with pytest.raises(SystemExit, match=f"give {typed}, or --option header=false where"):
        Chain.__call__(None, *words)  # type: ignore[arg-type]
    Chain.__call__(None, *words, *typed.split())  # type: ignore[arg-type]
    assert conpet.load(tmp_path / "more").classes[-1] == "seventh"
    with pytest.raises(SystemExit, match="give --column message, or --option header=false where"):
        Chain.__call__(None, "predict", "--run", run, file)  # type: ignore[arg-type]
    # what is asked has no labels, as a rule
    file.write_text("id,Body\n" + "".join(f"{n},{t}\n" for n, t in enumerate(NEW)))
    with pytest.raises(SystemExit, match="give --column Body, or --option header=false where"):
        Chain.__call__(None, "predict", "--run", run, file)  # type: ignore[arg-type]
    file.write_text("text,label\nok,seventh\n\u200b,seventh\n")
    with pytest.raises(SystemExit, match=r"new\.csv: line 3: no text in column text"):
        Chain.__call__(None, "predict", "--run", run, file)  # type: ignore[arg-type]
    file.write_text("text\n")
    with pytest.raises(SystemExit, match=r"new.csv: holds no text: nothing to answer"):
        Chain.__call__(None, "predict", "--run", run, file)  # type: ignore[arg-type]


def test_the_column_is_that_of_the_training(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = conpet.load(run)
    known.about = known.about.model_copy(update={"column": "words"})
    monkeypatch.setattr("conpet.commands.teaching.load", lambda *_, **__: known)
    file = tmp_path / "new.csv"
    file.write_text("words,label\n" + "".join(f"{t},seventh\n" for t in NEW))
    Chain.__call__(None, "teach", "--run", run, file, "--out", tmp_path / "more")  # type: ignore[arg-type]
    assert "taught 5 texts" in capsys.readouterr().out
    file.write_text("body,kind\na,seventh\n")
    said = "column 'words' is not among the columns .+: give --option text=COLUMN --option"
    with pytest.raises(SystemExit, match=said):
        Chain.__call__(None, "teach", "--run", run, file, "--out", tmp_path / "other")  # type: ignore[arg-type]


def test_a_trained_head_is_told_before_the_file_is_read(packaged: Packaged, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("a,b\n1,2\n")
    words = ("teach", "--run", packaged("finetune"), file, "--out", tmp_path / "more")
    with pytest.raises(SystemExit, match="head is trained: a new class needs training"):
        Chain.__call__(None, *words)  # type: ignore[arg-type]


def test_texts_of_a_known_class_join_its_own(run: Path) -> None:
    made = conpet.load(run)
    head = made.learner.refit.head  # type: ignore[attr-defined]
    name = made.classes[0]
    count = head.count.copy()
    assert made.teach(OLD[:2], [name, name]) == []
    assert (head.count - count).tolist() == [2.0, 0, 0, 0, 0, 0]
    assert made.about.task == 3
    assert np.isfinite(made.predict(OLD).probabilities).all()


def test_a_trained_head_is_not_taught(packaged: Packaged, run: Path) -> None:
    trained = conpet.load(packaged("finetune"))
    with pytest.raises(UserError, match="head is trained: a new class needs training"):
        trained.teach(["the w0x0"], ["new"])
    with pytest.raises(UserError, match="head is trained"):
        trained.save(run / "nowhere")
    made: Predictor = conpet.load(run)
    with pytest.raises(UserError, match="1 texts and 2 labels"):
        made.teach(["the w0x0"], ["a", "b"])
    with pytest.raises(UserError, match="label 1: ' ' is no class name"):
        made.teach(["the w0x0"], [" "])
    with pytest.raises(UserError, match="text 1: empty"):
        made.teach([" "], ["new"])
    assert len(made.classes) == 6


def test_what_stops_teaching_leaves_the_learner_as_it_was(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = conpet.load(run)
    before = known.predict([*OLD, *NEW])
    real = known.describe

    def stop(about: object) -> None:
        if len(about.classes) > len(known.about.classes):  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        real(about)  # type: ignore[arg-type]

    monkeypatch.setattr(known, "describe", stop)
    with pytest.raises(KeyboardInterrupt):
        known.teach(NEW, ["seventh"] * 5)
    after = known.predict([*OLD, *NEW])
    assert after.labels == before.labels
    assert np.array_equal(after.probabilities, before.probabilities)


def test_texts_are_read_with_the_classes_they_are_answered_among(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread may teach between: what is known then must be what is known when scored."""
    known = conpet.load(run)
    held: list[bool] = []
    real = known.samples

    def samples(*asked: object) -> object:
        held.append(_ONE_AT_A_TIME._is_owned())  # type: ignore[attr-defined]
        return real(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(known, "samples", samples)
    known.predict(OLD)
    assert held == [True]


def test_a_package_that_was_made_again_is_not_mixed_with_what_was_opened(
    run: Path, tmp_path: Path
) -> None:
    package = shutil.copytree(run / "model", tmp_path / "model")
    known = conpet.load(package, snapshot=run.parents[4] / "models/tiny")
    known.teach(NEW, ["seventh"] * 5)
    with pytest.raises(UserError, match="lies in the package that is opened"):
        known.save(package / "more")
    state = next(package.rglob("learner.safetensors"))
    state.write_bytes(state.read_bytes() + b" ")
    with pytest.raises(UserError, match=r"learner\.safetensors: has changed since it was packaged"):
        known.save(tmp_path / "more")
    assert not (tmp_path / "more").exists()
