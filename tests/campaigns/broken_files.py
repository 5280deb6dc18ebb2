"""Every command with every file that it reads broken in turn: one line, no traceback.

Takes many minutes, so it is run by hand: `python -m pytest tests/campaigns/broken_files.py`.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from conpet.commands import app
from conpet.files import read_json
from tests.chain import Chain, write_yaml

pytestmark = pytest.mark.slow

# `ui` serves and `extend`, `describe` and `params` read configs: tests of their own
ELSEWHERE = {
    "ui",
    "init",
    "estimate",
    "teach",
    "extend",
    "describe",
    "params",
    "targets",
    "verify",
    "diff",
    "publish",
}
BROKEN = {"missing": None, "empty": b"", "noise": b"\x80\x00\xff\xfe" * 64}
BROKEN_JSON = {**BROKEN, "list": b"[1]", "object": b"{}"}


class World(Chain):
    """A finished experiment of two methods and two tasks, in the layout of results."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        experiment = self.config / "experiments/tiny.yaml"
        write_yaml(experiment, {
            "title": "Tiny", "datasets": ["tiny"], "models": ["tiny"], "seeds": [1], "tasks": 2,
            "methods": ["emr", "dynamic"],
            "settings": {
                "training": {"epochs": 1, "batch_size": 4, "lr": 0.01},
                "replay": {"batches": 2, "valid_batch_size": 8}, "memory": {"per_class": 2},
            },
        })  # fmt: skip
        self.raw = self.results / "data/raw"
        self.samples, self.tasks = self.results / "data/s.parquet", self.results / "data/t.json"
        self.out = folder / "out"
        self.package, self.tracked = self.results / "package", folder / "tracked.json"
        self.prepare()
        for method in ("emr", "dynamic"):
            self.learn(method, 2, self.run(method))
        self("package", *self.commands()["package"][0][:-1], self.package)
        self("track-store", *self.store, "--out", folder / "made.json")
        self("track", *self.commands()["track"][0][:-1], self.tracked)
        self("dump-store", *self.store[:2], "--out", folder / "dump.json")

    def run(self, method: str) -> Path:
        """Return a run's folder."""
        return self.results / f"tiny/tiny/tiny/{method}/seed1"

    @property
    def store(self) -> list[str | Path]:
        """The options that name the store."""
        place = f"sqlite:///{self.folder / 'mlflow.db'}"
        return ["--store", place, "--artifacts", self.folder / "artifacts"]

    def commands(self) -> dict[str, tuple[list[str | Path], list[Path]]]:
        """Return each command with its words, the output last, and what it reads."""
        emr, dynamic = (self.run(name) for name in ("emr", "dynamic"))
        part = [*self.of, "--dataset", "tiny"]
        base = [*part, "--part", "base"]
        ask = ["--snapshot", self.snapshot, "--encoded", self.encoded]
        keys = [*part, "--model", "tiny", "--seed", "1", "--task", "2"]
        experts = [dynamic / "task01/state", dynamic / "task02/state", dynamic / "task02/selector"]
        answer = [*ask, "--state", experts[0], "--state", experts[1], "--selector", experts[2]]
        learnt = [self.snapshot, self.encoded]
        runs = [emr / "task02"]  # of one run and task: pictures and pages take their time
        told = [emr / "task02/metrics.json", emr / "task02/state/state.json"]
        matrix = [*self.of, "--results", self.results]
        last = ["--out", self.out]
        track = [*part, "--model", "tiny", "--method", "emr", "--seed", "1", "--run", emr]
        return {
            "fetch-model": ([*self.of, "--model", "tiny", *last], [self.folder / "model"]),
            "fetch-dataset": ([*base, *last], [self.folder / "tiny.csv"]),
            "prepare": (
                [*base, "--raw", self.raw, "--report", self.out.with_suffix(".r"), *last],
                [self.raw],
            ),
            "split": (
                [*base, "--samples", self.samples, "--raw", self.raw, *last], [self.samples]
            ),
            "encode": (
                [*part, "--model", "tiny", "--snapshot", self.snapshot, "--samples", self.samples,
                 "--tasks", self.tasks, *last],
                [self.snapshot, self.samples, self.tasks],
            ),
            "train": (
                [*ask, *keys, "--method", "emr", "--state", emr / "task01/state", *last],
                [*learnt, emr / "task01/state"],
            ),
            "select": (
                [*ask, *keys, "--method", "dynamic", "--state", experts[0], *last],
                [*learnt, experts[0]],
            ),
            "evaluate": (
                [*answer, "--metrics", self.out.with_suffix(".m"), "--predictions", self.out],
                [*learnt, *experts],
            ),
            "package": (
                [*answer, *self.of, *last],
                [self.snapshot / "source.json", *experts],
            ),
            "predict": (["--run", self.package, "--text", "a", *last], [self.package]),
            "table": ([*matrix, "main", *last], runs),
            "plot": ([*matrix, "accuracy", *last], runs),
            "report": ([*matrix, *last], told),
            "tables": ([*matrix, *last], told),
            "show": (matrix, runs),
            "track-store": ([*self.store, *last], [self.folder / "mlflow.db"]),
            "track": ([*track, *self.store, *last], [*runs, self.folder / "mlflow.db"]),
            "track-summary": ([*matrix, *self.store, *last], told),
            "log-model": (
                ["--package", self.package, "--tracked", self.tracked, *self.store[:2], *last],
                [self.package, self.tracked],
            ),
            "dump-store": ([*self.store[:2], *last], [self.folder / "mlflow.db"]),
            "diff-stores": (
                [self.folder / "dump.json", self.store[1]],
                [self.folder / "dump.json", self.folder / "mlflow.db"],
            ),
        }  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("broken"))


