"""The help of `conpet`: every command under what it is for."""

from __future__ import annotations

import pytest

from conpet.commands import PURPOSES, app, main


def test_every_command_stands_under_its_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    said = capsys.readouterr().out
    titles = [line[:-1] for line in said.splitlines() if line.endswith(":") and line[0] != " "]
    assert titles == ["Options", *PURPOSES]
    listed = [line.split()[0] for line in said.splitlines() if line.startswith("  ")]
    for command in app.registered_commands:
        assert command.callback
        assert listed.count(command.callback.__name__.replace("_", "-")) == 1
    assert "..." not in said.replace("ARGS]...", "")  # sentences are whole
