"""What a run's model makes of some test texts, before any training and after the last task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from conpet.errors import UserError
from conpet.files import atomic
from conpet.jobs.learn import Cell, build, take_up

PER_TASK = 40  # texts; enough for a picture, and a few seconds' work


def sample(task: np.ndarray, indices: np.ndarray, seed: int, most: int = PER_TASK) -> np.ndarray:
    """Return at most ``most`` of ``indices`` of each task, drawn by the seed, in stream order.

    ``task`` holds the task of every sample of the stream, shape (samples,).
    """
    rng = np.random.default_rng(seed)
    pools = [indices[task[indices] == t] for t in np.unique(task[indices])]
    drawn = [rng.choice(pool, min(most, len(pool)), replace=False) for pool in pools]
    return np.sort(np.concatenate(drawn)) if drawn else indices


def represent(
    cell: Cell,
    snapshot: Path,
    encoded: Sequence[Path],
    states: Sequence[Path],
    selector: Path | None,
    out: Path,
) -> None:
    """Write representations of test texts of all tasks (safetensors).

    ``before`` and ``after`` are (n, width), float16; ``task`` and ``label`` (n,). Where there is a
    selector, ``after`` is what it reads: the one space that all tasks share.

    Raises:
        UserError: there is no test sample.
    """
    from safetensors.numpy import save_file

    learner = build(cell, snapshot, encoded, [], "represent")
    take_up(cell, learner, states, selector, cell.task)
    stream = learner.stream
    every = stream.of("test", range(1, cell.task + 1))
    if not len(every):
        raise UserError(f"{cell.dataset}: no test sample in tasks 1..{cell.task}: check the split")
    # not by the run's seed: all runs on a dataset are asked about the same texts
    indices = sample(stream.task, every, 0)
    after = learner.representations(indices)
    learner.backbone.reset()
    before = learner.backbone.features(stream, indices).numpy()
    arrays = {
        "before": before.astype(np.float16),
        "after": after.astype(np.float16),
        "task": stream.task[indices].astype(np.int32),
        "label": stream.label[indices].astype(np.int32),
    }
    with atomic(out) as temporary:
        save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, temporary)
    learner.context.progress.close()