@contextlib.contextmanager
def broken(path: Path, how: str) -> Iterator[None]:
    """Break a file for as long as the block runs."""
    before = path.read_bytes()
    content = before[: len(before) // 2] if how == "half" else BROKEN_JSON[how]
    try:
        path.unlink() if content is None else path.write_bytes(content)
        yield
    finally:
        path.write_bytes(before)


def files(places: list[Path]) -> list[Path]:
    found = [p for place in places for p in ([place] if place.is_file() else place.rglob("*"))]
    return sorted(path for path in found if path.is_file())


def commands() -> list[str]:
    return [c.name or c.callback.__name__.replace("_", "-") for c in app.registered_commands]  # type: ignore[union-attr]


@pytest.mark.parametrize("command", [name for name in commands() if name not in ELSEWHERE])
def test_a_broken_file_is_one_line(
    command: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    words, places = world.commands()[command]
    assert said_wrong(world, command, words) == ""
    faults = []
    for path in files(places):
        for how in (*(BROKEN_JSON if path.suffix == ".json" else BROKEN), "half"):
            with broken(path, how):
                fault = said_wrong(world, command, words)
            if fault:
                faults.append(f"{command}: {path.relative_to(world.folder)} {how}: {fault}")
    capsys.readouterr()
    assert faults == []


def said_wrong(world: World, command: str, words: list[str | Path]) -> str:
    """Run a command; return what is wrong with how it ends, if anything."""
    shutil.rmtree(world.out, ignore_errors=True)  # one command's folder is another's file
    world.out.unlink(missing_ok=True)
    try:
        world(command, *words)
    except SystemExit as end:
        if end.code == 128 + signal.SIGTERM:  # sent to this campaign, whose command heeds it
            pytest.exit("stopped by SIGTERM")
        line = str(end.code)
        if not line.startswith("conpet: error: ") or "\n" in line:
            return f"ends with {line!r}"
    except BaseException as error:
        return f"{type(error).__module__}.{type(error).__name__}: {str(error)[:100]!r}"
    return ""


def test_no_command_is_forgotten(world: World) -> None:
    assert set(commands()) == {*world.commands(), *ELSEWHERE}
    assert read_json(world.tracked)
