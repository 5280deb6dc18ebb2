"""Run what the documents say, as far as a few minutes allow: ``make docs-check``.

All commands are parsed (tests/test_docs_commands.py). Then each `snakemake` command is asked what
it would run, in an empty folder with this project's config, and each benchmark that needs no
downloads is run with the least that it takes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documents import OWN, all_commands

# a benchmark -> its smallest form, in place of what the page says
SMALL = {"scale": ("--tasks", "2", "3")}


def dry_runs() -> list[tuple[str, ...]]:
    """Return the documents' `snakemake` commands, but for the reader's own files and clusters."""
    found = [command.words[1:] for command in all_commands() if command.program == "snakemake"]
    return list(dict.fromkeys(
        words for words in found
        if "--workflow-profile" not in words
        and not any(w.endswith(".yaml") or w.removeprefix("experiment=") in OWN for w in words)
    ))  # fmt: skip


def benchmarks() -> list[tuple[str, ...]]:
    """Return the smallest form of each benchmark that the documents run and that has one."""
    found = [command.words[3] for command in all_commands() if command.program == "benchmarks"]
    return [(name, *SMALL[name]) for name in dict.fromkeys(found) if name in SMALL]


def main() -> int:
    """Parse and run; return 1 where anything fails."""
    if status := pytest.main(["-q", str(ROOT / "tests/test_docs_commands.py")]):
        return int(status)
    failed = 0
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "config").symlink_to(ROOT / "config")
        (Path(name) / "mirror").mkdir()  # the reader's downloads
        start = [sys.executable, "-m"]
        dry = [*start, "snakemake", "-n", "--quiet", "--snakefile", str(ROOT / "Snakefile")]
        tried = [[*dry, "--cores", "1", *words] for words in dry_runs()]
        tried += [[*start, "benchmarks", *words] for words in benchmarks()]
        env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
        for command in tried:
            done = subprocess.run(
                command, cwd=name, env=env, capture_output=True, text=True, check=False
            )
            print("failed" if done.returncode else "ok", *command[2:], flush=True)
            if done.returncode:
                failed += 1
                print(done.stderr, file=sys.stderr)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
