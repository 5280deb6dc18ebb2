"""What holds for every learner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from conpet import heads, replay
from conpet.config.head import Head
from conpet.config.strict import validate
from conpet.learners import fits, learner_class
from conpet.learners.base import Learner
from conpet.learners.kept import LEARNER_FILE
from conpet.temporary import scratch
from conpet.testing.world import TASKS, World, make_encoded, same_bytes, selector_of

EPOCHS = 6  # with fewer, the untrained state wins the validation of eight texts for some seeds


def check_learner(
    learner: str | type[Learner],
    replays: list[str] | None = None,
    options: dict[str, Any] | None = None,
) -> None:
    """Check a learner with each replay that fits it, on a tiny world.

    Args:
        learner: its name, or its class.
        replays: names; all that fit by default.
        options: its own, where the defaults are not to be checked.

    Raises:
        AssertionError: what is broken, and with which replay.
        UserError: it has no such options.
    """
    kind = learner_class(learner) if isinstance(learner, str) else learner
    fitting = [name for name in replay.names() if fits(kind, replay.replay_class(name))]
    validate(kind.Options, options or {}, f"{kind.__name__}: options")
    assert fitting, f"{kind.__name__}: no replay fits it: see needs_old and has_memory_features"
    for name in replays or fitting:
        with scratch() as folder:
            _Check(kind, {"replay": name, "options": options or {}}, folder).all()


def check_head(head: str, config: dict[str, Any] | None = None) -> None:
    """Check a head on a tiny world: behind a tuned backbone and a frozen one, with replay or not.

    Args:
        head: its name.
        config: its own options, where the defaults are not to be checked.

    Raises:
        AssertionError: what is broken, and with which replay.
        UserError: there is no such head, or it has no such options.
    """
    chosen = Head(type=head, config=config or {})
    heads.check_head(chosen)
    linear, keys = learner_class("linear"), {"options": {}, "head": chosen.model_dump()}
    with scratch() as folder:
        tuned = _Check(linear, keys | {"replay": "dynamic", "tuning": {"type": "LORA"}}, folder)
        tuned.answers(tuned.run("learnt", training={"epochs": 2}))
    with scratch() as folder:
        _Check(linear, keys | {"replay": "none", "tuning": {"type": "none"}}, folder).all()


class _Check:
    def __init__(self, kind: type[Learner], keys: dict[str, Any], folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.world = World(folder)
        self.keys = keys
        self.name = f"{kind.__name__} with replay {keys['replay']}"
        if "head" in keys:
            self.name += f", head {keys['head']}, tuning {keys['tuning']['type']}"

    def expect(self, holds: bool, what: str) -> None:
        """Raise an AssertionError that says what is broken, unless it holds."""
        assert holds, f"{self.name}: {what}"

    def all(self) -> None:
        """Check everything."""
        states = self.run("learnt", training={"epochs": EPOCHS})
        self.answers(states)
        self.counts_what_it_trains()
        self.depends_on_nothing_else()
        self.knows_no_later_task()
        if self.kind.takes_over() and "head" not in self.keys:
            self.can_be_taken_over()

    def run(self, name: str, **keys: Any) -> list[Path]:
        """Learn into a folder of this name."""
        return self.world.run(self.kind, self.folder / name, **(self.keys | keys))

    def answers(self, states: list[Path]) -> None:
        """A state that is loaded answers with log-probabilities over all seen classes."""
        found = []
        for _ in range(2):
            asked = self.world.learner(self.kind, TASKS, **self.keys)
            asked.load(states, selector_of(states))
            indices = asked.stream.of("test", range(1, TASKS + 1))
            found.append(asked.predict(indices))
        first, again = found
        stream = asked.stream
        wanted = (len(indices), stream.seen)
        shape = tuple(first.scores.shape)
        self.expect(shape == wanted, f"predict: scores of shape {shape}, not {wanted}")
        total = first.scores.double().exp().sum(1)
        near = bool(torch.isclose(total, torch.ones_like(total), atol=1e-4).all())
        self.expect(near, "predict: the scores are not log-probabilities")
        self.expect(
            torch.equal(first.scores, again.scores), "a state loaded twice gives two answers"
        )
        one = asked.predict(indices[:1]).scores
        self.expect(
            bool(torch.allclose(one, first.scores[:1], atol=1e-4)),
            "predict: a text's answer depends on the texts beside it",
        )
        newest = stream.task[indices] == TASKS
        right = (first.labels() == stream.label[indices])[newest].mean()
        self.expect(right > 0.4, f"the newest task is not learnt: {right:.0%} of trivial texts")
        ranks = first.selected
        self.expect(
            (ranks is None) != self.kind.experts, "predict: selected is for experts, and only them"
        )

    def counts_what_it_trains(self) -> None:
        """Whatever training changes is in parameters(), and what passes the model is counted."""
        made = self.world.learner(self.kind, 1, **self.keys)
        before = made.backbone.state()
        plan = made.train()
        counted = {id(p) for p in made.parameters()}
        for name, parameter in made.backbone.model.named_parameters():
            if parameter.requires_grad and not torch.equal(parameter, before[name]):
                self.expect(id(parameter) in counted, f"parameters(): {name} is trained too")
        trained = made.backbone.passed.trained_samples
        self.expect(
            made.history.steps == 0 or trained > 0 or made.backbone.frozen,
            "steps were taken, but nothing passed the model",
        )
        samples = made.stream.task[plan.trained()]
        self.expect(bool((samples == 1).all()), "train: the plan of task 1 holds other tasks")

    def depends_on_nothing_else(self) -> None:
        """Two runs give the same bytes, whatever the process's own random numbers are."""
        state = torch.get_rng_state(), np.random.get_state()
        try:
            for seed, name in ((1, "a"), (2, "b")):
                torch.manual_seed(seed)
                np.random.seed(seed)
                self.run(name, tasks=2)
        finally:
            torch.set_rng_state(state[0])
            np.random.set_state(state[1])
        same = same_bytes(self.folder / "a", self.folder / "b")
        self.expect(same, "two runs differ: draw all random numbers from context.seed")

    def knows_no_later_task(self) -> None:
        """No state depends on tasks that have not arrived."""
        short = make_encoded(self.folder, self.world.snapshot, tasks=2)
        self.run("short", tasks=2, encoded=short)
        same = same_bytes(self.folder / "a", self.folder / "short")
        self.expect(same, "a state depends on tasks that come after it")

    def can_be_taken_over(self) -> None:
        """A head that is fitted afterwards changes nothing of the training before it."""
        head: dict[str, Any] = {"head": {"type": "lda"}}
        self.run("fitted", tasks=2, **head)
        for state in ("state1", "state2"):
            own, other = self.folder / "a" / state, self.folder / "fitted" / state
            trained = [p for p in own.rglob("*") if p.is_file() and p.name != LEARNER_FILE]
            same = all(p.read_bytes() == (other / p.relative_to(own)).read_bytes() for p in trained)
            self.expect(same, "a fitted head changes the training: let takes_over() return False")
        taken: Any = self.world.learner(self.kind, 1, **self.keys, **head)
        taken.take_over(self.folder / "a" / "state1")
        (self.folder / "taken").mkdir()
        taken.save(self.folder / "taken")
        found, wanted = (self.folder / place / LEARNER_FILE for place in ("taken", "fitted/state1"))
        same = found.read_bytes() == wanted.read_bytes()
        self.expect(same, "a training that was taken over leaves another state than its own")
