"""The card's benchmark on tiny models and the CPU: that it runs, and what it tells."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu_check, library
from benchmarks.__main__ import main
from benchmarks.gpu_check import check_all
from benchmarks.texts import make_stream
from conpet.training.engine import Work
from tests.conftest import ROOT
from tests.training.standin import Kept, Refusing

pytestmark = pytest.mark.slow


def standing_in(monkeypatch: pytest.MonkeyPatch, engine: type[Kept]) -> None:
    def choose(compute: Any, device: Any) -> Kept | None:
        return engine() if compute.graphs == "auto" else None

    monkeypatch.setattr(library, "choose_engine", choose)


def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the texts: what a card does in a second takes a processor a minute."""

    def fewer(*args: Any, counts: tuple[int, int, int], **more: Any) -> Any:
        return make_stream(*args, counts=(counts[0] // 3, *counts[1:]), **more)

    monkeypatch.setattr(gpu_check, "make_stream", fewer)


def test_every_learner_passes_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    standing_in(monkeypatch, Kept)
    short(monkeypatch)
    found = check_all("cpu", tmp_path)
    assert [one.name for one in found[:-2]] == list(gpu_check.LEARNERS)
    assert all(one.good for one in found), found


def test_the_check_says_what_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing_in(monkeypatch, Refusing)
    short(monkeypatch)
    first, *_ = check_all("cpu", tmp_path, ["linear"])
    assert not first.good
    assert "synchronizing" in first.why


class Idle(Kept):
    """Replays do nothing."""

    def capture(self, work: Work) -> Work:
        return lambda: None


def test_a_learner_that_fails_is_a_row_of_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise ValueError("no\nsuch kernel")

    monkeypatch.setattr(gpu_check, "_learnt", fails)
    main(["gpu", "--check", "--learners", "lwf", "--device", "cpu", "--out", str(tmp_path / "gpu")])
    (row,) = json.loads((tmp_path / "gpu.json").read_text())["check"]
    assert row["why"] == "ValueError: no such kernel" and row["difference"] is None
    assert "| lwf | tiny-bert | float32 | 0 | – |" in (tmp_path / "gpu.md").read_text()


def test_the_check_sees_steps_that_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing_in(monkeypatch, Idle)
    short(monkeypatch)
    first, *_ = check_all("cpu", tmp_path, ["linear"])
    assert first.recorded and first.same
    assert not first.near and not first.good


def test_everything_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    standing_in(monkeypatch, Kept)
    arguments = ["--batch", "2", "4", "--rounds", "1", "--steps", "2", "--device", "cpu"]
    main(["gpu", "--learners", "linear", "--shapes", "tiny-llama", "--compiled", *arguments,
          "--out", str(tmp_path / "gpu")])  # fmt: skip
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert [r["batch"] for r in found["results"]] == [2, 4]
    for result in found["results"]:
        assert set(result["tokens_per_second"]["ratios"]) == {"unrecorded", "plain"}
        assert result["graphs"] > 0 and result["step_ms"] > 0
    asked = found["results"][0]["inference"]
    assert set(asked) == {"32", "640"}
    assert set(asked["32"]["ratios"]) == {"swapped", "one adapter"}
    assert "kernels" not in found["results"][0]["profiles"]  # a card's
    assert "| tiny-llama | 4 |" in (tmp_path / "gpu.md").read_text()


def test_it_needs_little() -> None:
    script = (
        "import sys\nimport benchmarks.gpu, benchmarks.alone\n"
        "needless = {'pandas', 'pyarrow', 'mlflow', 'snakemake', 'ruamel', 'sklearn', 'scipy'}\n"
        "sys.exit(str(needless & set(sys.modules)) if needless & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert done.returncode == 0
