"""What an estimate says of jobs that are there."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conpet.commands import checks, estimation, main, owner

ROW: dict[str, Any] = {
    "dataset": "d", "model": "m", "method": "x", "seeds": 1, "jobs": 4, "there": 4, "samples": 1,
    "tokens": 1, "tflop": 1.0, "bytes": 1, "hours": 1.0, "from": "results",
}  # fmt: skip
ABOUT = SimpleNamespace(name="demo", sha256=lambda: "0")


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ([], "all of them are done\n"),
        (["1 run made with other settings"], "how much is left is not known\n"),
    ],
)
def test_jobs_of_other_settings_are_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    old: list[str], said: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(checks, "open_experiment", lambda *_: ABOUT)
    monkeypatch.setattr(estimation, "estimate", lambda *_: ([ROW], [], "a machine"))
    monkeypatch.setattr(owner, "outdated", lambda *_: iter(old))
    main(["estimate", "demo", "--results", str(tmp_path)])
    out = capsys.readouterr().out
    assert out.endswith(said)
    assert all(f"note: {line}\n" in out for line in old)
