"""Answers that are kept from process to process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conpet import memo
from conpet.config.method import Method
from conpet.errors import UserError
from conpet.learners import check_method, keeps_experts


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "deep" / "memo.json"
    monkeypatch.setenv(memo.FILE, str(path))
    return path


def forget() -> None:
    """Be another process."""
    memo._answers.cache_clear()
    memo._code.cache_clear()


def never() -> int:
    raise AssertionError("asked again")


def test_an_answer_is_found_once(file: Path) -> None:
    assert memo.remembered("a", lambda: 1) == 1
    forget()
    assert memo.remembered("a", never) == 1
    assert memo.remembered("b", lambda: 2) == 2
    assert json.loads(file.read_text())["answers"] == {"a": 1, "b": 2}


def test_other_code_or_a_spoilt_file_is_asked_again(file: Path) -> None:
    memo.remembered("a", lambda: 1)
    kept = json.loads(file.read_text())
    for text in (json.dumps({**kept, "code": "other"}), "{", "[]", "null"):
        forget()
        file.write_text(text)
        assert memo.remembered("a", lambda: 3) == 3


def test_a_mistake_is_not_kept_and_a_folder_that_cannot_be_written_does_not_matter(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    method = Method(title="x", learner="experts", replay="dynamic", options={"topk": 2})
    for _ in range(2):
        with pytest.raises(UserError, match="topk"):
            check_method(method, "here")
        forget()
    assert not file.exists()
    (tmp_path / "plain").touch()
    monkeypatch.setenv(memo.FILE, str(tmp_path / "plain" / "memo.json"))
    assert memo.remembered("a", lambda: 1) == 1


def test_without_a_file_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(memo.FILE, raising=False)
    forget()
    assert keeps_experts("experts") and not keeps_experts("linear")
    assert memo.remembered("a", lambda: 1) == 1
    assert memo.remembered("a", lambda: 2) == 2
