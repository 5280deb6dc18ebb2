"""A small workflow in a folder of its own, with real commands or with stand-ins that take time."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.chain import Chain
from tests.conftest import ROOT
from tests.workflow.conftest import make_workspace
from tests.workflow.test_processes import runner

# what differs from run to run: times, logs, and MLflow's own numbers
UNEQUAL_ENDS = (".tsv", ".log", ".db")
UNEQUAL = {"timing.json", ".snakemake_timestamp"}
# stand-ins write as the real commands do, half now and half later
SLOW_JOB = {"FAKE_HALVES": "0.2"}


class Workspace:
    """The workflow in a folder, and how it is started."""

    def __init__(self, folder: Path, target: str, experiment: str, env: dict[str, str]) -> None:
        self.folder = folder
        self.env = {**os.environ, **env, "CONPET_CAMPAIGN": str(folder)}
        snakemake = [sys.executable, "-m", "snakemake", "--cores", "2"]
        self.command = [*snakemake, target, "--config", f"experiment={experiment}"]

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start it in a process group of its own."""
        return subprocess.Popen(
            [*self.command, *words], cwd=self.folder, env=self.env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Let it run to its end."""
        return subprocess.run(
            [*self.command, *words], cwd=self.folder, env=self.env, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def processes(self) -> list[int]:
        """Return all processes of it, by a variable of their environment (Linux)."""
        mark, found = f"CONPET_CAMPAIGN={self.folder}\0".encode(), []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found

    def jobs(self) -> list[int]:
        """Return the processes that run a job's command."""
        found = []
        for pid in self.processes():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"bin/conpet" in words or b"runner.py" in words:
                    found.append(pid)
        return found

    def bytes(self) -> dict[str, bytes]:
        """Return the bytes of all results that are the same in every run."""
        results = self.folder / "results"
        return {
            str(path.relative_to(results)): path.read_bytes()
            for path in sorted(results.rglob("*"))
            if path.is_file()
            and path.suffix not in UNEQUAL_ENDS
            and path.name not in UNEQUAL
            and path.stem != "cost"  # the table of seconds
        }

    def leftovers(self) -> list[Path]:
        """Return what no finished run has: half-written files, sockets."""
        found = (self.folder / "results").rglob(".*")
        hidden = [path for path in found if path.name != ".snakemake_timestamp"]
        kept = self.folder / ".snakemake"
        return [*hidden, *kept.glob("conpet/.*"), *kept.glob("conpet/*.sock")]

    @staticmethod
    def outside() -> list[Path]:
        """Return this project's files in the system's folder for them that nobody uses."""
        folder = Path(tempfile.gettempdir())
        found = folder.glob(".conpet.*-*-*.tmp")
        return [path for path in found if not runner.alive(int(path.name.split("-")[-2]))]


def make(folder: Path, real: bool) -> Workspace:
    """Make a workspace; a real one has a model of 32 dimensions and two methods."""
    if not real:
        space = make_workspace(folder)
        return Workspace(folder, "tables", "tiny", space.environment(**SLOW_JOB))
    folder.mkdir()
    Chain(folder)
    for name in ("workflow", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "Snakefile", folder)
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return Workspace(folder, "tables", "tiny", {"PATH": beside, "PYTHONPATH": str(ROOT)})
