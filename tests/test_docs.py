"""What code and tests cite of docs/methods.md stands there."""

from __future__ import annotations

import re

from tests.conftest import ROOT

FOLDERS = ("conpet", "tests", "workflow", "examples")


def test_every_section_that_is_cited_exists() -> None:
    text = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    cited = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            words = " ".join(path.read_text(encoding="utf-8").split())
            found = re.findall(r"docs/methods\.md, (.{1,40})", words)
            cited += [f"{path.relative_to(ROOT)}: {name}" for name in found]
    assert len(cited) >= 10
    starts = tuple(sections)
    assert [line for line in cited if not line.split(": ", 1)[1].startswith(starts)] == []
