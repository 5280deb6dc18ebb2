"""What `conpet predict` writes beside the answers is what the file holds."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from conpet.commands import answering
from conpet.errors import UserError
from conpet.predicting.predictor import Predictions


class Learner:
    """Answers every text alike."""

    def __init__(self, fields: list[str]) -> None:
        self.fields = fields
        self.about = SimpleNamespace(files={"a": "b"}, column="")

    def predict(self, texts: list[Any], threshold: object) -> Predictions:
        n = len(texts)
        return Predictions(
            ["x"] * n, np.ones((n, 1)), np.ones(n), np.ones(n, np.int64), None, ["x"]
        )


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function: records, columns to keep, fields -> what was written, read back."""

    def ask(records: list[Any], keep: list[str], fields: list[str]) -> pd.DataFrame:
        monkeypatch.setattr(answering, "load", lambda run, **opened: Learner(fields))
        file, out = tmp_path / "a.jsonl", tmp_path / "out.csv"
        file.write_text("".join(json.dumps(record) + "\n" for record in records))
        asking = answering.Asking(file, [], fields, keep, {}, out)
        answering.answer_texts("run", asking, {}, False, False)
        return pd.read_csv(out, dtype=str, keep_default_na=False)

    return ask


def test_whole_numbers_keep_their_digits_where_one_is_missing(said: Any) -> None:
    ids = [9007199254740993, None, 7]
    found = said([{"id": i, "text": "a"} for i in ids], ["id"], [])
    assert list(found["id"]) == ["9007199254740993", "", "7"]


def test_a_text_that_holds_a_bare_carriage_return_stays_one_row(said: Any) -> None:
    found = said([{"text": "a\rb"}, {"text": 'c "d", e'}], [], [])
    assert list(found["text"]) == ["a\rb", 'c "d", e']
    assert list(found["label"]) == ["x", "x"]


def test_a_field_may_be_called_as_a_column_of_the_answer_is(said: Any) -> None:
    found = said([{"task": "a", "goal": "b"}], [], ["task", "goal"])
    assert list(found) == ["task (file)", "goal", "label", "confidence", "task"]
    assert list(found["task (file)"]) == ["a"]


def test_a_field_may_be_called_as_a_table_s_label_is(said: Any) -> None:
    found = said([{"label": "a", "goal": "b"}], [], ["label", "goal"])
    assert list(found) == ["label (file)", "goal", "label", "confidence", "task"]
    assert list(found["label (file)"]) == ["a"]


@pytest.mark.parametrize(("columns", "own"), [([], ""), (["words"], ""), ([], "words")])
def test_a_table_that_is_called_txt_is_no_list_of_texts(
    columns: list[str], own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = Learner([])
    learner.about.column = own
    monkeypatch.setattr(answering, "load", lambda run, **opened: learner)
    file = tmp_path / "a.txt"
    asking = answering.Asking(file, [], columns, [], {}, tmp_path / "out.csv")
    name = "words" if columns or own else "text"
    file.write_text(f"{name}\tlabel\nfine\tgood\n")
    with pytest.raises(UserError, match=f"line 1 has a column {name}: .* call a table a.tsv"):
        answering.answer_texts("run", asking, {}, False, False)
    file.write_text(f"a {name}\twith a tab\n{name}\n")
    if columns:
        with pytest.raises(UserError, match=r"--column words: of a \.txt every line is a text"):
            answering.answer_texts("run", asking, {}, False, False)
    else:
        answering.answer_texts("run", asking, {}, False, False)
