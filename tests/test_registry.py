"""A file of somebody's own that is no learner says why; its code is told from its words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conpet import learners, registry
from conpet.errors import UserError


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file that is looked for as if it were in conpet/learners."""
    folder = tmp_path / "conpet/learners"
    folder.mkdir(parents=True)
    monkeypatch.setattr(learners, "__file__", str(folder / "__init__.py"))
    monkeypatch.setattr(learners, "__path__", [*learners.__path__, str(folder)])
    return folder / "own.py"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class Own:\n    pass\n", "sets no LEARNER: end it with LEARNER = THE CLASS"),
        ("LEARNER = (\n", "line 1: not Python ('(' was never closed)"),
        ("LEARNER = None\n\nNone.x\n", "line 3: cannot be imported (AttributeError: "),
        ("import nowhere_at_all\nLEARNER = 1\n", "line 1: cannot be imported (ModuleNotFoundError"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(own: Path, text: str, said: str) -> None:
    own.write_text(text)
    with pytest.raises(UserError) as told:
        learners.learner_class(own.stem)
    assert str(told.value).startswith(f"conpet/learners/{own.name}: {said}")


def test_no_file_is_an_unknown_name() -> None:
    with pytest.raises(UserError, match="unknown learner 'liner': did you mean 'linear'"):
        learners.learner_class("liner")


def test_code_is_told_from_comments_and_docstrings(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.py" for n in range(3)]
    paths[0].write_text('"""One."""\n\ndef f(x):\n    """Do."""\n    return x + 1  # why\n')
    paths[1].write_text('"""Other."""\ndef f(x):\n    """Do it."""\n    return (x + 1)\n')
    paths[2].write_text('"""One."""\n\ndef f(x):\n    """Do."""\n    return x + 2  # why\n')
    first, words, other = map(registry.code, paths)
    assert first == words != other
    assert registry.code(tmp_path / "none.py") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("REVISION = 2", 2),
        ("REVISION: int = 2", 2),
        ("REVISION = 1\nREVISION = 2", 2),
        ("A = REVISION = 2", 2),
        ("OTHER = 2", 1),
        ("REVISION = 1 + 1", "line 1: REVISION: write a whole number, like REVISION = 2"),
        ("\nREVISION = '2a'", "line 2: REVISION: write a whole number"),
    ],
)
def test_a_revision_is_heeded_however_it_is_set(text: str, expected: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"{text}\n")
    if isinstance(expected, int):
        assert registry.number(tmp_path / "mine.py", "REVISION", 1) == expected
        return
    with pytest.raises(UserError, match=expected):
        registry.number(tmp_path / "mine.py", "REVISION", 1)


def test_what_editors_and_macos_put_beside_a_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("LEARNER = 1\n")
    (tmp_path / "._mine.py").write_bytes(b"\x00\x05\x16\x07\xffLEARNER = 1")
    (tmp_path / ".#mine.py").symlink_to("user@machine.123")
    assert registry.names(tmp_path, "LEARNER") == ["mine"]


def test_a_file_of_another_encoding_is_told(own: Path) -> None:
    own.write_bytes("LEARNER = 'é'\n".encode("latin-1"))
    for ask in (learners.learner_class, lambda name: registry.code(own)):
        with pytest.raises(
            UserError, match=r"conpet/learners/own\.py: not UTF-8: save it as UTF-8"
        ):
            ask(own.stem)
