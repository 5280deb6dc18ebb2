"""A learner within somebody's program: threads, copies, whatever holds texts."""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import conpet
from conpet.data.schema import NONE
from conpet.errors import UserError
from tests.chain import Chain
from tests.predicting.conftest import Packaged

TEXTS = [
    f"the w{c}x{i % 3} a w{c}x{(i + j) % 3}" for c in range(6) for i in range(3) for j in (1, 2)
]


@pytest.fixture(scope="module")
def run(packaged: Packaged) -> Path:
    return packaged("emr")


@pytest.fixture(scope="module")
def fitted(learnt: Chain, packaged: Packaged) -> Path:
    learnt.methods["ncm"] = {
        "title": "NCM", "learner": "linear", "replay": "none",
        "settings": {"tuning": {"type": "none"}, "head": "ncm"},
    }  # fmt: skip
    learnt.write_methods()
    return packaged("ncm")


@pytest.mark.parametrize("method", ["emr", "dynamic"])
def test_threads_get_the_answers_of_one_after_the_other(method: str, packaged: Packaged) -> None:
    learner = conpet.load(packaged(method))
    expected = [learner.predict([text]).probabilities for text in TEXTS]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda text: learner.predict([text]).probabilities, TEXTS * 3))
    assert np.array_equal(np.concatenate(found), np.concatenate(expected * 3))


def test_learners_side_by_side_leave_the_process_as_it_was(run: Path, fitted: Path) -> None:
    learners = [conpet.load(run), conpet.load(fitted, threads=2)]
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda i: learners[i % 2].predict(TEXTS[:2]), range(24)))
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def elsewhere(learner: Any) -> Any:
    """What another process gets of it: how to make it, never the thing itself."""
    make, how = learner.__reduce__()
    return make(*how)


@pytest.mark.parametrize("other", [copy.deepcopy, elsewhere])
def test_a_copy_answers_alike(other: Callable[[Any], Any], run: Path) -> None:
    learner = conpet.load(run, threads=2)
    twin = other(learner)
    assert twin.compute == learner.compute
    said = [it.predict(TEXTS).probabilities for it in (learner, twin)]
    assert np.array_equal(*said)


def test_what_was_taught_is_not_lost_in_a_copy(fitted: Path, tmp_path: Path) -> None:
    learner = conpet.load(fitted)
    learner.teach(TEXTS[:2], ["new", "new"])
    with pytest.raises(UserError, match="not copied: save it, and open that"):
        copy.deepcopy(learner)
    learner.save(str(tmp_path / "taught"))
    assert copy.deepcopy(conpet.load(tmp_path / "taught")).classes[-1] == "new"


def test_another_default_type_changes_no_answer(run: Path) -> None:
    expected = conpet.load(run).predict(TEXTS).probabilities
    torch.set_default_dtype(torch.float64)
    try:
        assert np.array_equal(conpet.load(run).predict(TEXTS).probabilities, expected)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("held", [tuple, iter, pd.Series, np.array])
def test_whatever_holds_texts_in_an_order(held: Callable[[list[str]], Any], run: Path) -> None:
    learner = conpet.load(run)
    assert learner.predict(held(TEXTS)).labels == learner.predict(TEXTS).labels


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ("one", "texts: one text: give a list"),
        (b"one", "texts: one text: give a list"),
        (None, "texts: of type NoneType"),
        ({"text": "a"}, "texts: of type dict"),
        ({"a", "b"}, "texts: of type set"),
        (pd.DataFrame({"text": ["a"]}), "texts: a table: give one of its columns"),
    ],
)
def test_what_holds_none_is_one_line(texts: Any, expected: str, run: Path, fitted: Path) -> None:
    with pytest.raises(UserError, match=expected):
        conpet.load(run).predict(texts)
    with pytest.raises(UserError, match=expected):
        conpet.load(fitted).teach(texts, ["a"])


def test_labels_are_several_and_a_threshold_is_a_number(run: Path, fitted: Path) -> None:
    with pytest.raises(UserError, match="labels: one text: give a list of labels"):
        conpet.load(fitted).teach(["it is", "is it"], "ab")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"threshold: '0\.5': give a confidence"):
        conpet.load(run).predict(TEXTS, threshold="0.5")  # type: ignore[arg-type]


def test_labels_are_class_names_as_in_a_file(fitted: Path) -> None:
    learner = conpet.load(fitted)
    with pytest.warns(UserWarning, match="classes look alike: 'new' and 'New'"):
        assert learner.teach(TEXTS[:3], [" new ", "new", "New"]) == ["new", "New"]
    with pytest.warns(UserWarning) as said:
        learner.teach([TEXTS[0]] * 2, ["one", "two"])
    assert "1 texts have several labels (one, two): each counts" in {str(w.message) for w in said}
    with pytest.raises(UserError, match="label 1: 'none of the seen classes' is what is said of"):
        learner.teach(TEXTS[:1], ["none of the seen classes"])


def test_nothing_that_is_there_is_replaced(fitted: Path, tmp_path: Path) -> None:
    learner = conpet.load(fitted)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years")
    for out in ("mine", "mine/thesis.txt", "mine/thesis.txt/x", ""):
        with pytest.raises(UserError, match="give another name"):
            learner.save(tmp_path / out if out else "")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"device": "gpu"}, "load: device: "),
        ({"precision": "float16"}, "load: precision: "),
        ({"threads": 0}, "load: threads: "),
    ],
)
def test_an_option_that_is_none_is_one_line(options: Any, expected: str, run: Path) -> None:
    with pytest.raises(UserError, match=expected):
        conpet.load(run, **options)
    with pytest.raises(UserError, match="load: None: give a folder"):
        conpet.load(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("wanted", "refused"), [(None, 0), (False, 0), (np.bool_(False), 0)])
def test_no_threshold_refuses_nothing(wanted: Any, refused: int, run: Path) -> None:
    labels = conpet.load(run).predict(TEXTS, threshold=wanted).labels
    assert labels.count(NONE) == refused


def test_a_comparison_of_numpy_is_a_truth_value(run: Path) -> None:
    learner = conpet.load(run)
    one, other = (learner.predict(TEXTS, threshold=x).labels for x in (True, np.bool_(True)))
    assert one == other
