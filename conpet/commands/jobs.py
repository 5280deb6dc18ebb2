"""What the learning commands do: one learner, one task, one job."""

from __future__ import annotations

import hashlib
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from conpet.config.settings import Compute
from conpet.config.stages import Evaluate, Learn
from conpet.data.stream import Stream, open_stream
from conpet.errors import UserError
from conpet.evaluation import task_metrics
from conpet.files import atomic, atomic_folder, sha256, write_json
from conpet.learners import learner_class
from conpet.learners.assembly import assemble
from conpet.learners.base import Learner, Seeds
from conpet.models.process import prepare_process
from conpet.progress import Listener, Progress
from conpet.provenance import commit
from conpet.replay.base import Plan
from conpet.replay.exemplars import read_memory, write_memory
from conpet.run import MEMORY_FILE, STATE_FILE, TIMING_FILE, RunKey
from conpet.run.states import State, check_same_run, check_tasks, read_state
from conpet.tracking.live import live

REPRESENTED = 40  # test texts a task; enough for a picture, and a few seconds' work


@dataclass(frozen=True)
class Job:
    """One task of one run, and how it is learnt."""

    about: Learn
    key: RunKey
    task: int

    @property
    def name(self) -> str:
        """What progress lines call it."""
        key = self.key
        return f"{key.dataset} {key.model} {key.method} seed {key.seed} task {self.task}"

    def keys(self) -> dict[str, Any]:
        """Return the keys that every file about it starts with."""
        return self.key.of_task(self.task)

    def state(self) -> State:
        """Return what the states of this run say of themselves."""
        return State(**self.keys(), stage="train", settings=self.about)


def _open(encoded: Sequence[Path], task: int) -> Stream:
    stream = open_stream(encoded, task)
    if stream.tasks != task:
        raise UserError(f"task {task}: the encoded files hold {stream.tasks} tasks: give all parts")
    return stream


def _learner(
    job: Job, snapshot: Path, stream: Stream, states: Sequence[Path], what: str
) -> Learner:
    """Make a job's learner, with the memory that the newest state keeps."""
    prepare_process(job.about.settings.compute)
    kept = states[-1] / MEMORY_FILE if states else None
    memory = read_memory(kept, len(stream.label)) if kept and kept.is_file() else None
    progress = Progress(f"{what} {job.name}", listener=_listener(job, what))
    seeds = Seeds(job.key.seed, job.key.dataset)
    return assemble(job.about, (job.key.model, snapshot), stream, seeds, memory, progress)


def _listener(job: Job, what: str) -> Listener | None:
    """Return where the job's loss is streamed, if anywhere."""
    return live(job.key, job.task, what) if what in ("train", "select") else None


def _take_up(
    job: Job,
    learner: Learner,
    states: Sequence[Path],
    selector: Path | None,
    tasks: tuple[int, int],
) -> None:
    """Have a learner take up states of tasks 1..n (or n alone), and the selector of a task.

    Args:
        tasks: n, and the selector's task.

    Raises:
        UserError: a folder holds no state, or one of another task, run or setting; one is missing.
    """
    found = [read_state(folder) for folder in states]
    check_same_run(list(zip(states, found, strict=True)), job.state())
    check_tasks(found, tasks[0], learner.experts)
    if selector is not None:
        chosen = read_state(selector, "select")
        check_same_run([(selector, chosen)], job.state())
        if chosen.task != tasks[1]:
            raise UserError(f"{selector}: the selector of task {chosen.task}, not {tasks[1]}")
    learner.load(states, selector)


def train_task(
    job: Job,
    snapshot: Path,
    encoded: Sequence[Path],
    states: Sequence[Path],
    selector: Path | None,
    out: Path,
) -> None:
    """Learn one task from the earlier states and write the new state, with what it keeps."""
    start = time.monotonic()
    learner = _learner(job, snapshot, _open(encoded, job.task), states, "train")
    _take_up(job, learner, states, selector, (job.task - 1, job.task))
    plan = learner.train()
    learner.keep()
    _write_state(job, learner, plan, encoded, out, (start, "train"))


