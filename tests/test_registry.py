"""A file of somebody's own that is no learner says why; its code is told from its words."""

from __future__ import annotations

from pathlib import Path

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
