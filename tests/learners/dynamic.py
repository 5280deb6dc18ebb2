"""Dynamic ConPET on the tiny world: what the tests of its options share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.tiny import World

CLASS_TASK = np.array([1, 1, 2, 2, 2, 3])
SOFT: dict[str, Any] = {
    "routing": "soft", "selector": "classes", "top_k": 2, "temperature": True,
    "expert_init": "shared",
}  # fmt: skip


def make_learner(
    world: World, task: int, settings: dict[str, Any] | None = None, **options: Any
) -> Any:
    """Return a learner that has loaded nothing."""
    return world.learner("experts", task, replay="dynamic", options=options, **(settings or {}))


def selected(world: World, folder: Path, task: int, last: int | None = None, **options: Any) -> Any:
    """Return a learner with a selector and experts 1..last of a run; last is the one before."""
    learner = make_learner(world, task, **options)
    states = [folder / f"state{t}" for t in range(1, (last or task - 1) + 1)]
    learner.load(states, folder / f"selector{task}")
    return learner


def fit_bias(plan: Any, loss: Any, accuracy: Any, parameters: Any, *rest: Any) -> None:
    """Stand in for the training loop: all batches at once, until the bias stays."""
    optimizer = torch.optim.SGD([p for p in parameters if p.requires_grad], lr=1.0)
    batch = np.concatenate(plan.epochs[0])
    for _ in range(60):
        optimizer.zero_grad()
        loss(batch).backward()
        optimizer.step()
