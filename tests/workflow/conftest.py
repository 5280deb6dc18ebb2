"""A small copy of the workflow whose ``conpet`` is a stand-in, so that a run takes seconds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

TINY = {
    "datasets/tiny.yaml": """\
title: Tiny
licence: MIT
kind: relation
format: fewrel
template: "{tail} is the {mask} of {head}."
generator: {seed: 1}
order: {seed: 1, tasks: 3}
""",
    "methods/simple.yaml": "title: Simple\nlearner: linear\nreplay: none\n",
    "methods/recall.yaml": "title: Recall\nlearner: linear\nreplay: memory\n",
    "methods/expert.yaml": "title: Expert\nlearner: experts\nreplay: dynamic\n",
    "experiments/tiny.yaml": """\
title: Tiny
datasets: [tiny]
models: [minilm]
methods: [simple, recall, expert]
seeds: [7]
""",
}


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines of a run, without Snakemake's first, which names the profile."""
    return [line for line in done.stderr.splitlines() if not line.startswith("Using workflow")]


class Workspace:
    """A folder with the workflow in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls_folder = folder / "calls"

    def write(self, name: str, text: str) -> None:
        (self.folder / "config" / name).write_text(text, encoding="utf-8")

    def append(self, name: str, text: str) -> None:
        path = self.folder / "config" / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    def extend(self, text: str) -> None:
        """Write what `conpet extend` adds to the dataset."""
        (self.folder / "config/additions").mkdir()
        self.write("additions/tiny.yaml", text)

    def environment(self, **more: str) -> dict[str, str]:
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "FAKE_CALLS": str(self.calls_folder), **more}

    def command(self, *args: str, experiment: str = "tiny", **config: str) -> list[str]:
        options = [f"{key}={value}" for key, value in {"experiment": experiment, **config}.items()]
        snakemake = [sys.executable, "-m", "snakemake", "--cores", "2"]
        return [*snakemake, *args, "--config", *options]

    def run(
        self, *args: str, env: dict[str, str] | None = None, **config: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*args, **config),
            cwd=self.folder,
            env=self.environment(**(env or {})),
            capture_output=True,
            timeout=120,
            check=False,
        )
        # decoded here: `text` would make line ends of the \r that bars are drawn with
        words = done.stdout.decode(), done.stderr.decode()
        return subprocess.CompletedProcess(done.args, done.returncode, *words)

    def start(self, *args: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*args),
            cwd=self.folder,
            env=self.environment(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def planned(self, *args: str, **config: str) -> dict[str, list[str]]:
        """Return what a dry run lists: the jobs of each rule, without their reasons."""
        done = self.run("-n", *args, **config)
        assert done.returncode == 0, done.stderr
        jobs: dict[str, list[str]] = {}
        for line in done.stderr.splitlines():
            if line.endswith(")") and " (" in line:
                rule, _, name = line.rpartition(" (")[0].partition(" ")
                jobs.setdefault(rule, []).append(name)
        return jobs

    def calls(self) -> list[list[str]]:
        """Return the commands that ran, in order."""
        return [path.read_text().split() for path in sorted(self.calls_folder.glob("*-*"))]

    def forget_calls(self) -> None:
        shutil.rmtree(self.calls_folder, ignore_errors=True)

    def bytes(self) -> dict[str, bytes]:
        """Return the bytes of all results, without times and logs."""
        results = self.folder / "results"
        return {
            str(path.relative_to(results)): path.read_bytes()
            for path in sorted(results.rglob("*"))
            if path.is_file() and path.suffix not in (".tsv", ".log")
        }

    def slow_job(self) -> int:
        """Return the process id of the slow stand-in, once it runs."""
        path = Path(f"{self.calls_folder}.pid")
        for _ in range(600):
            if path.is_file() and path.read_text():
                return int(path.read_text())
            time.sleep(0.1)
        raise AssertionError("the slow job never started")


def make_workspace(folder: Path) -> Workspace:
    for name in ("workflow", "config", "profiles"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy2(ROOT / "Snakefile", folder)
    workspace = Workspace(folder)
    for name, text in TINY.items():
        workspace.write(name, text)
    fake = folder / "bin" / "conpet"
    fake.parent.mkdir()
    source = (ROOT / "tests" / "workflow" / "fake_conpet.py").read_text(encoding="utf-8")
    fake.write_text(f"#!{sys.executable} -SE\n{source}", encoding="utf-8")
    fake.chmod(0o755)
    return workspace


@pytest.fixture
def fresh(tmp_path: Path) -> Workspace:
    """A workspace in which nothing has run."""
    return make_workspace(tmp_path / "work")


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = make_workspace(tmp_path_factory.mktemp("finished") / "work")
    done = workspace.run("all")
    assert done.returncode == 0, done.stderr
    return workspace


@pytest.fixture
def finished(_finished: Workspace, tmp_path: Path) -> Workspace:
    """A workspace in which everything of the experiment has run."""
    shutil.copytree(_finished.folder, tmp_path / "finished")
    return Workspace(tmp_path / "finished")


@pytest.fixture
def reaped() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes put here are gone when the test ends."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()
