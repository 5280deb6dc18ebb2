"""What a run's folder holds: paths alone, nothing is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STATE_FILE = "state.json"  # in the folder of a state or a selector: what was trained, and how
MEMORY_FILE = "memory.json"  # beside it: the samples kept of all tasks so far, if any are
TIMING_FILE = "timing.json"  # beside it: what a clock and a memory gauge said


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run. A task is its number, or text: a workflow's wildcard."""

    root: Path

    def task(self, task: int | str) -> Path:
        """The folder of one task."""
        return self.root / (f"task{task:02d}" if isinstance(task, int) else f"task{task}")

    def state(self, task: int | str) -> Path:
        """The folder with what was learnt: adapter, head, ``state.json``, ``timing.json``."""
        return self.task(task) / "state"

    def selector(self, task: int | str) -> Path:
        """The same of the task's selector, where the learner has one."""
        return self.task(task) / "selector"

    def metrics(self, task: int | str) -> Path:
        """How good the run was on all tasks so far."""
        return self.task(task) / "metrics.json"

    def predictions(self, task: int | str) -> Path:
        """What was said of every test sample."""
        return self.task(task) / "predictions.parquet"

    @property
    def package(self) -> Path:
        """The learner in one folder that can be used elsewhere."""
        return self.root / "model"

    @property
    def tracked(self) -> Path:
        """The mark that the run is in MLflow."""
        return self.root / "tracked.json"
