"""A state asked on all its test samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from conpet.commands.job import Job
from conpet.commands.job_run import make_learner, open_encoded, take_up
from conpet.config.settings import Compute
from conpet.config.stages import Evaluate, Learn
from conpet.data.stream import Stream
from conpet.errors import UserError
from conpet.evaluation import task_metrics
from conpet.files import atomic, write_json
from conpet.learners.base import Learner
from conpet.run.inputs import Inputs
from conpet.run.states import read_state


@dataclass(frozen=True)
class Asked:
    """Which states are asked, and how; without settings, as they were learnt."""

    settings: Evaluate | None
    snapshot: Path
    encoded: Sequence[Path]
    states: Sequence[Path]
    selector: Path | None

    def open(self, what: str) -> tuple[Job, Learner]:
        """Return the newest state's learner, all that it needs taken up."""
        if not self.states:
            raise UserError("--state: give the states to ask, oldest first")
        newest = read_state(self.states[-1])
        about = (
            _with_compute(newest.settings, self.settings.compute)
            if self.settings
            else newest.settings
        )
        job = Job(about, newest.key, newest.task)
        learner = make_learner(job, self.snapshot, open_encoded(self.encoded, job.task), [], what)
        inputs = Inputs(self.snapshot, self.encoded)
        take_up(job, learner, inputs, self.states, self.selector, (job.task, job.task))
        return job, learner

    def test_samples(self, job: Job, stream: Stream) -> np.ndarray:
        """Return the test samples of all tasks seen.

        Raises:
            UserError: there is none.
        """
        indices = stream.of("test", range(1, job.task + 1))
        if not len(indices):
            raise UserError(
                f"{job.key.dataset}: no test sample in tasks 1..{job.task}: check the split"
            )
        return indices


def _with_compute(about: Learn, compute: Compute) -> Learn:
    settings = about.settings.model_copy(update={"compute": compute})
    return about.model_copy(update={"settings": settings})


def evaluate_state(asked: Asked, metrics: Path, predictions: Path) -> None:
    """Predict the test samples of all seen tasks; write predictions and their metrics."""
    import pandas as pd

    job, learner = asked.open("evaluate")
    stream = learner.stream
    indices = asked.test_samples(job, stream)
    found = learner.predict(indices)
    guess = found.labels()
    tasks = stream.task[indices]
    in_task = learner.predict_in_task(indices, found)
    values = task_metrics(stream.label[indices], guess, tasks, found.selected, job.task, in_task)
    names = stream.names
    frame = pd.DataFrame(
        {
            "part": stream.part[indices],
            "row": stream.row[indices],
            "task": tasks,
            "label": [names[i] for i in stream.label[indices]],
            "prediction": [names[i] for i in guess],
            "correct": guess == stream.label[indices],
            "score": found.scores.max(1).values.numpy(),
            "selected_task": found.selected[:, 0] if found.selected is not None else -1,
        }
    )
    with atomic(predictions) as temporary:
        frame.to_parquet(temporary, index=False, compression="zstd")
    counts = {
        "scenario": stream.scenario, "classes_seen": stream.seen, "samples": len(indices),
    }  # fmt: skip
    write_json(metrics, {**job.keys(), **counts, **values})
    learner.context.progress.say(f"whole accuracy {100 * values['whole_accuracy']:.1f} %")
