"""A version of the code is told whatever lies beside it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from conpet.provenance import CHANGED, commit


def test_changes_are_told_whatever_they_are_called_and_written_in(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    code = tmp_path / "conpet" / "learners"
    code.mkdir(parents=True)
    (code / "linear.py").write_text("A = 1\n")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "one")
    (code / ".#linear.py").symlink_to("user@machine.123")  # an editor's lock
    (code / "._linear.py").write_bytes(b"\x00\x05\x16\x07\xff")  # macOS's, on a disk of others
    plain = commit(tmp_path)
    assert len(plain) == 40
    (code / "größe.py").write_text("B = 1\n", encoding="utf-8")
    added = commit(tmp_path)
    assert added.startswith(plain + CHANGED)
    (code / "größe.py").write_text("B = 2\n", encoding="utf-8")
    assert commit(tmp_path) != added
    (code / "linear.py").write_bytes("A = 'é'\n".encode("latin-1"))
    assert commit(tmp_path).startswith(plain + CHANGED)


def test_commit_outside_git(tmp_path: Path) -> None:
    assert commit(tmp_path) == ""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "theirs"]):
        subprocess.run([*git, *words], check=True)
    assert len(commit(tmp_path)) == 40
    (tmp_path / "site-packages").mkdir()
    assert commit(tmp_path / "site-packages") == ""  # installed into a repository of the user's
