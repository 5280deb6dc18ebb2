"""What holds for every replay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from conpet.config.strict import validate
from conpet.data.encoding import SPLITS
from conpet.replay import replay_class
from conpet.replay.base import Arrived, Plan, Replay
from conpet.replay.exemplars import Memory, read_memory, write_memory
from conpet.temporary import scratch
from conpet.testing.world import TASKS, World, make_encoded


def check_replay(replay: str | type[Replay], options: dict[str, Any] | None = None) -> None:
    """Check a replay's plans and memories, on a tiny stream and without a model.

    Args:
        replay: its name, or its class.
        options: its own, where the defaults are not to be checked.

    Raises:
        AssertionError: what is broken.
        UserError: it has no such options.
    """
    kind = replay_class(replay) if isinstance(replay, str) else replay
    with scratch() as folder:
        _Check(kind, options or {}, folder).all()


class _Check:
    def __init__(self, kind: type[Replay], options: dict[str, Any], folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.world = World(folder)
        self.settings = self.world.settings()
        self.replay = kind(
            validate(kind.Options, options, f"{kind.__name__}: options"), self.settings
        )

    def expect(self, holds: bool, what: str) -> None:
        """Raise an AssertionError that says what is broken, unless it holds."""
        assert holds, f"{self.kind.__name__}: {what}"

    def arrived(self, task: int, encoded: Path | None = None) -> Arrived:
        """Return what has arrived at a task, with what was kept on the way."""
        memory = Memory.empty()
        for earlier in range(1, task):
            here = Arrived(self.world.stream(earlier, encoded), self.settings.training, memory)
            memory = self.replay.keep(here, _features, earlier)
        return Arrived(self.world.stream(task, encoded), self.settings.training, memory)

    def all(self) -> None:
        """Check everything."""
        for task in range(1, TASKS + 1):
            arrived = self.arrived(task)
            for redraw in (True, False):
                self.shape(arrived, self.replay.plan(arrived, 1, redraw))
            self.pure(arrived)
            self.keeps(arrived)
        self.old_samples()
        self.knows_no_later_task()

    def shape(self, arrived: Arrived, plan: Plan) -> None:
        """A plan holds training samples of tasks 1..t, and validation draws beside them."""
        epochs = arrived.training.epochs
        self.expect(len(plan.epochs) == epochs, f"plan: {len(plan.epochs)} epochs, not {epochs}")
        self.expect(
            len(plan.valid) == epochs + 1,
            f"plan: {len(plan.valid)} validation draws, not one before and one after each epoch",
        )
        # exemplars for validation may come from training data
        for name, drawn, splits in (
            ("epochs", plan.trained(), {"train"}),
            ("valid", plan.validated(), {"valid", "train"}),
        ):
            found = {SPLITS[s] for s in arrived.stream.split[drawn]}
            self.expect(found <= splits, f"plan.{name}: holds samples of {sorted(found)}")
        both = np.intersect1d(plan.trained(), plan.validated())
        self.expect(not len(both), "plan: a sample is trained on and validated on")
        sizes = {len(b) for batches in plan.epochs for b in batches}
        self.expect(
            max(sizes) <= arrived.training.batch_size, "plan: a batch is larger than batch_size"
        )

    def pure(self, arrived: Arrived) -> None:
        """A plan depends on its seed alone, and leaves numpy's own generator alone."""
        before = str(np.random.get_state())
        first, again = (self.replay.plan(arrived, 7).sha256() for _ in range(2))
        self.expect(first == again, "plan: the same seed gives two plans")
        other = self.replay.plan(arrived, 8).sha256()
        self.expect(first != other, "plan: another seed gives the same plan")
        after = str(np.random.get_state())
        self.expect(before == after, "plan: draws from numpy's global generator")

    def keeps(self, arrived: Arrived) -> None:
        """A memory holds training samples of tasks 1..t, and comes back from its file."""
        memory, again = (self.replay.keep(arrived, _features, 3) for _ in range(2))
        self.expect(
            memory.train.tolist() == again.train.tolist()
            and memory.valid.tolist() == again.valid.tolist(),
            "keep: the same seed keeps two memories",
        )
        if not self.kind.keeps:
            self.expect(not len(memory.train), "keep: something is kept, but keeps says nothing is")
            return
        kept = np.concatenate([memory.train, memory.valid])
        self.expect(len(memory.train) > 0, "keep: nothing is kept")
        self.expect(len(set(kept.tolist())) == len(kept), "keep: a sample is kept twice")
        self.expect(
            set(arrived.stream.split[kept].tolist()) == {0}, "keep: not training samples alone"
        )
        path = self.folder / "memory.json"
        write_memory(path, memory)
        found = read_memory(path, len(arrived.stream.label))
        self.expect(found.train.tolist() == memory.train.tolist(), "keep: not the same from a file")

    def old_samples(self) -> None:
        """Old samples come back if, and only if, the replay says so."""
        arrived = self.arrived(TASKS)
        trained = self.replay.plan(arrived, 1).trained()
        old = trained[arrived.stream.task[trained] < TASKS]
        self.expect(bool(len(old)) == self.kind.brings_old, "brings_old is not what its plans do")
        may = self.replay.old(arrived)
        self.expect(bool(np.isin(old, may).all()), "old(): leaves out samples that come back")
        self.expect(may.tolist() == sorted(set(may.tolist())), "old(): not sorted, or repeated")

    def knows_no_later_task(self) -> None:
        """No plan depends on tasks that have not arrived."""
        short = make_encoded(self.folder, self.world.snapshot, tasks=2)
        whole, alone = (self.replay.plan(self.arrived(2, e), 1) for e in (None, short))
        self.expect(whole.sha256() == alone.sha256(), "plan: depends on tasks that come after it")


def _features(indices: np.ndarray) -> np.ndarray:
    """Stand in for a learner: (n,) -> (n, 4)."""
    return np.stack([np.sin(indices * k) for k in (1.0, 2.0, 3.0, 5.0)], axis=1)
