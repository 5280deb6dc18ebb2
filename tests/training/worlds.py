"""The tiny world as on a card, and trainings side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from conpet.config.settings import Compute
from conpet.testing.world import World
from conpet.training import Engine
from tests.training.standin import flat, trained

OLD_SCORES = {"options": {"distillation": 0.5}}
CASES: dict[str, dict[str, Any]] = {
    "linear": {},
    "a mean pooled": {"learner": "linear", "pooling": "mean"},
    "old scores": {"learner": "linear", **OLD_SCORES},
    "prior": {"learner": "linear", "prior": "plan", "head": "fixed"},
    "clipped": {"learner": "linear", "training": {"clip_norm": 0.05}},
    # of 64 texts the last batch of an epoch has four
    "every text": {"learner": "linear", "replay": "full", "training": {"batch_size": 5}},
    "lwf": {"replay": "none"},
    "aligned": {},
    "ewc": {},
    "olora": {},
    "der": {"replay": "logits"},
    # in so small a model some of its gradients are rounding alone, which AdamW makes whole steps
    "contrastive": {"options": {"compared": 20}, "training": {"eps": 0.1}},
    "contrastive, exemplars": {
        "learner": "contrastive",
        "replay": "memory",
        "training": {"eps": 0.1},
    },
    "experts": {},
    "two experts": {"learner": "experts", "options": {"top_k": 2, "temperature": True}},
    "seq": {"tuning": {"type": "BITFIT", "config": {}}},
}


class Padded(World):
    """The tiny world as on a card: padded batches, scaled-dot-product attention."""

    pooling = "mask"
    compute = Compute(fast=False)

    def learner(self, *args: Any, pooling: str = "mask", **keys: Any) -> Any:
        self.pooling = pooling
        made: Any = super().learner(*args, **keys)
        made.backbone.model.config._attn_implementation = "sdpa"
        return made


def pair(
    world: Padded, folder: Path, case: str, tasks: int, engine: Engine, **over: Any
) -> tuple[Any, Any]:
    """Return a case's learner trained without an engine and with one, from the same states."""
    keys: dict[str, Any] = {"learner": case, "replay": "dynamic"} | CASES[case] | over
    kind = keys.pop("learner")
    if tasks > 1:
        world.run(kind, folder, tasks=tasks, **keys)
    states = [folder / f"state{t}" for t in range(1, tasks)]
    found = []
    for one in (None, engine):
        memory = world.newest.context.memory if tasks > 1 else None
        learner = world.learner(kind, tasks, memory=memory, **keys)
        selector = folder / f"selector{tasks}"
        learner.load(states, selector if selector.is_dir() else None)
        found.append(trained(learner, one))
    return found[0], found[1]


def check_same(plain: Any, recorded: Any) -> None:
    torch.testing.assert_close(
        flat(recorded.parameters()), flat(plain.parameters()), rtol=1e-5, atol=1e-5
    )
    a, b = plain.history, recorded.history
    np.testing.assert_allclose(b.losses, a.losses, rtol=1e-5, atol=1e-5)
    assert (a.steps, a.best_epoch) == (b.steps, b.best_epoch)
    for one, other in zip(a.epochs, b.epochs, strict=True):
        assert one["valid_accuracy"] == other["valid_accuracy"]
    assert plain.backbone.passed.trained_samples == recorded.backbone.passed.trained_samples