def train_selector(
    job: Job,
    snapshot: Path,
    encoded: Sequence[Path],
    states: Sequence[Path],
    previous: Path | None,
    out: Path,
) -> None:
    """Train the selector of one task (Dynamic ConPET) from the previous selector."""
    start = time.monotonic()
    if not learner_class(job.about.learner).experts:
        raise UserError(f"method {job.key.method}: its learner has no selector: nothing to select")
    learner: Any = _learner(job, snapshot, _open(encoded, job.task), [], "select")
    _take_up(job, learner, states, previous, (job.task - 1 if states else 0, job.task - 1))
    plan = learner.train_selector()
    _write_state(job, learner, plan, encoded, out, (start, "select"))


def _write_state(
    job: Job,
    learner: Learner,
    plan: Plan,
    encoded: Sequence[Path],
    out: Path,
    begun: tuple[float, str],
) -> None:
    """Write a state's folder; everything but timing.json is the same bytes every time."""
    history, passed, (start, stage) = learner.history, learner.backbone.passed, begun
    with atomic_folder(out) as folder:
        learner.save(folder)
        if stage == "train" and learner.context.replay.keeps:
            write_memory(folder / MEMORY_FILE, learner.keep())
        encoded_hash = hashlib.sha256("".join(sha256(p) for p in encoded).encode()).hexdigest()
        state = {
            **job.keys(),
            "learner": job.about.learner,
            "stage": stage,
            "needs": {"states": "all" if learner.experts else "last", "selector": learner.experts},
            "classes": learner.stream.classes,
            "settings": job.about.model_dump(mode="json"),
            "precision": learner.backbone.precision,
            "plan_sha256": plan.sha256(),
            "encoded_sha256": encoded_hash,
            "best_epoch": history.best_epoch,
            "trainable_parameters": sum(p.numel() for p in learner.parameters()),
            "total_parameters": learner.backbone.total_parameters,
            "stored_bytes": sum(p.stat().st_size for p in folder.rglob("*.safetensors")),
            "samples_passed": passed.trained_samples,
            "tokens_passed": passed.trained_tokens,
            "forward_samples": passed.forward_samples,
            "forward_tokens": passed.forward_tokens,
            "steps": history.steps,
            "epochs": history.epochs,
            "loss_curve": history.loss_curve(),
        }
        write_json(folder / STATE_FILE, state)
        timing = {
            "seconds": round(time.monotonic() - start, 3),
            "peak_memory_mb": round(_peak_memory_mb(learner.backbone.device), 1),
            "threads": torch.get_num_threads(),
            "device": str(learner.backbone.device),
            "git_commit": commit(Path.cwd()),
        }
        write_json(folder / TIMING_FILE, timing)
    learner.context.progress.close()


def _peak_memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


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
        learner = _learner(job, self.snapshot, _open(self.encoded, job.task), [], what)
        _take_up(job, learner, self.states, self.selector, (job.task, job.task))
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
    values = task_metrics(stream.label[indices], guess, tasks, found.selected, job.task)
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
    counts = {"classes_seen": stream.seen, "samples": len(indices)}
    write_json(metrics, {**job.keys(), **counts, **values})
    learner.context.progress.say(f"whole accuracy {100 * values['whole_accuracy']:.1f} %")


def represent_texts(asked: Asked, out: Path) -> None:
    """Write representations of test texts of all tasks (safetensors).

    ``before`` and ``after`` are (n, width), float16; ``task`` and ``label`` (n,). Where there is a
    selector, ``after`` is what it reads: the one space that all tasks share.
    """
    from safetensors.numpy import save_file

    job, learner = asked.open("represent")
    stream = learner.stream
    # not by the run's seed: all runs on a dataset are asked about the same texts
    indices = some_of_each(stream.task, asked.test_samples(job, stream), 0)
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


def some_of_each(
    task: np.ndarray, indices: np.ndarray, seed: int, most: int = REPRESENTED
) -> np.ndarray:
    """Return at most ``most`` of ``indices`` of each task, drawn by the seed, in stream order.

    ``task`` holds the task of every sample of the stream, shape (samples,).
    """
    rng = np.random.default_rng(seed)
    pools = [indices[task[indices] == t] for t in np.unique(task[indices])]
    drawn = [rng.choice(pool, min(most, len(pool)), replace=False) for pool in pools]
    return np.sort(np.concatenate(drawn)) if drawn else indices
