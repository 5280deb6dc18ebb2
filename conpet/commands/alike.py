"""A training that is taken over: methods that train alike are trained once.

Such a state says the same of its training, byte for byte, as if the method had trained itself, and
its costs are those of its own training too: the other's, without the other's head, and its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conpet.commands.job import Job
from conpet.errors import UserError
from conpet.files import read_json
from conpet.learners.base import Learner
from conpet.replay.base import Plan
from conpet.replay.exemplars import read_memory
from conpet.run import MEMORY_FILE, STATE_FILE, TIMING_FILE
from conpet.run.inputs import Inputs
from conpet.run.states import check_alike, check_classes, read_state
from conpet.training.spent import Spent

#: what a state says of its training
_SAME = ("best_epoch", "samples_passed", "tokens_passed", "steps", "epochs", "loss_curve")
#: by what and where that was computed
_THERE = ("threads", "device", "cpu")


@dataclass(frozen=True)
class Taken:
    """What another method's state says of the training that is taken over."""

    state: dict[str, Any]
    timing: dict[str, Any]

    def of_state(self, fitting: Spent) -> dict[str, Any]:
        """Return what is the other's in the new state.json, given what the own head has cost."""
        forward = {
            f"forward_{kind}": self.state[f"forward_{kind}"]
            - self.state.get("fitting", {}).get(kind, 0)
            + getattr(fitting, kind)
            for kind in ("samples", "tokens")
        }
        return {name: self.state[name] for name in _SAME} | forward

    def of_timing(self, own: dict[str, Any], fitting: Spent) -> dict[str, Any]:
        """Return the new timing.json: what the whole would have taken, and how much of it is old.

        Args:
            own: what was measured in this job.
        """
        found = own | {name: self.timing[name] for name in _THERE if name in self.timing}
        for name in ("seconds", "cpu_seconds"):
            taken = self.timing.get(name, 0.0) - self.timing.get(f"fitting_{name}", 0.0)
            found[name] = round(taken + getattr(fitting, name), 3)
        peaks = (one.get("peak_memory_mb", 0.0) for one in (own, self.timing))
        return found | {
            "peak_memory_mb": max(peaks),
            "taken_from": self.state["method"],
            "own_seconds": own["seconds"],
        }


def take_over(
    job: Job, learner: Learner, inputs: Inputs, trained: Path
) -> tuple[Plan, Taken | None]:
    """Have a learner, its earlier states loaded, take over what another method has trained.

    A state of an older version, which does not say what its own head has cost, cannot be counted:
    then the learner trains by itself, and nothing is taken.

    Raises:
        UserError: the state is of another task, run, model or data, or trained otherwise.
    """
    state = read_state(trained)
    check_alike(trained, state, job.state())
    check_classes(trained, state, learner.stream.classes)
    inputs.check([(trained, state)])
    if not learner.takes_over():
        raise UserError(f"--trained: learner {job.about.learner} trains by itself: leave it out")
    said = read_json(trained / STATE_FILE)
    say = learner.context.progress.say
    if state.settings.settings.head.fitted and "fitting" not in said:
        say(f"{state.method} was trained by an older version: trained here again")
        return learner.train(), None
    say(f"trained by {state.method} already, the same: only fitted here")
    if learner.context.replay.keeps:
        learner.kept = read_memory(trained / MEMORY_FILE, len(learner.stream.label))
    plan = learner.take_over(trained)
    if plan.sha256() != said["plan_sha256"]:
        raise UserError(
            f"{trained}: trained on other batches than {job.key.method} plans: learn both anew"
        )
    timing = trained / TIMING_FILE
    return plan, Taken(said, read_json(timing) if timing.is_file() else {})
