"""Every environment variable of the project is in one place, and is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conpet.environment import ALL, PROGRESS, quiet


def test_all_that_the_code_names_are_in_the_list(root: Path) -> None:
    files = [
        p for place in ("conpet", "workflow") for p in (root / place).rglob("*") if p.is_file()
    ]
    texts = [p.read_text() for p in files if p.suffix in (".py", ".smk")]
    named = {name for text in texts for name in re.findall(r"CONPET_[A-Z_]+", text)}
    assert named == {variable.name for variable in ALL}


def test_what_a_user_sets_is_documented(root: Path) -> None:
    page = (root / "docs/use.md").read_text()
    for variable in ALL:
        assert variable.meaning.startswith("set by the workflow") or f"`{variable.name}`" in page


@pytest.mark.parametrize(("value", "expected"), [("0", True), ("1", False), ("", False)])
def test_quiet(value: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROGRESS.name, value)
    assert quiet() is expected
